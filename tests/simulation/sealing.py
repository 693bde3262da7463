"""The sealer, a process of its own; who opens its log; and what the log must be in the end.

The tree is computed once more here, by RFC 6962 and by hand, over all events that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

from attrs import define, field

from adapters.memory.seal_state import MemorySealState
from adapters.memory.telemetry import MemoryTelemetry
from application.audit.seal import Round
from application.ports.storage.seals import SealSession, SealStore
from domain.errors import Refusal
from entrypoints.container import Container
from entrypoints.worker.sealing import SealLoop
from tests.simulation.chains import Remote
from tests.simulation.database import Database
from tests.simulation.scheduler import Scheduler

EVERY = timedelta(seconds=20)
_ASKED = frozenset(
    {
        "append",
        "backlog",
        "close_log",
        "cluster",
        "horizon",
        "latest",
        "logs",
        "open_log",
        "publish",
        "sealed_through",
        "settle",
        "size",
        "timeline",
        "unsealed",
    }
)


@define(eq=False)
class Log:
    """Of one installation: its store, and the disk on which it is written what was signed last."""

    scheduler: Scheduler
    database: Database
    state: MemorySealState = field(factory=MemorySealState)
    #: Why nothing is sealed, as it was said last.
    refused: str | None = None

    def ports(self, call: Callable[[str, Callable[[], Any]], Any]) -> dict[str, Any]:
        """As one process sees them."""
        return {"seals": _Seals(self.database, call), "seal_state": self.state}

    def loop(self, container: Container, stop: Any) -> SealLoop:
        return SealLoop(
            seal=container.seal(),
            every=EVERY,
            stop=stop,
            tell=self._hear,
            telemetry=MemoryTelemetry(),
        )

    @property
    def is_behind(self) -> bool:
        """Asked only to know when to stop."""
        rows = self.database.rows
        number = max(rows._seals.logs.rows, default=0)
        sealed = sum(of == number for of, _, _ in rows._seals.leaves.rows)
        return sealed < len(rows._audit.events.rows)

    def _hear(self, done: Round | Refusal) -> None:
        self.refused = done.code if isinstance(done, Refusal) else None

    def judge(self) -> Iterator[str]:
        """Every event has one leaf; every checkpoint is the root of the leaves before it."""
        rows = self.database.rows
        number = max(rows._seals.logs.rows, default=0)
        leaves = {
            leaf.position: leaf
            for (of, _, _), leaf in rows._seals.leaves.rows.items()
            if of == number
        }
        if sorted(leaves) != list(range(len(leaves))):
            yield "the log has gaps"
            return
        events = {place: _hash(event.leaf) for place, event in rows._audit.events.rows.items()}
        sealed = {(leaf.organisation, leaf.sequence): leaf.hash for leaf in leaves.values()}
        if sealed != events:
            yield f"{len(events)} events, {len(sealed)} leaves, which are not theirs"
        hashes = [leaves[position].hash for position in range(len(leaves))]
        signed = [
            each.checkpoint
            for (of, _), each in sorted(rows._seals.checkpoints.rows.items())
            if of == number
        ]
        if not signed or signed[-1].size != len(hashes):
            yield f"{len(hashes)} leaves, and the last checkpoint is of fewer"
        for checkpoint in signed:
            if checkpoint.root != _root(hashes[: checkpoint.size]):
                yield f"the checkpoint of {checkpoint.size} leaves is of others"


def _hash(leaf: bytes) -> bytes:
    return sha256(b"\0" + leaf).digest()


def _root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1."""
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + _root(hashes[:half]) + _root(hashes[half:])).digest()


@define(eq=False)
class _Seals(SealStore):
    """The sealer's own connection: any call may be its last."""

    database: Database
    call: Callable[[str, Callable[[], Any]], Any]

    @contextmanager
    def session(self) -> Iterator[SealSession]:
        self.call("seals", self.database.require_up)
        restarts = self.database.restarts

        def ask(name: str, act: Callable[[], Any]) -> Any:
            def there() -> Any:
                self.database.require_up(restarts)
                return act()

            return self.call(name, there)

        with self.database.rows.seal_store().session() as session:
            there: Any = Remote("seals", session, _ASKED, ask)
            yield there
