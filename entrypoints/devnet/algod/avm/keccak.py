"""Keccak-256, as before its standardisation: SHA3-256 with another padding.

Neither `hashlib` nor `cryptography` has it.  FIPS 202, section 3, gives the permutation.
"""

_LANES = 25
_ROUNDS = 24
_RATE_BYTES = 136
_MOST = 2**64 - 1


def keccak256(message: bytes) -> bytes:
    padded = bytearray(message + b"\x01")
    padded.extend(bytes(-len(padded) % _RATE_BYTES))
    padded[-1] |= 0x80
    return _sponge(bytes(padded))


def _sponge(padded: bytes) -> bytes:
    state = [0] * _LANES
    for begin in range(0, len(padded), _RATE_BYTES):
        block = padded[begin : begin + _RATE_BYTES]
        for lane in range(_RATE_BYTES // 8):
            state[lane] ^= int.from_bytes(block[8 * lane : 8 * lane + 8], "little")
        state = _permuted(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permuted(state: list[int]) -> list[int]:
    register = 1
    for _ in range(_ROUNDS):
        parity = [
            state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
            for x in range(5)
        ]
        state = [
            state[i] ^ parity[(i + 4) % 5] ^ _turned(parity[(i + 1) % 5], 1) for i in range(_LANES)
        ]
        state = _moved(state)
        state = [
            state[i] ^ (~state[i // 5 * 5 + (i + 1) % 5] & state[i // 5 * 5 + (i + 2) % 5] & _MOST)
            for i in range(_LANES)
        ]
        for bit in range(7):
            # The linear register of section 3.2.5: its output bits are the round's constant.
            if register & 1:
                state[0] ^= 1 << (2**bit - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
    return state


def _moved(state: list[int]) -> list[int]:
    """Rho and pi: each lane turned, and put in another place."""
    moved = [0] * _LANES
    moved[0] = state[0]
    x, y = 1, 0
    for step in range(_ROUNDS):
        target = 5 * ((2 * x + 3 * y) % 5) + y
        moved[target] = _turned(state[5 * y + x], (step + 1) * (step + 2) // 2 % 64)
        x, y = y, (2 * x + 3 * y) % 5
    return moved


def _turned(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _MOST
