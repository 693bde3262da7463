"""Verifying: a log of a million events, as a stranger does it, from the files of its archives."""

import hashlib
import random
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.tables.json_lines import JsonLines
from application.ports.storage.seals import Leaf
from application.retention.tables import EVENTS as COLUMNS
from application.retention.tables import event_row
from benchmarks.figures import Duration, Works
from domain.audit import SALT_BYTES, Actor, AuditDraft, AuditEvent
from domain.checkpoint import Checkpoint, Note, key_id
from domain.identifiers import EventId, OrganisationId, Prefix, public_id
from domain.merkle import Frontier, leaf_hash
from domain.signing import Curve, PublicKey, Signature
from entrypoints.export_settings import PART

EVENTS = 1_000_000
ORGANISATIONS = 1_000
ORIGIN = "bench.example.com/audit/ins_01900000000070008000000000/1"

_VERIFIER = Path(__file__).parent.parent / "verifier"
_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
_ACTIONS = (
    "credits.held", "deployment.queued", "deployment.slot_reserved", "deployment.submitted",
    "deployment.pending", "deployment.confirmed", "credits.captured", "deployment.completed",
)  # fmt: skip


@contextmanager
def _archived() -> Iterator[Works]:
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder:
        files, checkpoint, key = _write(Path(folder))
        size = sum(file.stat().st_size for file in files)

        def ours() -> float:
            begun = time.perf_counter()
            subprocess.run(
                [
                    *(sys.executable, "-m", "tallystick_verifier.log", *files),
                    *("--checkpoint", checkpoint, "--key", key),
                ],
                cwd=_VERIFIER,
                stdout=subprocess.DEVNULL,
                check=True,
            )
            return time.perf_counter() - begun

        def limit() -> float:
            begun = time.perf_counter()
            for file in files:
                with file.open("rb") as opened:
                    hashlib.file_digest(opened, "sha256")
            return time.perf_counter() - begun

        notes = {
            "log": f"{EVENTS} events of {ORGANISATIONS} organisations, {size / 2**20:.0f} MiB in "
            f"{len(files)} files of JSON Lines, as archives have them",
            "ours": "tallystick-verify-log, from its start to its end, with all processors",
            "limit": "hashlib.file_digest of the same files, one after the other",
        }
        yield Works(ours=ours, limit=limit, count=EVENTS, notes=notes)


def _write(folder: Path) -> tuple[Sequence[Path], Path, str]:
    """Files of all events by organisation, the checkpoint's file, and the key as C2SP writes it.

    Events are in the log in turns of all organisations, each with its next number.
    """
    chance = random.Random(1)
    leaves = [b""] * EVENTS
    files = _Files(folder)
    with files:
        for number in range(ORGANISATIONS):
            organisation = OrganisationId(UUID(int=chance.getrandbits(128)))
            for sequence in range(1, EVENTS // ORGANISATIONS + 1):
                event = _event(organisation, sequence, chance)
                position = (sequence - 1) * ORGANISATIONS + number
                leaves[position] = leaf_hash(event.leaf)
                files.add(event, position, leaves[position])
    edge, _ = Frontier().appended(leaves)
    signing = Ed25519PrivateKey.generate()
    key = PublicKey(Curve.ED25519, signing.public_key().public_bytes_raw())
    text = Checkpoint(origin=ORIGIN, size=EVENTS, root=edge.root).text
    signature = Signature(Curve.ED25519, signing.sign(text.encode()))
    checkpoint = folder / "checkpoint"
    checkpoint.write_text(str(Note.signed(text, ORIGIN, key, signature)), encoding="utf-8")
    written = b64encode(b"\x01" + key.raw).decode()
    return files.all, checkpoint, f"{ORIGIN}+{key_id(ORIGIN, key).hex()}+{written}"


class _Files:
    """A new one once the last has a part's size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.all: list[Path] = []
        self._begin()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, event: AuditEvent, position: int, hash: bytes) -> None:
        if self._opened.tell() >= PART:
            self._begin()
        leaf = Leaf(
            position=position,
            organisation=event.organisation,
            sequence=event.sequence,
            event=event.id,
            hash=hash,
        )
        self._table.add(event_row(event, leaf))

    def _begin(self) -> None:
        self._stack.close()
        self.all.append(self._folder / f"audit_events-{len(self.all) + 1:05}.jsonl")
        self._opened: BinaryIO = self._stack.enter_context(self.all[-1].open("wb"))
        self._table = JsonLines().begin(self._opened, COLUMNS)


def _event(organisation: OrganisationId, sequence: int, chance: random.Random) -> AuditEvent:
    deployment = public_id(Prefix.DEPLOYMENT, UUID(int=chance.getrandbits(128)))
    return AuditDraft(
        id=EventId(UUID(int=chance.getrandbits(128))),
        organisation=organisation,
        at=_BEGIN + timedelta(seconds=sequence),
        actor=Actor("worker"),
        action=_ACTIONS[sequence % len(_ACTIONS)],
        subject=deployment,
        live=True,
        correlation=deployment,
        request_id=None,
        details={
            "attempt": {"fee_cap": "30000000000", "number": 1, "role": "effect"},
            "slot": {"network": "eip155:8453", "number": 1, "sequence": sequence},
            "step": 1,
            "transaction_id": f"0x{chance.getrandbits(256):064x}",
        },
        salt=chance.randbytes(SALT_BYTES),
    ).numbered(sequence)


FIGURES = (
    Duration(
        name="verify_million_seconds",
        what="stand-alone verification of a log of one million events, seconds, and how often "
        "what it is measured against takes as long",
        against="SHA-256 of the same bytes",
        floor=8,
        goal=3,
        prepare=_archived,
    ),
)
