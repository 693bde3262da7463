"""Signed transactions of EVM networks (EIP-1559): ids, digests, signatures, addresses."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from .hashes import keccak_256

#: Half of the order of secp256k1: S is not above it (EIP-2).
_HALF = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0


@dataclass(frozen=True)
class Transaction:
    id: str
    #: What is signed.
    digest: bytes
    chain_id: int
    nonce: int
    r: int
    s: int


def read(raw: bytes) -> Transaction:
    """Raises: ValueError: it is not a type-2 transaction."""
    if raw[:1] != b"\x02":
        raise ValueError("a transaction of type 2 begins with 02")
    start, end, is_list = _item(raw, 1)
    if not is_list or end != len(raw):
        raise ValueError("behind 02 there is one list, and nothing else")
    spans, at = [], start
    while at < end:
        first, after, _ = _item(raw, at)
        spans.append((at, first, after))
        at = after
    if len(spans) != 12 or at != end:
        raise ValueError(f"a transaction of type 2 has 12 items, not {len(spans)}")
    unsigned = raw[start : spans[8][2]]
    numbers = [int.from_bytes(raw[first:after]) for _, first, after in spans]
    return Transaction(
        id=f"0x{keccak_256(raw).hex()}",
        digest=keccak_256(b"\x02" + _headed(unsigned)),
        chain_id=numbers[0],
        nonce=numbers[1],
        r=numbers[10],
        s=numbers[11],
    )


def is_signed_by(public_key: bytes, transaction: Transaction) -> bool:
    """Raises: ValueError: *public_key* is no point of the curve."""
    x, y = int.from_bytes(public_key[:32]), int.from_bytes(public_key[32:])
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256K1()).public_key()
    if not 0 < transaction.s <= _HALF or transaction.r == 0:
        return False
    signature = encode_dss_signature(transaction.r, transaction.s)
    try:
        # It is a digest of 32 bytes already; which function made it, ECDSA does not ask.
        key.verify(signature, transaction.digest, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def address_of(public_key: bytes) -> str:
    """As EIP-55 spells it."""
    letters = keccak_256(public_key)[-20:].hex()
    checks = keccak_256(letters.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(check, 16) >= 8 else letter
        for letter, check in zip(letters, checks, strict=False)
    )


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
