"""What the ledger holds: accounts, their holdings, and the assets they created.  All frozen, so
that a state of the past is as good as the present one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, Fields
from entrypoints.devnet.algod.limits import MIN_BALANCE

T = TypeVar("T")


@dataclass(frozen=True)
class Holding:
    amount: int = 0
    frozen: bool = False


@dataclass(frozen=True)
class AssetParameters:
    total: int
    decimals: int
    default_frozen: bool
    unit_name: str
    name: str
    url: str
    metadata_hash: bytes
    manager: bytes
    reserve: bytes
    freeze: bytes
    clawback: bytes

    @classmethod
    def from_fields(cls, fields: Fields) -> "AssetParameters":
        """From `apar`, where what is zero is left out."""
        return cls(
            total=fields.get("t", 0),
            decimals=fields.get("dc", 0),
            default_frozen=fields.get("df", False),
            unit_name=fields.get("un", ""),
            name=fields.get("an", ""),
            url=fields.get("au", ""),
            metadata_hash=fields.get("am", bytes(32)),
            manager=fields.get("m", ZERO_ADDRESS),
            reserve=fields.get("r", ZERO_ADDRESS),
            freeze=fields.get("f", ZERO_ADDRESS),
            clawback=fields.get("c", ZERO_ADDRESS),
        )


@dataclass(frozen=True)
class Account:
    microalgos: int = 0
    #: Whose signature counts instead of the account's own; zero: its own.
    authorizer: bytes = ZERO_ADDRESS
    holdings: Mapping[int, Holding] = field(default_factory=dict)
    created: Mapping[int, AssetParameters] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """An empty account costs no minimum balance: the ledger forgets it."""
        return self == EMPTY

    @property
    def min_balance(self) -> int:
        """The creator holds what it created, so each asset counts once."""
        return MIN_BALANCE * (1 + len(self.holdings))

    def with_holding(self, asset: int, holding: Holding) -> "Account":
        return replace(self, holdings={**self.holdings, asset: holding})

    def without_holding(self, asset: int) -> "Account":
        return replace(self, holdings=_without(self.holdings, asset))

    def with_created(self, asset: int, parameters: AssetParameters) -> "Account":
        return replace(self, created={**self.created, asset: parameters})

    def without_created(self, asset: int) -> "Account":
        return replace(self, created=_without(self.created, asset))


def _without(items: Mapping[int, T], key: int) -> dict[int, T]:
    return {each: item for each, item in items.items() if each != key}


EMPTY = Account()
