"""Signed transactions as they come over the wire.

Every field has a kind; what is unknown, of another kind, or not canonically encoded is refused.
A real node reads some of these and signs for none of them: it verifies the signature over the
canonical form, so an odd encoding fails there, later and with a worse explanation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from entrypoints.devnet.algod.encoding import (
    ZERO_ADDRESS,
    EncodingError,
    Fields,
    base32,
    digest,
    is_zero,
    pack,
    unpack_each,
)
from entrypoints.devnet.algod.limits import MOST_IN_GROUP, RefusedError

_MOST_UINT = 2**64 - 1


def _uint(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST_UINT


def _bytes32(value: object) -> bool:
    return type(value) is bytes and len(value) == 32


def _bytes64(value: object) -> bool:
    return type(value) is bytes and len(value) == 64


def _bytes(value: object) -> bool:
    return type(value) is bytes


def _text(value: object) -> bool:
    return type(value) is str


def _bool(value: object) -> bool:
    return type(value) is bool


def _list_of(kind: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: type(value) is list and all(kind(item) for item in value)


def _map_of(kinds: "Kinds") -> Callable[[object], bool]:
    return lambda value: (
        type(value) is dict
        and all(name in kinds and kinds[name](item) for name, item in value.items())
    )


def _anything(value: object) -> bool:
    del value
    return True


Kinds = dict[str, Callable[[object], bool]]

ASSET_PARAMETERS: Kinds = {
    "t": _uint, "dc": _uint, "df": _bool, "un": _text, "an": _text, "au": _text, "am": _bytes32,
    "m": _bytes32, "r": _bytes32, "f": _bytes32, "c": _bytes32,
}  # fmt: skip
_HEADER: Kinds = {
    "type": _text, "snd": _bytes32, "fee": _uint, "fv": _uint, "lv": _uint, "note": _bytes,
    "gen": _text, "gh": _bytes32, "grp": _bytes32, "lx": _bytes32, "rekey": _bytes32,
}  # fmt: skip


_asset_parameters = _map_of(ASSET_PARAMETERS)
_schema = _map_of({"nui": _uint, "nbs": _uint})
_box_reference = _map_of({"i": _uint, "n": _bytes})

#: The fields of each type.  Those of keys and proofs are known, so that a transaction of another
#: type that has them is refused for the right reason.
FIELDS_OF: dict[str, Kinds] = {
    "pay": {"rcv": _bytes32, "amt": _uint, "close": _bytes32},
    "acfg": {"caid": _uint, "apar": _asset_parameters},
    "axfer": {
        "xaid": _uint, "aamt": _uint, "asnd": _bytes32, "arcv": _bytes32, "aclose": _bytes32,
    },
    "afrz": {"fadd": _bytes32, "faid": _uint, "afrz": _bool},
    "appl": {
        "apid": _uint, "apan": _uint, "apat": _list_of(_bytes32), "apap": _bytes,
        "apaa": _list_of(_bytes), "apas": _list_of(_uint), "apfa": _list_of(_uint),
        "apbx": _list_of(_box_reference), "apls": _schema, "apgs": _schema, "apsu": _bytes,
        "apep": _uint, "al": _anything, "aprv": _uint,
    },
    "keyreg": {
        "votekey": _bytes32, "selkey": _bytes32, "sprfkey": _bytes64, "votefst": _uint,
        "votelst": _uint, "votekd": _uint, "nonpart": _bool,
    },
    "stpf": {"sptype": _uint, "sp": _anything, "spmsg": _anything},
    "hb": {"hb": _anything},
}  # fmt: skip
_TRANSACTION: Kinds = _HEADER | {
    name: kind for kinds in FIELDS_OF.values() for name, kind in kinds.items()
}
_SIGNED: Kinds = {
    "txn": lambda value: type(value) is dict,
    "sig": _bytes64,
    "sgnr": _bytes32,
    "msig": _anything,
    "lsig": _anything,
    "pqsig": _anything,
}


@dataclass(frozen=True)
class SignedTransaction:
    """The signed form's fields, as decoded; `read` is the way to get one from bytes."""

    fields: Fields

    @property
    def txn(self) -> Fields:
        inner: Fields = self.fields.get("txn", {})
        return inner

    @property
    def type(self) -> str:
        return str(self.txn.get("type", ""))

    @property
    def sender(self) -> bytes:
        return self.address("snd")

    @property
    def authorizer(self) -> bytes:
        """Who the signature is said to be by: `sgnr`, else the sender."""
        signer: bytes = self.fields.get("sgnr", self.sender)
        return signer

    @property
    def fee(self) -> int:
        return self.number("fee")

    @property
    def first_valid(self) -> int:
        return self.number("fv")

    @property
    def last_valid(self) -> int:
        return self.number("lv")

    @property
    def group(self) -> bytes:
        return self.address("grp")

    @property
    def lease(self) -> bytes:
        """All zero: none."""
        return self.address("lx")

    @property
    def note(self) -> bytes:
        note: bytes = self.txn.get("note", b"")
        return note

    def number(self, name: str) -> int:
        value: int = self.txn.get(name, 0)
        return value

    def address(self, name: str) -> bytes:
        value: bytes = self.txn.get(name, ZERO_ADDRESS)
        return value

    @cached_property
    def encoded(self) -> bytes:
        return pack(self.fields)

    @cached_property
    def signed_bytes(self) -> bytes:
        return b"TX" + pack(self.txn)

    @cached_property
    def txid_bytes(self) -> bytes:
        return digest(b"", self.signed_bytes)

    @property
    def txid(self) -> str:
        return base32(self.txid_bytes)

    @property
    def digest_without_group(self) -> bytes:
        """What a group's id is made of."""
        return digest(b"TX", pack({name: x for name, x in self.txn.items() if name != "grp"}))


Group = tuple[SignedTransaction, ...]


def read(body: bytes) -> Group:
    """The transactions of one submission, in order.

    Raises:
        RefusedError: no transactions, too many, or not what a node can read.
    """
    try:
        values = list(unpack_each(body))
    except EncodingError as error:
        raise RefusedError(str(error)) from error
    if not values:
        raise RefusedError("empty txgroup")
    if len(values) > MOST_IN_GROUP:
        raise RefusedError(f"max group size is {MOST_IN_GROUP}")
    group = tuple(from_fields(value) for value, _ in values)
    for transaction, (_, read_from) in zip(group, values, strict=True):
        if transaction.encoded != read_from:
            raise RefusedError(f"transaction {transaction.txid} is not canonically encoded")
    return group


def from_fields(fields: object) -> SignedTransaction:
    """Raises: RefusedError: a field is unknown or of another kind."""
    _must_be(fields, _SIGNED)
    transaction = SignedTransaction(fields)  # type: ignore[arg-type]  # as was just made sure of
    _must_be(transaction.txn, _TRANSACTION)
    return transaction


def group_id(group: Group) -> bytes:
    return digest(b"TG", pack({"txlist": [each.digest_without_group for each in group]}))


def has_fields_of(transaction: SignedTransaction, kind: str) -> bool:
    return any(not is_zero(name, transaction.txn.get(name)) for name in FIELDS_OF[kind])


def _must_be(fields: Any, kinds: Kinds) -> None:
    if type(fields) is not dict:
        raise RefusedError(f"msgpack decode error: a map is wanted, not {type(fields).__name__}")
    for name, value in fields.items():
        if name not in kinds:
            raise RefusedError(
                "msgpack decode error: no matching struct field found when decoding stream map"
                f" with key {name}"
            )
        if not kinds[name](value):
            raise RefusedError(f"msgpack decode error: field {name} cannot be {value!r:.80}")
