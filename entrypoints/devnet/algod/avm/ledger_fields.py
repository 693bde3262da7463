"""What programs read of the ledger: the chain, accounts, assets, holdings and applications."""

from collections.abc import Callable
from typing import TypeVar

from entrypoints.devnet.algod.accounts import Account, Asset, Holding
from entrypoints.devnet.algod.applications import Application, application_address
from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.avm import access
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import (
    LogicError,
    Operations,
    Pushed,
    UnsupportedError,
)
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS
from entrypoints.devnet.algod.limits import AVM_VERSION, MIN_BALANCE, MIN_FEE, MOST_VALID_ROUNDS

OPERATIONS = Operations()
declare = OPERATIONS.declare

T = TypeVar("T")


def _caller_id(machine: Machine) -> Value:
    caller = machine.run_of.caller
    return 0 if caller is None else caller.application_id


def _caller_address(machine: Machine) -> Value:
    caller = machine.run_of.caller
    return ZERO_ADDRESS if caller is None else caller.address


_GLOBALS: dict[int, tuple[int, Callable[[Machine], Value]]] = {
    0: (1, lambda _: MIN_FEE),
    1: (1, lambda _: MIN_BALANCE),
    2: (1, lambda _: MOST_VALID_ROUNDS),
    3: (1, lambda _: ZERO_ADDRESS),
    4: (1, lambda machine: len(machine.run_of.group)),
    5: (2, lambda _: AVM_VERSION),
    6: (2, lambda machine: machine.draft.next_round),
    7: (2, lambda machine: machine.draft.timestamp(machine.draft.next_round - 1)),
    8: (2, lambda machine: machine.application_id),
    9: (3, lambda machine: machine.application.creator),
    10: (5, lambda machine: machine.address),
    11: (5, lambda machine: machine.transaction.group),
    12: (6, lambda machine: machine.budget),
    13: (6, _caller_id),
    14: (6, _caller_address),
    15: (10, lambda _: MIN_BALANCE),
    16: (10, lambda _: MIN_BALANCE),
    17: (10, lambda machine: machine.run_of.allowance.genesis_hash),
}
#: Of the rewards for proposers, which this chain has none of.
_PAYOUTS = range(18, 23)
_PAYOUTS_SINCE = 11


@declare(0x32, "global", immediates="u")
def global_field(machine: Machine) -> Pushed:
    (number,) = machine.immediates
    if number in _PAYOUTS and machine.version >= _PAYOUTS_SINCE:
        raise UnsupportedError(f"global field {number}")
    since, read = _GLOBALS.get(number, (AVM_VERSION + 1, _caller_id))
    if since > machine.version:
        raise LogicError(f"invalid global field {number}")
    return read(machine)


@declare(0x60, "balance", "a", since=2)
def balance(machine: Machine, who: Value) -> Pushed:
    return machine.draft.account(access.account(machine, who)).microalgos


@declare(0x78, "min_balance", "a", since=3)
def min_balance(machine: Machine, who: Value) -> Pushed:
    return machine.draft.account(access.account(machine, who)).min_balance


_ACCOUNT_FIELDS: dict[int, tuple[int, Callable[[Account], Value]]] = {
    0: (6, lambda account: account.microalgos),
    1: (6, lambda account: account.min_balance),
    2: (6, lambda account: account.authorizer),
    3: (8, lambda account: account.uints),
    4: (8, lambda account: account.byte_slices),
    5: (8, lambda account: account.extra_pages),
    6: (8, lambda account: account.applications),
    7: (8, lambda account: account.opted_in),
    8: (8, lambda account: account.created),
    9: (8, lambda account: account.holdings),
    10: (8, lambda account: account.boxes),
    11: (8, lambda account: account.box_bytes),
}
#: Of consensus, in which nobody here takes part.
_CONSENSUS_FIELDS = range(12, 15)
_CONSENSUS_SINCE = 11


@declare(0x73, "acct_params_get", "a", since=6, immediates="u")
def account_parameter(machine: Machine, who: Value) -> Pushed:
    (number,) = machine.immediates
    account = machine.draft.account(access.account(machine, who))
    if number in _CONSENSUS_FIELDS and machine.version >= _CONSENSUS_SINCE:
        raise UnsupportedError(f"acct_params_get field {number}")
    read = _known(machine, _ACCOUNT_FIELDS, number, "acct_params_get")
    return read(account), int(account.microalgos > 0)


_HOLDING_FIELDS: dict[int, tuple[int, Callable[[Holding], Value]]] = {
    0: (2, lambda holding: holding.amount),
    1: (2, lambda holding: int(holding.frozen)),
}


@declare(0x70, "asset_holding_get", "ai", since=2, immediates="u")
def holding_field(machine: Machine, who: Value, id: int) -> Pushed:
    (number,) = machine.immediates
    read = _known(machine, _HOLDING_FIELDS, number, "asset_holding_get")
    found = machine.draft.holding(*access.holding(machine, who, id))
    return (0, 0) if found is None else (read(found), 1)


def _text(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


_ASSET_FIELDS: dict[int, tuple[int, Callable[[Asset], Value]]] = {
    0: (2, lambda asset: asset.parameters.total),
    1: (2, lambda asset: asset.parameters.decimals),
    2: (2, lambda asset: int(asset.parameters.default_frozen)),
    3: (2, lambda asset: _text(asset.parameters.unit_name)),
    4: (2, lambda asset: _text(asset.parameters.name)),
    5: (2, lambda asset: _text(asset.parameters.url)),
    6: (2, lambda asset: asset.parameters.metadata_hash),
    7: (2, lambda asset: asset.parameters.manager),
    8: (2, lambda asset: asset.parameters.reserve),
    9: (2, lambda asset: asset.parameters.freeze),
    10: (2, lambda asset: asset.parameters.clawback),
    11: (5, lambda asset: asset.creator),
}


@declare(0x71, "asset_params_get", "i", since=2, immediates="u")
def asset_parameter(machine: Machine, id: int) -> Pushed:
    (number,) = machine.immediates
    read = _known(machine, _ASSET_FIELDS, number, "asset_params_get")
    found = machine.draft.asset(access.asset(machine, id))
    return (0, 0) if found is None else (read(found), 1)


_APPLICATION_FIELDS: dict[int, tuple[int, Callable[[Application], Value]]] = {
    0: (5, lambda application: application.approval),
    1: (5, lambda application: application.clear),
    2: (5, lambda application: application.global_schema.uints),
    3: (5, lambda application: application.global_schema.byte_slices),
    4: (5, lambda application: application.local_schema.uints),
    5: (5, lambda application: application.local_schema.byte_slices),
    6: (5, lambda application: application.extra_pages),
    7: (5, lambda application: application.creator),
    8: (5, lambda _: b""),
}
_ADDRESS_FIELD = 8


@declare(0x72, "app_params_get", "i", since=5, immediates="u")
def application_parameter(machine: Machine, id: int) -> Pushed:
    (number,) = machine.immediates
    read = _known(machine, _APPLICATION_FIELDS, number, "app_params_get")
    found_id = access.application(machine, id)
    found = machine.draft.application(found_id)
    if found is None:
        return 0, 0
    if number == _ADDRESS_FIELD:
        return application_address(found_id), 1
    return read(found), 1


def _known(
    machine: Machine,
    fields: dict[int, tuple[int, Callable[[T], Value]]],
    number: int,
    name: str,
) -> Callable[[T], Value]:
    if number not in fields or fields[number][0] > machine.version:
        raise LogicError(f"invalid {name} field {number}")
    return fields[number][1]
