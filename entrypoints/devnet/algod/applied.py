"""What a block says of a transaction beside the transaction: protocol's *apply data*."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entrypoints.devnet.algod.transactions import SignedTransaction

#: What a program may keep under a key: 64 bits, or bytes.
Value = int | bytes
#: What became of each key; None: it was deleted.
Delta = Mapping[bytes, Value | None]

_SET_BYTES, _SET_UINT, _DELETE = 1, 2, 3


@dataclass(frozen=True)
class Applied:
    #: The id of the asset that was created; 0: none was.
    created_asset: int = 0
    #: What closing an account moved, in microalgos.
    closing_amount: int = 0
    #: What closing a holding moved, in base units.
    asset_closing_amount: int = 0
    #: The id of the application that was created; 0: none was.
    created_application: int = 0
    #: What the program said, in order.
    logs: tuple[bytes, ...] = ()
    global_delta: Delta = field(default_factory=dict)
    #: By the position of the account: 0 is the sender, then those that the transaction names, then
    #: `shared_accounts`, which other transactions of its group name.
    local_deltas: Mapping[int, Delta] = field(default_factory=dict)
    shared_accounts: tuple[bytes, ...] = ()
    inner: tuple["Inner", ...] = ()

    def fields(self) -> dict[str, Any]:
        """As they stand beside `txn` in a block."""
        named = {
            "caid": self.created_asset,
            "ca": self.closing_amount,
            "aca": self.asset_closing_amount,
            "apid": self.created_application,
            "dt": self._evaluation(),
        }
        return {name: value for name, value in named.items() if value}

    def _evaluation(self) -> dict[str, Any]:
        """The node's Go strings hold any bytes, and travel as msgpack text."""
        named = {
            "gd": _delta_fields(self.global_delta),
            "ld": {index: _delta_fields(delta) for index, delta in self.local_deltas.items()},
            "lg": [_go_string(log) for log in self.logs],
            "itx": [inner.fields() for inner in self.inner],
            "sa": list(self.shared_accounts),
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Inner:
    """A transaction that a program made, and what it did."""

    transaction: SignedTransaction
    applied: Applied

    def fields(self) -> dict[str, Any]:
        return {**self.transaction.fields, **self.applied.fields()}


NOTHING = Applied()


def action(value: Value | None) -> int:
    """What a delta calls it: 1 sets bytes, 2 sets a number, 3 deletes."""
    if value is None:
        return _DELETE
    return _SET_UINT if isinstance(value, int) else _SET_BYTES


def _delta_fields(delta: Delta) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in delta.items():
        change: dict[str, Any] = {"at": action(value)}
        if isinstance(value, bytes):
            change["bs"] = _go_string(value)
        elif value is not None:
            change["ui"] = value
        fields[_go_string(key)] = change
    return fields


def _go_string(value: bytes) -> str:
    return value.decode(errors="surrogateescape")
