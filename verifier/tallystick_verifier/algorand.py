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
    #: The rounds that it may land in, both included.
    first_round: int
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
                first_round=_integer(raw, members, "fv"),
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


def _map(raw: bytes, at: int, depth: int = 0) -> tuple[dict[str, tuple[int, int]], int]:
    """Where each member's value begins and ends, names ascending; and where the map does.

    A member that says nothing is left out: chains hash what they would write themselves.
    """
    count, is_map, at = _counted(raw, at)
    if not is_map:
        raise ValueError("a map was expected")
    members: dict[str, tuple[int, int]] = {}
    before = ""
    for _ in range(count):
        start, end = _span(raw, at, _TEXT)
        name = raw[start:end].decode()
        if name <= before:
            raise ValueError(f"{name} is not in its place")
        after = _skip(raw, end, depth + 1)
        if raw[end:after] in _NOTHING:
            raise ValueError(f"{name} says nothing")
        members[name], at, before = (end, after), after, name
    return members, at


def _skip(raw: bytes, at: int, depth: int = 0) -> int:
    """Where the value ends that begins there."""
    if depth > 8:
        raise ValueError("it is nested too deep")
    kind = _kind(raw, at)
    if kind not in _MAP | _LIST:
        return _span(raw, at, _ANY)[1]
    if kind in _MAP:
        # Maps in maps are written alike.
        return _map(raw, at, depth)[1]
    count, _, at = _counted(raw, at)
    for _ in range(count):
        at = _skip(raw, at, depth + 1)
    return at


_MAP = frozenset({*range(0x80, 0x90), 0xDE})
_LIST = frozenset({*range(0x90, 0xA0), 0xDC})
_TEXT = frozenset({*range(0xA0, 0xC0), 0xD9, 0xDA})
_BYTES = frozenset({0xC4, 0xC5})
_NUMBER = frozenset({*range(0x80), 0xCC, 0xCD, 0xCE, 0xCF})
_ANY = _TEXT | _BYTES | _NUMBER | {0xC2, 0xC3}
#: Zero, an empty text, empty bytes, false, an empty map or list.
_NOTHING = frozenset({b"\0", b"\xa0", b"\xc4\0", b"\xc2", b"\x80", b"\x90"})
#: Widths of numbers, and of the lengths before texts and bytes; the least of each width, for there
#: is one way to write each.
_NUMBERS = {0xCC: (1, 2**7), 0xCD: (2, 2**8), 0xCE: (4, 2**16), 0xCF: (8, 2**32)}
_LENGTHS = {0xC4: (1, 0), 0xC5: (2, 2**8), 0xD9: (1, 2**5), 0xDA: (2, 2**8)}


def _kind(raw: bytes, at: int) -> int:
    if at >= len(raw):
        raise ValueError("it ends too early")
    return raw[at]


def _counted(raw: bytes, at: int) -> tuple[int, bool, int]:
    """How many members or entries there are, whether they are members, and where they begin."""
    kind = _kind(raw, at)
    if kind not in _MAP | _LIST:
        raise ValueError("a map or a list was expected")
    if kind not in {0xDC, 0xDE}:
        return kind & 15, kind in _MAP, at + 1
    count = int.from_bytes(raw[at + 1 : at + 3])
    if count < 16:
        raise ValueError("a count is not in its shortest form")
    return count, kind in _MAP, at + 3


def _span(raw: bytes, at: int, kinds: frozenset[int]) -> tuple[int, int]:
    """Where the content of a text, bytes, number or truth begins and ends, if it is of *kinds*."""
    kind = _kind(raw, at)
    if kind not in kinds:
        raise ValueError(f"{kind:02x} does not begin what was expected")
    start, end, found, least = at, at + 1, 0, 0
    if 0xA0 <= kind <= 0xBF:
        start, end = at + 1, at + 1 + (kind & 31)
    elif kind in _NUMBERS:
        width, least = _NUMBERS[kind]
        start, end = at + 1, at + 1 + width
        found = int.from_bytes(raw[start:end])
    elif kind in _LENGTHS:
        width, least = _LENGTHS[kind]
        start = at + 1 + width
        found = int.from_bytes(raw[at + 1 : start])
        end = start + found
    if found < least:
        raise ValueError("a number or a length is not in its shortest form")
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
    start, end = _span(raw, members[name][0], _BYTES)
    if end - start != length:
        raise ValueError(f"{name} has {end - start} bytes, not {length}")
    return raw[start:end]


def _integer(raw: bytes, members: dict[str, tuple[int, int]], name: str) -> int:
    if name not in members:
        return 0
    start, end = _span(raw, members[name][0], _NUMBER)
    return int.from_bytes(raw[start:end])
