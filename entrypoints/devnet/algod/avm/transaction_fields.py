"""What programs read of transactions: of their own group, and of the inner ones they sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entrypoints.devnet.algod.applied import Applied, Value
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import (
    MOST_VALUE_BYTES,
    LogicError,
    Operations,
    Pushed,
    UnsupportedError,
)
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS
from entrypoints.devnet.algod.transactions import SignedTransaction

OPERATIONS = Operations()
declare = OPERATIONS.declare

TYPES = ("unknown", "pay", "keyreg", "acfg", "axfer", "afrz", "appl")


@dataclass(frozen=True)
class Read:
    """A transaction, and where it stands."""

    transaction: SignedTransaction
    applied: Applied
    position: int
    txid: bytes
    machine: Machine

    @property
    def txn(self) -> Any:
        return self.transaction.txn


Reader = Callable[[Read], Value]
ArrayReader = Callable[[Read], list[Any]]


@dataclass(frozen=True)
class Field:
    name: str
    since: int
    read: Reader | None = None
    #: Of a field that is an array.
    items: ArrayReader | None = None
    #: Only once the transaction has been applied.
    is_effect: bool = False


def _number(name: str) -> Reader:
    return lambda read: int(read.txn.get(name, 0))


def _bytes(name: str) -> Reader:
    return lambda read: bytes(read.txn.get(name, b""))


def _address(name: str) -> Reader:
    return lambda read: read.transaction.address(name)


def _asset(name: str, zero: Any) -> Reader:
    def reader(read: Read) -> Value:
        value = read.txn.get("apar", {}).get(name, zero)
        if isinstance(value, str):
            return value.encode(errors="surrogateescape")
        return value if isinstance(value, bytes) else int(value)

    return reader


def _schema(name: str, kind: str) -> Reader:
    return lambda read: int(read.txn.get(name, {}).get(kind, 0))


def _list(name: str) -> ArrayReader:
    return lambda read: list(read.txn.get(name, ()))


def _count(items: ArrayReader) -> Reader:
    return lambda read: len(items(read))


def _pages(name: str) -> ArrayReader:
    def pages(read: Read) -> list[Any]:
        code: bytes = read.txn.get(name, b"")
        return [
            code[start : start + MOST_VALUE_BYTES]
            for start in range(0, len(code), MOST_VALUE_BYTES)
        ]

    return pages


def _accounts(read: Read) -> list[Any]:
    return [read.transaction.sender, *read.txn.get("apat", ())]


def _applications(read: Read) -> list[Any]:
    return [read.txn.get("apid", 0), *read.txn.get("apfa", ())]


def _first_valid_time(read: Read) -> Value:
    before = read.transaction.first_valid - 1
    if not 0 < before < read.machine.draft.next_round:
        raise LogicError(f"round {before} is not available")
    return read.machine.draft.timestamp(before)


def _logs(read: Read) -> list[Any]:
    return list(read.applied.logs)


#: By number; what keys and proofs have is not here.
FIELDS: dict[int, Field] = {
    0: Field("Sender", 1, _address("snd")),
    1: Field("Fee", 1, _number("fee")),
    2: Field("FirstValid", 1, _number("fv")),
    3: Field("FirstValidTime", 7, _first_valid_time),
    4: Field("LastValid", 1, _number("lv")),
    5: Field("Note", 1, _bytes("note")),
    6: Field("Lease", 1, _address("lx")),
    7: Field("Receiver", 1, _address("rcv")),
    8: Field("Amount", 1, _number("amt")),
    9: Field("CloseRemainderTo", 1, _address("close")),
    15: Field("Type", 1, lambda read: read.transaction.type.encode()),
    16: Field("TypeEnum", 1, lambda read: TYPES.index(read.transaction.type)),
    17: Field("XferAsset", 1, _number("xaid")),
    18: Field("AssetAmount", 1, _number("aamt")),
    19: Field("AssetSender", 1, _address("asnd")),
    20: Field("AssetReceiver", 1, _address("arcv")),
    21: Field("AssetCloseTo", 1, _address("aclose")),
    22: Field("GroupIndex", 1, lambda read: read.position),
    23: Field("TxID", 1, lambda read: read.txid),
    24: Field("ApplicationID", 2, _number("apid")),
    25: Field("OnCompletion", 2, _number("apan")),
    26: Field("ApplicationArgs", 2, items=_list("apaa")),
    27: Field("NumAppArgs", 2, _count(_list("apaa"))),
    28: Field("Accounts", 2, items=_accounts),
    29: Field("NumAccounts", 2, _count(_list("apat"))),
    30: Field("ApprovalProgram", 2, _bytes("apap")),
    31: Field("ClearStateProgram", 2, _bytes("apsu")),
    32: Field("RekeyTo", 2, _address("rekey")),
    33: Field("ConfigAsset", 2, _number("caid")),
    34: Field("ConfigAssetTotal", 2, _asset("t", 0)),
    35: Field("ConfigAssetDecimals", 2, _asset("dc", 0)),
    36: Field("ConfigAssetDefaultFrozen", 2, _asset("df", 0)),
    37: Field("ConfigAssetUnitName", 2, _asset("un", b"")),
    38: Field("ConfigAssetName", 2, _asset("an", b"")),
    39: Field("ConfigAssetURL", 2, _asset("au", b"")),
    40: Field("ConfigAssetMetadataHash", 2, _asset("am", ZERO_ADDRESS)),
    41: Field("ConfigAssetManager", 2, _asset("m", ZERO_ADDRESS)),
    42: Field("ConfigAssetReserve", 2, _asset("r", ZERO_ADDRESS)),
    43: Field("ConfigAssetFreeze", 2, _asset("f", ZERO_ADDRESS)),
    44: Field("ConfigAssetClawback", 2, _asset("c", ZERO_ADDRESS)),
    45: Field("FreezeAsset", 2, _number("faid")),
    46: Field("FreezeAssetAccount", 2, _address("fadd")),
    47: Field("FreezeAssetFrozen", 2, _number("afrz")),
    48: Field("Assets", 3, items=_list("apas")),
    49: Field("NumAssets", 3, _count(_list("apas"))),
    50: Field("Applications", 3, items=_applications),
    51: Field("NumApplications", 3, _count(_list("apfa"))),
    52: Field("GlobalNumUint", 3, _schema("apgs", "nui")),
    53: Field("GlobalNumByteSlice", 3, _schema("apgs", "nbs")),
    54: Field("LocalNumUint", 3, _schema("apls", "nui")),
    55: Field("LocalNumByteSlice", 3, _schema("apls", "nbs")),
    56: Field("ExtraProgramPages", 4, _number("apep")),
    58: Field("Logs", 5, items=_logs, is_effect=True),
    59: Field("NumLogs", 5, _count(_logs), is_effect=True),
    60: Field("CreatedAssetID", 5, lambda read: read.applied.created_asset, is_effect=True),
    61: Field(
        "CreatedApplicationID", 5, lambda read: read.applied.created_application, is_effect=True
    ),
    62: Field(
        "LastLog", 6, lambda read: read.applied.logs[-1] if read.applied.logs else b"",
        is_effect=True,
    ),
    64: Field("ApprovalProgramPages", 7, items=_pages("apap")),
    65: Field("NumApprovalProgramPages", 7, _count(_pages("apap"))),
    66: Field("ClearStateProgramPages", 7, items=_pages("apsu")),
    67: Field("NumClearStateProgramPages", 7, _count(_pages("apsu"))),
}  # fmt: skip
_OF_KEYS_AND_PROOFS = frozenset({10, 11, 12, 13, 14, 57, 63})


def _find(machine: Machine, number: int) -> Field:
    if number in _OF_KEYS_AND_PROOFS:
        raise UnsupportedError(f"transaction field {number}")
    field = FIELDS.get(number)
    if field is None or field.since > machine.version:
        raise LogicError(f"invalid txn field {number}")
    return field


def _value(read: Read, field: Field, index: int | None) -> Value:
    if index is None:
        if field.read is None:
            raise LogicError(f"invalid txn field {field.name}")
        return field.read(read)
    if field.items is None:
        raise LogicError(f"unsupported array field {field.name}")
    items = field.items(read)
    if index >= len(items):
        raise LogicError(f"invalid {field.name} index {index}")
    found: Value = items[index]
    return found


def _of_group(machine: Machine, position: int, number: int, index: int | None = None) -> Value:
    field, run = _find(machine, number), machine.run_of
    if field.is_effect and position >= machine.position:
        raise LogicError(
            f"txn effects can only be read from past txns {position} {machine.position}"
        )
    if position >= len(run.group):
        raise LogicError(f"txn index {position}, len(group) is {len(run.group)}")
    read = Read(
        run.group[position], run.applied_of(position), position, run.txids[position], machine
    )
    return _value(read, field, index)


def _of_inner(machine: Machine, position: int, number: int, index: int | None = None) -> Value:
    """Of the group that was submitted last."""
    begin = len(machine.inner) - machine.last_group
    return _of_submitted(machine, begin, position, number, index)


def _of_last_inner(machine: Machine, number: int, index: int | None = None) -> Value:
    return _of_submitted(machine, max(0, len(machine.inner) - 1), 0, number, index)


def _of_submitted(
    machine: Machine, begin: int, position: int, number: int, index: int | None
) -> Value:
    field, group = _find(machine, number), machine.inner[begin:]
    if position >= len(group):
        raise LogicError(f"txn index {position}, len(group) is {len(group)}")
    inner, txid = group[position], machine.inner_txids[begin + position]
    return _value(Read(inner.transaction, inner.applied, position, txid, machine), field, index)


@declare(0x31, "txn", immediates="u")
def txn(machine: Machine) -> Pushed:
    return _of_group(machine, machine.position, machine.immediates[0])


@declare(0x36, "txna", since=2, immediates="uu")
def txna(machine: Machine) -> Pushed:
    return _of_group(machine, machine.position, *machine.immediates)


@declare(0xC0, "txnas", "i", since=5, immediates="u")
def txnas(machine: Machine, index: int) -> Pushed:
    return _of_group(machine, machine.position, machine.immediates[0], index)


@declare(0x33, "gtxn", immediates="uu")
def gtxn(machine: Machine) -> Pushed:
    return _of_group(machine, *machine.immediates)


@declare(0x37, "gtxna", since=2, immediates="uuu")
def gtxna(machine: Machine) -> Pushed:
    return _of_group(machine, *machine.immediates)


@declare(0xC1, "gtxnas", "i", since=5, immediates="uu")
def gtxnas(machine: Machine, index: int) -> Pushed:
    return _of_group(machine, machine.immediates[0], machine.operand, index)


@declare(0x38, "gtxns", "i", since=3, immediates="u")
def gtxns(machine: Machine, position: int) -> Pushed:
    return _of_group(machine, position, machine.immediates[0])


@declare(0x39, "gtxnsa", "i", since=3, immediates="uu")
def gtxnsa(machine: Machine, position: int) -> Pushed:
    return _of_group(machine, position, *machine.immediates)


@declare(0xC2, "gtxnsas", "ii", since=5, immediates="u")
def gtxnsas(machine: Machine, position: int, index: int) -> Pushed:
    return _of_group(machine, position, machine.immediates[0], index)


@declare(0xB4, "itxn", since=5, immediates="u")
def itxn(machine: Machine) -> Pushed:
    return _of_last_inner(machine, machine.immediates[0])


@declare(0xB5, "itxna", since=5, immediates="uu")
def itxna(machine: Machine) -> Pushed:
    return _of_last_inner(machine, *machine.immediates)


@declare(0xC5, "itxnas", "i", since=6, immediates="u")
def itxnas(machine: Machine, index: int) -> Pushed:
    return _of_last_inner(machine, machine.immediates[0], index)


@declare(0xB7, "gitxn", since=6, immediates="uu")
def gitxn(machine: Machine) -> Pushed:
    return _of_inner(machine, *machine.immediates)


@declare(0xB8, "gitxna", since=6, immediates="uuu")
def gitxna(machine: Machine) -> Pushed:
    return _of_inner(machine, *machine.immediates)


@declare(0xC6, "gitxnas", "i", since=6, immediates="uu")
def gitxnas(machine: Machine, index: int) -> Pushed:
    return _of_inner(machine, machine.immediates[0], machine.operand, index)


@declare(0x3C, "gaid", since=4, immediates="u")
def gaid(machine: Machine) -> Pushed:
    return _created(machine, machine.immediates[0], "gaid")


@declare(0x3D, "gaids", "i", since=4)
def gaids(machine: Machine, position: int) -> Pushed:
    return _created(machine, position, "gaids")


def _created(machine: Machine, position: int, name: str) -> int:
    run = machine.run_of
    if position >= len(run.group):
        raise LogicError(f"{name} lookup TxnGroup[{position}] but it only has {len(run.group)}")
    if position > machine.position:
        raise LogicError(
            f"{name} can't get creatable ID of txn ahead of the current one (index {position}) in"
            " the transaction group"
        )
    if position == machine.position:
        raise LogicError(
            f"{name} is only for accessing creatable IDs of previous txns, use `global"
            " CurrentApplicationID` instead to access the current app's creatable ID"
        )
    applied = run.applied_of(position)
    created = applied.created_asset or applied.created_application
    if not created:
        raise LogicError(f"{name}: index {position} did not create anything")
    return created
