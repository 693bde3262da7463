"""What the ledger holds: accounts, their holdings, and the assets they created.  All frozen, so
that a state of the past is as good as the present one.
"""

from dataclasses import dataclass

from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, Fields
from entrypoints.devnet.algod.limits import MIN_BALANCE


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
class Asset:
    creator: bytes
    parameters: AssetParameters


@dataclass(frozen=True)
class Account:
    """Holdings and assets are entries of their own: an account may have thousands of them."""

    microalgos: int = 0
    #: Whose signature counts instead of the account's own; zero: its own.
    authorizer: bytes = ZERO_ADDRESS
    #: How many assets it holds, and how many it created.
    holdings: int = 0
    created: int = 0

    @property
    def is_empty(self) -> bool:
        """An empty account costs no minimum balance: the ledger forgets it."""
        return self == EMPTY

    @property
    def min_balance(self) -> int:
        """The creator holds what it created, so each asset counts once."""
        return MIN_BALANCE * (1 + self.holdings)


EMPTY = Account()
