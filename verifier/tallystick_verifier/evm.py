"""Signed transactions of EVM networks (EIP-1559): ids, digests, signatures, addresses."""

from dataclasses import dataclass

from .hashes import keccak_256

#: secp256k1 (SEC 2, 2.4.1): y^2 = x^3 + 7 over the integers modulo P; G generates N points.
_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_G = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)
_Point = tuple[int, int] | None
#: ``deploy(bytes32 salt, bytes initCode)`` of the factory.
_DEPLOY = keccak_256(b"deploy(bytes32,bytes)")[:4]


@dataclass(frozen=True)
class Transaction:
    id: str
    #: What is signed.
    digest: bytes
    chain_id: int
    nonce: int
    #: Price per unit of gas at most.
    max_fee: int
    to: bytes
    data: bytes
    #: Whether the point that R is of has an odd y.
    parity: int
    r: int
    s: int


def read(raw: bytes) -> Transaction:
    """Raises: ValueError: it is not a type-2 transaction, in the one way to write it."""
    if raw[:1] != b"\x02":
        raise ValueError("a transaction of type 2 begins with 02")
    start, end, is_list = _item(raw, 1)
    if not is_list or end != len(raw):
        raise ValueError("behind 02 there is one list, and nothing else")
    items: list[bytes] = []
    ends, at = [], start
    while at < end:
        first, at, is_list = _item(raw, at)
        # The eighth is a list of what the transaction may touch.
        if is_list is not (len(items) == 8):
            raise ValueError(f"item {len(items)} is not of its kind")
        items.append(raw[first:at])
        ends.append(at)
    if len(items) != 12 or at != end:
        raise ValueError(f"a transaction of type 2 has 12 items, not {len(items)}")
    chain, nonce, _tip, fee, _gas, to, _value, data, _access, parity, r, s = items
    numbers = [items[n] for n in (0, 1, 2, 3, 4, 6, 9, 10, 11)]
    if any(number[:1] == b"\0" or len(number) > 32 for number in numbers):
        raise ValueError("a number begins with 00, or has more than 32 bytes")
    if len(to) not in {0, 20} or parity not in {b"", b"\x01"}:
        raise ValueError("an item is not of its length")
    return Transaction(
        id=f"0x{keccak_256(raw).hex()}",
        digest=keccak_256(b"\x02" + _headed(raw[start : ends[8]])),
        chain_id=int.from_bytes(chain),
        nonce=int.from_bytes(nonce),
        max_fee=int.from_bytes(fee),
        to=to,
        data=data,
        parity=len(parity),
        r=int.from_bytes(r),
        s=int.from_bytes(s),
    )


def is_signed_by(public_key: bytes, transaction: Transaction) -> bool:
    """Whether the key has signed it, under the parity that is told.

    Raises: ValueError: *public_key* is no point of the curve.
    """
    x, y = int.from_bytes(public_key[:32]), int.from_bytes(public_key[32:])
    if x >= _P or y >= _P or (y * y - x**3 - 7) % _P:
        raise ValueError("it is not on the curve")
    # EIP-2: S in the lower half.
    if not (0 < transaction.s <= _N // 2 and 0 < transaction.r < _N):
        return False
    inverse = pow(transaction.s, -1, _N)
    u = int.from_bytes(transaction.digest) * inverse % _N
    point = _sum(_times(u, _G), _times(transaction.r * inverse % _N, (x, y)))
    return point is not None and (point[0] % _N, point[1] % 2) == (
        transaction.r,
        transaction.parity,
    )


def address_of(public_key: bytes) -> str:
    return _spelt(keccak_256(public_key)[-20:])


def created(transaction: Transaction, sender: str) -> tuple[bytes, str] | None:
    """The salt and the address, where *sender* asks a factory to create a contract.

    The factory mixes the sender into the salt, and creates by CREATE2 (EIP-1014).
    """
    data = transaction.data
    length = int.from_bytes(data[68:100])
    if data[:4] != _DEPLOY or int.from_bytes(data[36:68]) != 64 or len(transaction.to) != 20:
        return None
    salt, code = data[4:36], data[100 : 100 + length]
    if len(code) != length or data != data[: 100 + length] + bytes(-length % 32):
        return None
    mixed = keccak_256(bytes(12) + bytes.fromhex(sender[2:]) + salt)
    made = keccak_256(b"\xff" + transaction.to + mixed + keccak_256(code))
    return salt, _spelt(made[-20:])


def _spelt(address: bytes) -> str:
    """As EIP-55 spells it."""
    letters = address.hex()
    checks = keccak_256(letters.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(check, 16) >= 8 else letter
        for letter, check in zip(letters, checks, strict=False)
    )


def _times(number: int, point: _Point) -> _Point:
    found: _Point = None
    while number:
        if number % 2:
            found = _sum(found, point)
        point, number = _sum(point, point), number // 2
    return found


def _sum(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % _P == 0:
        return None
    if one == other:
        slope = 3 * one[0] * one[0] * pow(2 * one[1], -1, _P) % _P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P) % _P
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _item(raw: bytes, at: int) -> tuple[int, int, bool]:
    """Where an RLP item's content begins and ends, and whether it is a list."""
    if at >= len(raw):
        raise ValueError("it ends too early")
    head = raw[at]
    if head < 0x80:
        return at, at + 1, False
    is_list = head >= 0xC0
    length, start = head - (0xC0 if is_list else 0x80), at + 1
    if length > 55:
        width = length - 55
        length, start = int.from_bytes(raw[start : start + width]), start + width
        if length <= 55 or raw[at + 1] == 0:
            raise ValueError("a length is not in its shortest form")
    elif length == 1 and not is_list and raw[start : start + 1] < b"\x80":
        raise ValueError("a byte is not in its shortest form")
    if start + length > len(raw):
        raise ValueError("it ends too early")
    return start, start + length, is_list


def _headed(content: bytes) -> bytes:
    """As an RLP list."""
    if len(content) <= 55:
        return bytes([0xC0 + len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([0xF7 + len(length)]) + length + content
