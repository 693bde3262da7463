"""Hold an export that was taken away against its manifest, and the manifest against its event.

Needs no database.  With the event's proof beside it the event is held against the checkpoint in
it, and with the log's key that checkpoint against its signature.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from application.evidence.event_proof import EventProof, VerifierKey
from application.exports.columns import columns_of
from application.exports.make import Formats
from application.ports.custody import Verifies
from application.ports.files import Files
from application.ports.tables import TableError
from domain.audit import LEAF_DOMAIN, canonical
from domain.checkpoint import Checkpoint
from domain.errors import MisuseError
from domain.export import FORMAT, ExportFormat
from domain.merkle import leaf_hash

MANIFEST = "manifest.json"
#: The event `export.finished`, as the trail has it: ``{"body": …, "salt": hex}``.
EVENT = "event.json"

#: That the event is in the log, in the form of c2sp.org/tlog-proof.
PROOF = "event.proof"

_MEMBERS = {
    "begins", "encoding", "events", "export", "filters", "format", "last_sequence",
    "organisation", "parts", "requested_at", "requested_by", "tree",
}  # fmt: skip
_PART_NAME = re.compile(r"part-[0-9]{5,}\.[a-z]+")
#: What reading somebody's JSON may end with: other members, other types, numbers with a fraction,
#: and brackets that nobody reads to their end.
_STRANGE = (ValueError, KeyError, TypeError, AttributeError, MisuseError, RecursionError)
_PART_MEMBERS = {"bytes", "events", "first_sequence", "last_sequence", "name", "sha256"}


class NotAnExportError(Exception):
    """There is no manifest, or it is none of ours."""


@frozen(kw_only=True)
class Examined:
    export: str
    #: SHA-256 of the manifest, in hex.
    digest: str
    events: int
    parts: int
    #: What differs, in words; none: everything is as the manifest says.
    faults: tuple[str, ...]
    #: Leaf hash of the event that has the digest, in hex; None: the event is not there, and the
    #: manifest is as good as where it came from.
    event_leaf: str | None
    #: The checkpoint that the event is under; None: there is no proof, or a faulty one.
    checkpoint: Checkpoint | None
    #: Whether the key that was given has signed the checkpoint.
    is_signed: bool


@frozen(kw_only=True)
class VerifyExport:
    files: Files
    formats: Formats
    verifies: Verifies

    def __call__(
        self, key: VerifierKey | None = None, tell: Callable[[int], None] = lambda _: None
    ) -> Examined:
        """*key* is the log's, from the operator by another way.  *tell* is told how many events
        were examined since it was last told.

        Raises: NotAnExportError, FilesUnavailableError.
        """
        raw = self._read(MANIFEST)
        if raw is None:
            raise NotAnExportError(f"there is no {MANIFEST}")
        manifest = _manifest(raw)
        examining = _Examining(manifest, tell)
        for part in manifest["parts"]:
            self._part(part, examining)
        if examining.events != manifest["events"]:
            examining.faults.append(
                f"the manifest says {manifest['events']} events, the parts have {examining.events}"
            )
        digest = hashlib.sha256(raw).hexdigest()
        strange = self._event_faults(manifest, digest)
        examining.faults += strange
        proof = self._proof(examining.faults, key)
        return Examined(
            export=manifest["export"],
            digest=digest,
            events=examining.events,
            parts=len(manifest["parts"]),
            faults=tuple(examining.faults),
            event_leaf=None if strange else self._event_leaf(),
            checkpoint=None if proof is None else proof.checkpoint,
            is_signed=proof is not None and key is not None,
        )

    def _part(self, part: Mapping[str, Any], examining: _Examining) -> None:
        name = part["name"]
        file = self.files.open(name)
        if file is None:
            examining.faults.append(f"{name} is not there")
            return
        with file:
            digest, size = hashlib.sha256(), 0
            while chunk := file.read(2**20):
                digest.update(chunk)
                size += len(chunk)
            if size != part["bytes"]:
                examining.faults.append(f"{name} has {size} bytes instead of {part['bytes']}")
            if digest.hexdigest() != part["sha256"]:
                examining.faults.append(f"{name} is not the file that the manifest names")
                return
            file.seek(0)
            encoding = ExportFormat(examining.manifest["encoding"])
            columns = columns_of(encoding)
            try:
                examining.rows(part, self.formats(encoding).read(file, columns))
            except TableError as error:
                examining.faults.append(f"{name}: {error}")
            except _STRANGE:
                examining.faults.append(f"{name} has a body that is no event's")

    def _event(self) -> tuple[bytes, bytes] | None:
        """Body and salt of the event, where it is there and can be read."""
        raw = self._read(EVENT)
        if raw is None:
            return None
        try:
            told = json.loads(raw)
            return canonical(told["body"]), bytes.fromhex(told["salt"])
        except _STRANGE as error:
            raise NotAnExportError(f"{EVENT} is none of ours: {error}") from error

    def _event_faults(self, manifest: Mapping[str, Any], digest: str) -> Sequence[str]:
        event = self._event()
        if event is None:
            return ()
        content = json.loads(event[0])
        try:
            is_its = (
                content["action"] == "export.finished"
                and content["subject"] == manifest["export"]
                and content["organisation"] == manifest["organisation"]
                and content["details"]["digest"] == digest
            )
        except (KeyError, TypeError):
            is_its = False
        return () if is_its else (f"{EVENT} is not about this manifest",)

    def _proof(self, faults: list[str], key: VerifierKey | None) -> EventProof | None:
        """The event's, if it holds; what is wrong with it is one of *faults*."""
        raw, event = self._read(PROOF), self._event()
        if raw is None:
            return None
        try:
            proof = EventProof.parse(raw.decode())
        except ValueError as error:
            faults.append(f"{PROOF} is none: {error}")
            return None
        if event is None or proof.leaf != LEAF_DOMAIN + event[1] + event[0]:
            faults.append(f"{PROOF} is not of {EVENT}")
        elif not proof.is_included:
            faults.append(f"{EVENT} is not under the root of the checkpoint in {PROOF}")
        elif key is not None and not proof.is_signed_by(key, self.verifies):
            faults.append(f"the checkpoint in {PROOF} is not signed by the key of {key.name}")
        else:
            return proof
        return None

    def _event_leaf(self) -> str | None:
        event = self._event()
        return None if event is None else leaf_hash(LEAF_DOMAIN + event[1] + event[0]).hex()

    def _read(self, name: str) -> bytes | None:
        file = self.files.open(name)
        if file is None:
            return None
        with file:
            return file.read()


@define
class _Examining:
    manifest: Mapping[str, Any]
    _tell: Callable[[int], None]
    events: int = field(init=False, default=0)
    faults: list[str] = field(init=False, factory=list)
    _last: int = field(init=False, default=0)

    def rows(self, part: Mapping[str, Any], rows: Iterator[tuple[Any, ...]]) -> None:
        count = first = 0
        for row in rows:
            body, told, salt = row[-3:]
            sequence = self._sequence(part["name"], body)
            first = first or sequence
            count += 1
            if leaf_hash(LEAF_DOMAIN + salt + body) != told:
                self.faults.append(f"{part['name']}: event {sequence} has another leaf hash")
            if sequence <= self._last:
                self.faults.append(f"{part['name']}: event {sequence} is not in its place")
            self._last = sequence
            self._tell(1)
        self.events += count
        if (count, first, self._last) != (
            part["events"],
            part["first_sequence"],
            part["last_sequence"],
        ):
            self.faults.append(f"{part['name']} has other events than the manifest says")

    def _sequence(self, name: str, body: bytes) -> int:
        content = json.loads(body)
        if content.get("organisation") != self.manifest["organisation"]:
            self.faults.append(f"{name}: an event of another organisation")
        sequence: int = content["sequence"]
        return sequence


def _manifest(raw: bytes) -> Mapping[str, Any]:
    """Raises: NotAnExportError."""
    try:
        manifest: dict[str, Any] = json.loads(raw)
        ExportFormat(manifest["encoding"])
        is_ours = (
            manifest["format"] == FORMAT
            and manifest.keys() == _MEMBERS
            and all(_is_part(part) for part in manifest["parts"])
            and canonical(manifest) == raw
        )
    except _STRANGE as error:
        raise NotAnExportError(f"{MANIFEST} is none of ours: {error}") from error
    if not is_ours:
        raise NotAnExportError(f"{MANIFEST} is none of ours, or not as it was made")
    return manifest


def _is_part(part: Mapping[str, Any]) -> bool:
    return part.keys() == _PART_MEMBERS and _PART_NAME.fullmatch(part["name"]) is not None
