"""Whether a program may touch something, and what a number or address on the stack stands for.

A number is an id if that id is available, else the place of one among those that the call names.
From version 9 on an account is named by its address only.
"""

from entrypoints.devnet.algod.applications import application_address
from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import LogicError
from entrypoints.devnet.algod.avm.resources import (
    CREATED_SINCE,
    FOREIGN_ACCOUNTS_SINCE,
    SHARED_SINCE,
    Resources,
)
from entrypoints.devnet.algod.encoding import address_text

_DIRECT_SINCE = 4
#: Smaller ids cannot be told from places, so they are refused.
_LAST_FORBIDDEN = 255


def account(machine: Machine, value: Value) -> bytes:
    """Raises: LogicError: not an account that is available."""
    address = _address(machine, value)
    if not has_account(machine, address):
        raise LogicError(f"unavailable Account {address_text(address)}")
    return address


def address_of(value: Value) -> bytes:
    if not isinstance(value, bytes) or len(value) != 32:
        raise LogicError("not an address")
    return value


def application(machine: Machine, value: int) -> int:
    """0 is the one that runs.  Raises: LogicError: not available."""
    foreign: list[int] = machine.txn.get("apfa", [])
    if value in {0, machine.application_id}:
        return machine.application_id
    if machine.version >= _DIRECT_SINCE and has_application(machine, value):
        return _not_low(value, "App")
    if value <= len(foreign):
        return foreign[value - 1]
    raise LogicError(f"unavailable App {value}")


def asset(machine: Machine, value: int) -> int:
    """Raises: LogicError: not available."""
    foreign: list[int] = machine.txn.get("apas", [])
    if machine.version >= _DIRECT_SINCE and has_asset(machine, value):
        return _not_low(value, "Asset")
    if value < len(foreign):
        return foreign[value]
    raise LogicError(f"unavailable Asset {value}")


def holding(machine: Machine, value: Value, id: int) -> tuple[bytes, int]:
    """Raises: LogicError: the account, the asset, or the one's holding of the other is not
    available.
    """
    address, found = account(machine, value), asset(machine, id)
    if not has_holding(machine, address, found):
        raise LogicError(f"unavailable Holding {found}+{address_text(address)}")
    return address, found


def local(machine: Machine, value: Value, id: int) -> tuple[bytes, int]:
    """Raises: LogicError, as `holding`."""
    address, found = account(machine, value), application(machine, id)
    if not has_local(machine, address, found):
        raise LogicError(f"unavailable Local State {found}+{address_text(address)}")
    return address, found


def has_account(machine: Machine, address: bytes) -> bool:
    resources, version = _resources(machine), machine.version
    named = {machine.transaction.sender, machine.address, *machine.txn.get("apat", ())}
    if version >= CREATED_SINCE:
        named |= {application_address(id) for id in resources.created_applications}
    if version >= FOREIGN_ACCOUNTS_SINCE:
        named |= {application_address(id) for id in machine.txn.get("apfa", ())}
    if version >= SHARED_SINCE:
        named |= resources.accounts
    return address in named or _unnamed(machine, "accounts", address)


def has_application(machine: Machine, id: int) -> bool:
    resources, version = _resources(machine), machine.version
    named = {machine.application_id, *machine.txn.get("apfa", ())}
    if version >= CREATED_SINCE:
        named |= resources.created_applications
    if version >= SHARED_SINCE:
        named |= resources.applications
    return id in named or (id > _LAST_FORBIDDEN and _unnamed(machine, "apps", id))


def has_asset(machine: Machine, id: int) -> bool:
    resources, version = _resources(machine), machine.version
    named = set(machine.txn.get("apas", ()))
    if version >= CREATED_SINCE:
        named |= resources.created_assets
    if version >= SHARED_SINCE:
        named |= resources.assets
    return id in named or (id > _LAST_FORBIDDEN and _unnamed(machine, "assets", id))


def has_holding(machine: Machine, address: bytes, id: int) -> bool:
    """Before version 9 it is enough that both are available."""
    resources = _resources(machine)
    if machine.version < SHARED_SINCE or (address, id) in resources.holdings:
        return True
    if id in resources.created_assets:
        return has_account(machine, address)
    if _is_new(machine, address):
        return has_asset(machine, id)
    return _unnamed(machine, "asset-holdings", (address, id))


def has_local(machine: Machine, address: bytes, id: int) -> bool:
    resources = _resources(machine)
    if machine.version < SHARED_SINCE or (address, id) in resources.locals:
        return True
    if id in resources.created_applications:
        return has_account(machine, address)
    if _is_new(machine, address):
        return has_application(machine, id)
    return _unnamed(machine, "app-locals", (address, id))


def _is_new(machine: Machine, address: bytes) -> bool:
    created = _resources(machine).created_applications
    return any(address == application_address(each) for each in created)


def _address(machine: Machine, value: Value) -> bytes:
    if isinstance(value, bytes):
        return address_of(value)
    if machine.version >= SHARED_SINCE:
        raise LogicError("an account is wanted as []byte but got uint64")
    named: list[bytes] = [machine.transaction.sender, *machine.txn.get("apat", ())]
    if value >= len(named):
        raise LogicError(
            f"invalid Account reference {value} exceeds length of tx.Accounts {len(named) - 1}"
        )
    return named[value]


def _not_low(id: int, what: str) -> int:
    if id <= _LAST_FORBIDDEN:
        raise LogicError(f"low {what} lookup {id}")
    return id


def _resources(machine: Machine) -> Resources:
    return machine.run_of.allowance.resources


def _unnamed(machine: Machine, kind: str, what: object) -> bool:
    """A simulation may let programs touch what nobody named, and tells of it."""
    allowance = machine.run_of.allowance
    if not allowance.leniency.unnamed_resources:
        return False
    allowance.unnamed[kind, what] = None
    return True
