"""The hashes that chains use and hashlib has not."""

from cryptography.hazmat.primitives import hashes

_MASK = 2**64 - 1
_RATE = 136


def sha512_256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA512_256())
    digest.update(data)
    return digest.finalize()


def keccak_256(data: bytes) -> bytes:
    """Keccak as Ethereum took it, before NIST changed the padding for SHA-3."""
    padded = data + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    padded = padded[:-1] + bytes([padded[-1] | 0x80])
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE):
        for n in range(_RATE // 8):
            at = start + 8 * n
            lanes[n] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK


def _round_constants() -> list[int]:
    """FIPS 202, 3.2.5: bits of a linear shift register."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for bit in range(7):
            if register & 1:
                constant |= 1 << ((1 << bit) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


_CONSTANTS = _round_constants()


def _moves() -> list[tuple[int, int, int]]:
    """FIPS 202, 3.2.2 and 3.2.3: whence a lane comes, where it goes, how far it turns."""
    found, x, y = [(0, 0, 0)], 1, 0
    for step in range(24):
        at = x + 5 * y
        x, y = y, (2 * x + 3 * y) % 5
        found.append((at, x + 5 * y, (step + 1) * (step + 2) // 2 % 64))
    return sorted(found, key=lambda each: each[1])


_MOVES = [(at, by, 64 - by) for at, _, by in _moves()]
_ROWS = [(n, (n + 1) % 5 + n // 5 * 5, (n + 2) % 5 + n // 5 * 5) for n in range(25)]


def _permuted(lanes: list[int]) -> list[int]:
    """Keccak-f[1600] (FIPS 202, 3.3); lane x, y is at x + 5y."""
    for constant in _CONSTANTS:
        sums = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        mixed = [sums[x - 1] ^ _rotated(sums[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[n % 5] for n, lane in enumerate(lanes)]
        moved = [(lanes[at] << left | lanes[at] >> right) & _MASK for at, left, right in _MOVES]
        lanes = [moved[n] ^ (~moved[m] & moved[o]) for n, m, o in _ROWS]
        lanes[0] ^= constant
    return lanes
