"""Global and local state, and the log.

A schema's limit holds after every change, not only at the end.  A change to what was there already
is none, so it is not told in the block.
"""

from collections.abc import Mapping
from dataclasses import replace

from entrypoints.devnet.algod.applications import Schema
from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.avm import access
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import LogicError, Operations, Pushed
from entrypoints.devnet.algod.encoding import address_text
from entrypoints.devnet.algod.limits import MOST_ENTRY_BYTES, MOST_KEY_BYTES

OPERATIONS = Operations()
declare = OPERATIONS.declare


@declare(0xB0, "log", "b", since=5)
def log(machine: Machine, a: bytes) -> Pushed:
    leniency = machine.run_of.allowance.leniency
    if len(machine.logs) >= leniency.logs:
        raise LogicError(f"too many log calls in program. up to {leniency.logs} is allowed")
    size = sum(map(len, machine.logs)) + len(a)
    if size > leniency.log_bytes:
        raise LogicError(
            f"program logs too large. {size} bytes >  {leniency.log_bytes} bytes limit"
        )
    machine.logs.append(a)
    return None


# Global state


@declare(0x64, "app_global_get", "b", since=2)
def get_global(machine: Machine, key: bytes) -> Pushed:
    return machine.application.state.get(key, 0)


@declare(0x65, "app_global_get_ex", "ib", since=2)
def get_global_of(machine: Machine, id: int, key: bytes) -> Pushed:
    found = access.application(machine, id)
    application = machine.draft.application(found)
    if application is None:
        raise LogicError(f"app {found} does not exist")
    return _maybe(application.state, key)


@declare(0x67, "app_global_put", "ba", since=2)
def put_global(machine: Machine, key: bytes, value: Value) -> Pushed:
    application = machine.application
    _check_entry(key, value)
    if application.state.get(key) == value:
        return None
    state = {**application.state, key: value}
    _check_counts(state, application.global_schema)
    machine.draft.put_application(machine.application_id, replace(application, state=state))
    machine.global_delta[key] = value
    return None


@declare(0x69, "app_global_del", "b", since=2)
def delete_global(machine: Machine, key: bytes) -> Pushed:
    application = machine.application
    if key in application.state:
        state = {name: value for name, value in application.state.items() if name != key}
        machine.draft.put_application(machine.application_id, replace(application, state=state))
        machine.global_delta[key] = None
    return None


# Local state


@declare(0x61, "app_opted_in", "ai", since=2)
def opted_in(machine: Machine, who: Value, id: int) -> Pushed:
    return machine.draft.local(*access.local(machine, who, id)) is not None


@declare(0x62, "app_local_get", "ab", since=2)
def get_local(machine: Machine, who: Value, key: bytes) -> Pushed:
    return _local_state(machine, *access.local(machine, who, 0)).get(key, 0)


@declare(0x63, "app_local_get_ex", "aib", since=2)
def get_local_of(machine: Machine, who: Value, id: int, key: bytes) -> Pushed:
    return _maybe(_local_state(machine, *access.local(machine, who, id)), key)


@declare(0x66, "app_local_put", "aba", since=2)
def put_local(machine: Machine, who: Value, key: bytes, value: Value) -> Pushed:
    address, id = access.local(machine, who, 0)
    before = _local_state(machine, address, id)
    _check_entry(key, value)
    if before.get(key) == value:
        return None
    _write_local(machine, address, {**before, key: value})
    machine.local_deltas.setdefault(address, {})[key] = value
    return None


@declare(0x68, "app_local_del", "ab", since=2)
def delete_local(machine: Machine, who: Value, key: bytes) -> Pushed:
    address, id = access.local(machine, who, 0)
    before = _local_state(machine, address, id)
    if key in before:
        _write_local(machine, address, {name: x for name, x in before.items() if name != key})
        machine.local_deltas.setdefault(address, {})[key] = None
    return None


def _local_state(machine: Machine, address: bytes, id: int) -> Mapping[bytes, Value]:
    local = machine.draft.local(address, id)
    if local is None:
        raise LogicError(f"{address_text(address)} has not opted in to app {id}")
    return local.state


def _write_local(machine: Machine, address: bytes, state: Mapping[bytes, Value]) -> None:
    local = machine.draft.local(address, machine.application_id)
    if local is not None:
        _check_counts(state, local.schema)
        machine.draft.put_local(address, machine.application_id, replace(local, state=state))


def _maybe(state: Mapping[bytes, Value], key: bytes) -> tuple[Value, int]:
    return (state[key], 1) if key in state else (0, 0)


def _check_entry(key: bytes, value: Value) -> None:
    if len(key) > MOST_KEY_BYTES:
        raise LogicError(f"key too long: length was {len(key)}, maximum is {MOST_KEY_BYTES}")
    if isinstance(value, int):
        return
    if len(value) > MOST_ENTRY_BYTES:
        raise LogicError(f"value too long for key 0x{key.hex()}: length was {len(value)}")
    if len(key) + len(value) > MOST_ENTRY_BYTES:
        raise LogicError(
            f"key/value total too long for key 0x{key.hex()}: sum was {len(key) + len(value)}"
        )


def _check_counts(state: Mapping[bytes, Value], schema: Schema) -> None:
    uints = sum(isinstance(value, int) for value in state.values())
    byte_slices = len(state) - uints
    if uints > schema.uints:
        raise LogicError(
            f"store integer count {uints} exceeds schema integer count {schema.uints}"
        )
    if byte_slices > schema.byte_slices:
        raise LogicError(
            f"store bytes count {byte_slices} exceeds schema bytes count {schema.byte_slices}"
        )
