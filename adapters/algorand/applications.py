"""An application's programs and state as values, what they cost, and the programs that we ship."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from algosdk import transaction
from algosdk.logic import get_application_address
from attrs import field, frozen

Global = int | bytes

#: How a node names the place of a failed instruction (go-algorand, data/transactions/logic).
_PLACE = re.compile(r"\bpc=([0-9]{1,5})\b")

#: Microalgos (go-algorand, config/consensus.go: AppFlatParamsMinBalance, SchemaMinBalancePerEntry,
#: SchemaUintMinBalance, SchemaBytesMinBalance, BoxFlatMinBalance, BoxByteMinBalance, MinBalance).
PER_PAGE = 100_000
PER_UINT = 28_500
PER_BYTES = 50_000
PER_BOX = 2_500
PER_BOX_BYTE = 400
PER_ACCOUNT = 100_000


@frozen(kw_only=True)
class Programs:
    """What an application is, for ever: ours can be neither changed nor deleted."""

    approval: bytes = field(repr=False)
    clear: bytes = field(repr=False)
    #: Integers and byte strings in its global state.
    uints: int
    byte_strings: int
    extra_pages: int
    #: What a failed assertion means, by where it is in the approval program.
    meanings: Mapping[int, str] = field(factory=dict, eq=False, repr=False)

    @classmethod
    @cache
    def load(cls, folder: Path, contract: str) -> "Programs":
        """From the artefact that tools/compile_algorand.py writes beside the source.

        Raises: ValueError: the file contradicts itself.
        """
        described = json.loads((folder / "artefact.json").read_text("utf-8"))
        found = described["contracts"][contract]
        schema, local = found["globalSchema"], found["localSchema"]
        if local["uints"] or local["byteSlices"]:
            raise ValueError(f"{folder}: {contract} wants local state, which nobody opts in to")
        return cls(
            approval=_program(folder, found["approval"]),
            clear=_program(folder, found["clear"]),
            uints=schema["uints"],
            byte_strings=schema["byteSlices"],
            extra_pages=found["extraPages"],
            meanings={int(place): meaning for place, meaning in found["errors"].items()},
        )

    @property
    def avm(self) -> int:
        """The version that its first byte names."""
        return self.approval[0]

    @property
    def hash(self) -> str:
        """SHA-256 over both programs, each behind its length as four bytes, big endian; in hex."""
        parts = (self.approval, self.clear)
        return hashlib.sha256(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).hexdigest()

    @property
    def locked(self) -> int:
        """By how many microalgos its creator's minimum balance rises."""
        return (
            PER_PAGE * (1 + self.extra_pages)
            + PER_UINT * self.uints
            + PER_BYTES * self.byte_strings
        )

    @property
    def schema(self) -> transaction.StateSchema:
        return transaction.StateSchema(self.uints, self.byte_strings)

    def explained(self, failure: str) -> str:
        """A node's words, which name but the place, with what our source says there."""
        place = _PLACE.search(failure)
        meaning = self.meanings.get(int(place[1])) if place is not None else None
        return failure if meaning is None else f"{meaning} ({failure})"


@frozen(kw_only=True)
class Application:
    """An application as a node tells it."""

    creator: str
    programs: Programs
    #: Its global state, by key.
    state: Mapping[bytes, Global]

    @classmethod
    def from_answer(cls, params: Mapping[str, Any]) -> "Application":
        """Raises: KeyError, TypeError, ValueError: it is not of that form."""
        schema = params.get("global-state-schema") or {}
        return cls(
            creator=_exactly(str, params["creator"]),
            programs=Programs(
                approval=_base64(params["approval-program"]),
                clear=_base64(params["clear-state-program"]),
                uints=_exactly(int, schema.get("num-uint", 0)),
                byte_strings=_exactly(int, schema.get("num-byte-slice", 0)),
                extra_pages=_exactly(int, params.get("extra-program-pages", 0)),
            ),
            state={
                _base64(entry["key"]): _value(entry["value"])
                for entry in params.get("global-state") or ()
            },
        )

    def number(self, key: bytes) -> int | None:
        value = self.state.get(key)
        return value if isinstance(value, int) else None

    def bytes_of(self, key: bytes) -> bytes | None:
        value = self.state.get(key)
        return value if isinstance(value, bytes) else None


def address_of_application(id: int) -> str:
    """Where the application's money is: the hash of its id."""
    return str(get_application_address(id))


def cost_of_box(name: bytes, size: int) -> int:
    """By how many microalgos the application's minimum balance rises; *size* in bytes."""
    return PER_BOX + PER_BOX_BYTE * (len(name) + size)


def _program(folder: Path, described: Mapping[str, str]) -> bytes:
    program = base64.b64decode(described["program"], validate=True)
    if hashlib.sha256(program).hexdigest() != described["sha256"]:
        raise ValueError(f"{folder}: a program does not have its hash")
    return program


def _value(value: Mapping[str, Any]) -> Global:
    """Type 1: bytes; 2: an integer (TealValue)."""
    if value["type"] == 2:
        number: int = _exactly(int, value.get("uint", 0))
        return number
    return _base64(value.get("bytes") or "")


def _base64(text: object) -> bytes:
    return base64.b64decode(_exactly(str, text), validate=True)


def _exactly(kind: type[Any], value: object) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
