"""Transactions that programs make: payments, everything of assets, and calls of applications.

They are applied at `itxn_submit`, on behalf of the application's account or of one that is rekeyed
to it.  Fees that the outer group paid too much pay for them.
"""

from collections.abc import Callable
from typing import Any

from entrypoints.devnet.algod.application_form import CLEAR_STATE, version_of
from entrypoints.devnet.algod.applied import Inner, Value
from entrypoints.devnet.algod.avm import access
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import (
    LogicError,
    Operations,
    Pushed,
    UnsupportedError,
    kind,
)
from entrypoints.devnet.algod.avm.run import Run
from entrypoints.devnet.algod.avm.transaction_fields import FIELDS, TYPES
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text, digest, pack
from entrypoints.devnet.algod.limits import (
    BUDGET,
    MIN_FEE,
    MOST_ASSET_DECIMALS,
    MOST_CALL_DEPTH,
    MOST_IN_GROUP,
    MOST_NOTE_BYTES,
    RefusedError,
)
from entrypoints.devnet.algod.transactions import SignedTransaction
from entrypoints.devnet.algod.verification import check_form

OPERATIONS = Operations()
declare = OPERATIONS.declare

_CALLS_SINCE = 6
_LEAST_CALLED = 4


@declare(0xB1, "itxn_begin", since=5)
def begin(machine: Machine) -> Pushed:
    if machine.pending:
        raise LogicError("itxn_begin without itxn_submit")
    if machine.is_clearing:
        raise LogicError("clear state programs can not issue inner transactions")
    _add(machine)
    return None


@declare(0xB6, "itxn_next", since=6)
def following(machine: Machine) -> Pushed:
    if not machine.pending:
        raise LogicError("itxn_next without itxn_begin")
    _add(machine)
    return None


@declare(0xB2, "itxn_field", "a", since=5, immediates="u")
def set_field(machine: Machine, value: Value) -> Pushed:
    if not machine.pending:
        raise LogicError("itxn_field without itxn_begin")
    (number,) = machine.immediates
    setter = _SETTERS.get(number)
    if setter is None:
        field = FIELDS.get(number)
        if field is None:
            raise UnsupportedError(f"itxn_field {number}")
        raise LogicError(f"invalid itxn_field {field.name}")
    setter(machine, machine.pending[-1], value)
    return None


@declare(0xB3, "itxn_submit", since=5)
def submit(machine: Machine) -> Pushed:
    if not machine.pending:
        raise LogicError("itxn_submit without itxn_begin")
    allowance = machine.run_of.allowance
    if len(machine.pending) > min(allowance.inner_left, MOST_IN_GROUP):
        raise _too_many(machine)
    _pay_fees(machine)
    group = tuple(_finished(fields) for fields in machine.pending)
    for transaction in group:
        _check(machine, transaction)
    group, txids = _grouped(machine, group)
    allowance.inner_left -= len(group)
    added = BUDGET * sum(each.type == "appl" for each in group)
    allowance.budget += added
    allowance.added += added
    run = Run(group, allowance, caller=machine, txids=txids)
    for position, transaction in enumerate(group):
        _check_authority(machine, transaction.sender)
        try:
            # It has its number before it is applied, the outer one only afterwards.
            machine.draft.count += 1
            applied = allowance.perform(machine.draft, transaction, run, position)
        except RefusedError as error:
            raise LogicError(f"inner tx {position} failed: {error}") from error
        run.record(applied)
        machine.inner.append(Inner(transaction, applied))
    machine.inner_txids += txids
    machine.last_group = len(group)
    machine.pending = []
    return None


def _add(machine: Machine) -> None:
    allowance, pending = machine.run_of.allowance, machine.pending
    if len(pending) > allowance.inner_left or len(pending) >= MOST_IN_GROUP:
        raise _too_many(machine)
    paid = sum(fields["fee"] for fields in pending)
    due = max(0, MIN_FEE * (len(pending) + 1) - paid)
    pending.append(
        {
            "snd": machine.address,
            "fee": max(0, due - allowance.fee_credit),
            "fv": machine.transaction.first_valid,
            "lv": machine.transaction.last_valid,
        }
    )


def _too_many(machine: Machine) -> LogicError:
    return LogicError(
        f"too many inner transactions {len(machine.pending)} with"
        f" {machine.run_of.allowance.inner_left} left"
    )


def _pay_fees(machine: Machine) -> None:
    allowance = machine.run_of.allowance
    paid = sum(fields["fee"] for fields in machine.pending)
    missing = MIN_FEE * len(machine.pending) - paid
    if missing > allowance.fee_credit:
        raise LogicError(f"fee too small: {paid} of {MIN_FEE * len(machine.pending)}")
    allowance.fee_credit -= missing


def _finished(fields: dict[str, Any]) -> SignedTransaction:
    """What is zero is left out, as in every transaction."""
    kept = {name: value for name, value in fields.items() if value and value != ZERO_ADDRESS}
    return SignedTransaction({"txn": kept})


def _check(machine: Machine, transaction: SignedTransaction) -> None:
    try:
        check_form(transaction)
    except RefusedError as error:
        raise LogicError(str(error)) from error
    if transaction.type == "axfer":
        asset = transaction.number("xaid")
        for name in ("snd", "arcv", "asnd", "aclose"):
            _require_holding(machine, transaction.address(name), asset)
    if transaction.type == "afrz":
        _require_holding(machine, transaction.address("fadd"), transaction.number("faid"))
    if transaction.type == "appl":
        _check_call(machine, transaction)


def _require_holding(machine: Machine, address: bytes, asset: int) -> None:
    if address != ZERO_ADDRESS and not access.has_holding(machine, address, asset):
        raise LogicError(f"unavailable Holding {address_text(address)} x {asset}")


def _check_call(machine: Machine, transaction: SignedTransaction) -> None:
    """A program never calls itself, not even through others, and not too deep."""
    id = transaction.number("apid")
    if id == machine.application_id:
        raise LogicError("attempt to self-call")
    depth, caller = 0, machine.run_of.caller
    while caller is not None:
        if caller.application_id == id:
            raise LogicError(f"attempt to re-enter {id}")
        depth, caller = depth + 1, caller.run_of.caller
    if depth >= MOST_CALL_DEPTH:
        raise LogicError(f"appl depth ({depth}) exceeded")
    code = transaction.txn.get("apap", b"")
    if id:
        called = machine.draft.application(id)
        if called is None:
            raise LogicError(f"app {id} does not exist")
        code = called.clear if transaction.number("apan") == CLEAR_STATE else called.approval
    try:
        version, _ = version_of(code)
    except RefusedError as error:
        raise LogicError(str(error)) from error
    if version < _LEAST_CALLED:
        raise LogicError(f"inner app call with version v{version} < v{_LEAST_CALLED}")


def _grouped(
    machine: Machine, group: tuple[SignedTransaction, ...]
) -> tuple[tuple[SignedTransaction, ...], tuple[bytes, ...]]:
    """With their group's id, if they are several; an inner id tells where it was made."""
    if len(group) > 1:
        hashes = [_inner_txid(machine, each, index) for index, each in enumerate(group)]
        id = digest(b"TG", pack({"txlist": hashes}))
        group = tuple(SignedTransaction({"txn": {**each.txn, "grp": id}}) for each in group)
    return group, tuple(_inner_txid(machine, each, index) for index, each in enumerate(group))


def _inner_txid(machine: Machine, transaction: SignedTransaction, index: int) -> bytes:
    parent = machine.run_of.txids[machine.position]
    place = (len(machine.inner) + index).to_bytes(8, "big")
    return digest(b"TX", parent + place + pack(transaction.txn))


def _check_authority(machine: Machine, sender: bytes) -> None:
    authorizer = machine.draft.account(sender).authorizer
    if authorizer == ZERO_ADDRESS:
        authorizer = sender
    if authorizer != machine.address:
        raise LogicError(
            f"app {machine.application_id} (addr {address_text(machine.address)}) unauthorized"
            f" {address_text(authorizer)}"
        )


# Fields

Setter = Callable[[Machine, dict[str, Any], Value], None]


def _is_number(value: Value) -> int:
    if isinstance(value, bytes):
        raise LogicError("not a uint64")
    return value


def _is_bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise LogicError(f"a byte array is wanted, not {kind(value)}")
    return value


def _set(name: str, read: Callable[[Machine, Value], Any]) -> Setter:
    def setter(machine: Machine, fields: dict[str, Any], value: Value) -> None:
        fields[name] = read(machine, value)

    return setter


def _append(name: str, read: Callable[[Machine, Value], Any]) -> Setter:
    def setter(machine: Machine, fields: dict[str, Any], value: Value) -> None:
        fields.setdefault(name, []).append(read(machine, value))

    return setter


def _inside(outer: str, name: str, read: Callable[[Machine, Value], Any]) -> Setter:
    def setter(machine: Machine, fields: dict[str, Any], value: Value) -> None:
        found = read(machine, value)
        inside = fields.setdefault(outer, {})
        if found in {0, "", ZERO_ADDRESS}:
            inside.pop(name, None)
        else:
            inside[name] = found

    return setter


def _join(name: str) -> Setter:
    def setter(_: Machine, fields: dict[str, Any], value: Value) -> None:
        fields[name] = fields.get(name, b"") + _is_bytes(value)

    return setter


def _number(_: Machine, value: Value) -> int:
    return _is_number(value)


def _flag(_: Machine, value: Value) -> bool:
    if _is_number(value) > 1:
        raise LogicError(f"boolean is neither 1 nor 0: {value!r}")
    return bool(value)


def _bytes(_: Machine, value: Value) -> bytes:
    return _is_bytes(value)


def _text(_: Machine, value: Value) -> str:
    return _is_bytes(value).decode(errors="surrogateescape")


def _hash(_: Machine, value: Value) -> bytes:
    found = _is_bytes(value)
    if len(found) != 32:
        raise LogicError("ConfigAssetMetadataHash must be 32 bytes")
    return found


def _decimals(_: Machine, value: Value) -> int:
    found = _is_number(value)
    if found > MOST_ASSET_DECIMALS:
        raise LogicError(f"{found} is larger than max={MOST_ASSET_DECIMALS}")
    return found


def _any_address(_: Machine, value: Value) -> bytes:
    return access.address_of(value)


def _account(machine: Machine, value: Value) -> bytes:
    return access.account(machine, access.address_of(value))


def _asset(machine: Machine, value: Value) -> int:
    """Only by its id."""
    id = _is_number(value)
    if not access.has_asset(machine, id):
        raise LogicError(f"unavailable Asset {id}")
    return id


def _application(machine: Machine, value: Value) -> int:
    id = _is_number(value)
    if not access.has_application(machine, id):
        raise LogicError(f"unavailable App {id}")
    return id


def _note(_: Machine, value: Value) -> bytes:
    note = _is_bytes(value)
    if len(note) > MOST_NOTE_BYTES:
        raise LogicError(f"Note may not exceed {MOST_NOTE_BYTES} bytes")
    return note


def _type(machine: Machine, value: Value) -> str:
    name = _is_bytes(value).decode(errors="replace")
    if name == "keyreg":
        raise UnsupportedError("an inner keyreg transaction")
    known = TYPES[1:] if machine.version >= _CALLS_SINCE else TYPES[1:-1]
    if name not in known:
        raise LogicError(f"{name} is not a valid Type for itxn_field")
    return name


def _type_number(machine: Machine, value: Value) -> str:
    number = _is_number(value)
    if not 0 < number < len(TYPES):
        raise LogicError(f"{number} is not a valid TypeEnum")
    return _type(machine, TYPES[number].encode())


#: By number, as in `transaction_fields`.
_SETTERS: dict[int, Setter] = {
    0: _set("snd", _account),
    1: _set("fee", _number),
    5: _set("note", _note),
    7: _set("rcv", _account),
    8: _set("amt", _number),
    9: _set("close", _account),
    15: _set("type", _type),
    16: _set("type", _type_number),
    17: _set("xaid", _asset),
    18: _set("aamt", _number),
    19: _set("asnd", _account),
    20: _set("arcv", _account),
    21: _set("aclose", _account),
    24: _set("apid", _application),
    25: _set("apan", _number),
    26: _append("apaa", _bytes),
    28: _append("apat", _account),
    30: _set("apap", _bytes),
    31: _set("apsu", _bytes),
    32: _set("rekey", _any_address),
    33: _set("caid", _asset),
    34: _inside("apar", "t", _number),
    35: _inside("apar", "dc", _decimals),
    36: _inside("apar", "df", _flag),
    37: _inside("apar", "un", _text),
    38: _inside("apar", "an", _text),
    39: _inside("apar", "au", _text),
    40: _inside("apar", "am", _hash),
    41: _inside("apar", "m", _any_address),
    42: _inside("apar", "r", _any_address),
    43: _inside("apar", "f", _any_address),
    44: _inside("apar", "c", _any_address),
    45: _set("faid", _asset),
    46: _set("fadd", _account),
    47: _set("afrz", _flag),
    48: _append("apas", _asset),
    50: _append("apfa", _application),
    52: _inside("apgs", "nui", _number),
    53: _inside("apgs", "nbs", _number),
    54: _inside("apls", "nui", _number),
    55: _inside("apls", "nbs", _number),
    56: _set("apep", _number),
    64: _join("apap"),
    66: _join("apsu"),
}
