"""Signed transactions of Algorand: groups, ids, signatures, addresses.

MessagePack is read only as far as a transaction needs it, and only in the canonical form: where a
member begins and ends is what hashes and signatures are over.
"""

from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass

from . import ed25519
from .hashes import sha512_256


@dataclass(frozen=True)
class Transaction:
    id: str
    #: ``"TX"`` and the bytes of the transaction.
    message: bytes
    signature: bytes
    #: The key that signs: the sender's, or the one that it was rekeyed to.
    signer: bytes
    sender: bytes
    #: URL-safe base64 of the genesis hash.
    genesis: str
    lease: bytes
    last_round: int
    #: Total and decimals of the asset that it creates.
    asset: tuple[int, int] | None


def read(raw: bytes) -> list[Transaction]:
    """The group.  Raises: ValueError: it is none."""
    found, at, stripped, groups = [], 0, [], set()
    while at < len(raw):
        outer, at = _map(raw, at)
        if not {"sig", "txn"} <= outer.keys() <= {"sig", "sgnr", "txn"}:
            raise ValueError(f"a signed transaction has sig and txn, not {sorted(outer)}")
        first, after = outer["txn"]
        members, _ = _map(raw, first)
        sender = _bytes(raw, members, "snd", 32)
        signer = _bytes(raw, outer, "sgnr", 32) if "sgnr" in outer else sender
        if "sgnr" in outer and signer == sender:
            raise ValueError("sgnr is named where another than the sender signs")
        message = b"TX" + raw[first:after]
        found.append(
            Transaction(
                id=_base32(sha512_256(message)),
                message=message,
                signature=_bytes(raw, outer, "sig", 64),
                signer=signer,
                sender=sender,
                genesis=urlsafe_b64encode(_bytes(raw, members, "gh", 32)).decode(),
                lease=_bytes(raw, members, "lx", 32) if "lx" in members else b"",
                last_round=_integer(raw, members, "lv"),
                asset=_asset(raw, members),
            )
        )
        groups.add(_bytes(raw, members, "grp", 32) if "grp" in members else b"")
        stripped.append(sha512_256(b"TX" + _without_group(raw, first, after, members)))
    if not found:
        raise ValueError("there is no transaction")
    if len(found) > 1 or groups != {b""}:
        # {"txlist": [32 bytes, …]}
        count = len(stripped)
        if count > 15:
            raise ValueError("a group has at most 15 transactions here")
        hashes = b"".join(b"\xc4\x20" + each for each in stripped)
        group = sha512_256(b"TG\x81\xa6txlist" + bytes([0x90 + count]) + hashes)
        if groups != {group}:
            raise ValueError("the transactions do not name the group that they make")
    return found


def is_signed(transaction: Transaction) -> bool:
    return ed25519.is_signed(transaction.signer, transaction.signature, transaction.message)


def address_of(public_key: bytes) -> str:
    return _base32(public_key + sha512_256(public_key)[-4:])


def _base32(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=")


def _without_group(
    raw: bytes, first: int, after: int, members: dict[str, tuple[int, int]]
) -> bytes:
    if "grp" not in members:
        return raw[first:after]
    begin, end = members["grp"]
    name = len(b"\xa3grp")
    count = len(members) - 1
    head = bytes([0x80 + count]) if count < 16 else b"\xde" + count.to_bytes(2)
    body = first + (1 if raw[first] < 0x90 else 3)
    return head + raw[body : begin - name] + raw[end:after]


def _map(raw: bytes, at: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Where each member's value begins and ends, names ascending; and where the map does."""
    kind = raw[at : at + 1]
    if b"\x80" <= kind <= b"\x8f":
        count, at = kind[0] & 15, at + 1
    elif kind == b"\xde":
        count, at = int.from_bytes(raw[at + 1 : at + 3]), at + 3
    else:
        raise ValueError("a map was expected")
    members: dict[str, tuple[int, int]] = {}
    for _ in range(count):
        start, end = _span(raw, at)
        name = raw[start:end].decode()
        if members and name <= max(members):
            raise ValueError(f"{name} is not in its place")
        after = _skip(raw, end)
        members[name], at = (end, after), after
    return members, at


def _skip(raw: bytes, at: int, depth: int = 0) -> int:
    """Where the value ends that begins there."""
    if at >= len(raw) or depth > 8:
        raise ValueError("it ends too early, or is nested too deep")
    kind = raw[at]
    if 0x80 <= kind <= 0x9F or kind in {0xDC, 0xDE}:
        wide = kind in {0xDC, 0xDE}
        count = int.from_bytes(raw[at + 1 : at + 3]) if wide else kind & 15
        is_map = kind == 0xDE or kind <= 0x8F
        at += 3 if wide else 1
        for _ in range(count * (2 if is_map else 1)):
            at = _skip(raw, at, depth + 1)
        return at
    return _span(raw, at)[1]


#: Widths of numbers, and of the lengths before texts and bytes.
_NUMBERS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_LENGTHS = {0xC4: 1, 0xC5: 2, 0xD9: 1, 0xDA: 2}


def _span(raw: bytes, at: int) -> tuple[int, int]:
    """Where the content of a text, bytes, number or truth begins and ends."""
    kind = raw[at] if at < len(raw) else -1
    if 0 <= kind < 0x80 or kind in {0xC2, 0xC3}:
        start, end = at, at + 1
    elif 0xA0 <= kind <= 0xBF:
        start, end = at + 1, at + 1 + (kind & 31)
    elif kind in _NUMBERS:
        start, end = at + 1, at + 1 + _NUMBERS[kind]
    elif kind in _LENGTHS:
        start = at + 1 + _LENGTHS[kind]
        end = start + int.from_bytes(raw[at + 1 : start])
    else:
        raise ValueError(f"no value begins with {kind:02x}" if kind >= 0 else "it ends too early")
    if end > len(raw):
        raise ValueError("it ends too early")
    return start, end


def _asset(raw: bytes, members: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
    if "apar" not in members or "caid" in members:
        return None
    parameters, _ = _map(raw, members["apar"][0])
    return _integer(raw, parameters, "t"), _integer(raw, parameters, "dc")


def _bytes(raw: bytes, members: dict[str, tuple[int, int]], name: str, length: int) -> bytes:
    if name not in members:
        raise ValueError(f"there is no {name}")
    start, end = _span(raw, members[name][0])
    if end - start != length:
        raise ValueError(f"{name} has {end - start} bytes, not {length}")
    return raw[start:end]


def _integer(raw: bytes, members: dict[str, tuple[int, int]], name: str) -> int:
    if name not in members:
        return 0
    start, end = _span(raw, members[name][0])
    return int.from_bytes(raw[start:end])
