"""What the ledger holds: accounts, their holdings, and the assets they created.  All frozen, so
that a state of the past is as good as the present one.
"""

from dataclasses import dataclass

from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, Fields
from entrypoints.devnet.algod.limits import (
    BOX_BYTE_MIN_BALANCE,
    BOX_MIN_BALANCE,
    BYTES_MIN_BALANCE,
    MIN_BALANCE,
    UINT_MIN_BALANCE,
)


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
    #: How many applications it created, the pages beyond their first, and those it opted into.
    applications: int = 0
    extra_pages: int = 0
    opted_in: int = 0
    #: The values that the schemas of both kinds reserve.
    uints: int = 0
    byte_slices: int = 0
    #: Of an application's own account: its boxes, and the bytes of their names and contents.
    boxes: int = 0
    box_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """An empty account costs no minimum balance: the ledger forgets it."""
        return self == EMPTY

    @property
    def min_balance(self) -> int:
        """The creator holds what it created, so each asset counts once."""
        entries = 1 + self.holdings + self.applications + self.extra_pages + self.opted_in
        return (
            MIN_BALANCE * entries
            + UINT_MIN_BALANCE * self.uints
            + BYTES_MIN_BALANCE * self.byte_slices
            + BOX_MIN_BALANCE * self.boxes
            + BOX_BYTE_MIN_BALANCE * self.box_bytes
        )


EMPTY = Account()
