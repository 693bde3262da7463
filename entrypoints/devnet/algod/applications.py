"""Applications and their state, as the ledger holds them; frozen like everything in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.encoding import Fields, digest


@dataclass(frozen=True)
class Schema:
    """How many values of each kind may be kept."""

    uints: int = 0
    byte_slices: int = 0

    @classmethod
    def from_fields(cls, fields: Fields) -> "Schema":
        return cls(fields.get("nui", 0), fields.get("nbs", 0))

    @property
    def values(self) -> int:
        return self.uints + self.byte_slices


@dataclass(frozen=True)
class Application:
    creator: bytes
    approval: bytes
    clear: bytes
    global_schema: Schema
    local_schema: Schema
    extra_pages: int
    state: Mapping[bytes, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class LocalState:
    """Of one account that opted into one application."""

    schema: Schema
    state: Mapping[bytes, Value] = field(default_factory=dict)


def application_address(id: int) -> bytes:
    """Nobody has the key: the application spends by its inner transactions."""
    return digest(b"appID", id.to_bytes(8, "big"))
