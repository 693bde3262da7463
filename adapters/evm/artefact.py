"""A compiled contract, as tools/compile_contracts.mjs writes it beside its source."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import field, frozen
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{8,}")


@frozen(kw_only=True)
class Artefact:
    creation_code: bytes = field(repr=False)
    #: What is on chain afterwards, with zeros where the constructor writes immutables.
    runtime_code: bytes = field(repr=False)
    #: Start and length of every place where it does.
    immutables: tuple[tuple[int, int], ...]
    #: Name and types of the arguments of each custom error, by its selector.
    errors: Mapping[bytes, tuple[str, tuple[str, ...]]] = field(repr=False, eq=False)

    @classmethod
    @cache
    def load(cls, folder: Path, contract: str) -> "Artefact":
        """Raises: ValueError, where the file contradicts itself."""
        described = json.loads((folder / "artefact.json").read_text("utf-8"))
        found = described["contracts"][contract]
        for code in ("creationCode", "runtimeCode"):
            if "0x" + keccak(hexstr=found[code]).hex() != found[f"{code}Keccak256"]:
                raise ValueError(f"{folder}: {contract}.{code} does not have its hash")
        places: Iterable[list[dict[str, int]]] = found["immutables"].values()
        return cls(
            creation_code=bytes.fromhex(found["creationCode"][2:]),
            runtime_code=bytes.fromhex(found["runtimeCode"][2:]),
            immutables=tuple((p["start"], p["length"]) for each in places for p in each),
            errors=dict(_error(each) for each in found["abi"] if each["type"] == "error"),
        )

    def made(self, code: bytes) -> bool:
        """Whether *code*, read from a chain, is this contract's, whatever its immutables are."""
        return self._masked(code) == self.runtime_code

    def explained(self, reason: str) -> str:
        """A node's words for a revert, with the contract's own name of its error and values."""
        for word in _HEXADECIMAL.findall(reason):
            data = bytes.fromhex(word[2 : len(word) // 2 * 2])
            if data[:4] not in self.errors:
                continue
            name, types = self.errors[data[:4]]
            try:
                values = ", ".join(map(str, decode(types, data[4:])))
            except DecodingError:
                values = "…" if types else ""
            return f"{name}({values}) ({reason})"
        return reason

    def digest(self, code: bytes) -> str:
        """SHA-256 of *code* without its immutables, in lower-case hexadecimal.

        Of code of another length all counts: nobody knows where its immutables are.
        """
        return sha256(self._masked(code)).hexdigest()

    def _masked(self, code: bytes) -> bytes:
        if len(code) != len(self.runtime_code):
            return code
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        return bytes(masked)


def _error(described: Mapping[str, Any]) -> tuple[bytes, tuple[str, tuple[str, ...]]]:
    name, types = described["name"], tuple(each["type"] for each in described["inputs"])
    return keccak(text=f"{name}({','.join(types)})")[:4], (name, types)
