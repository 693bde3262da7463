"""A house whose trail is sealed, and whose checkpoints are put on chain."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.memory.signatures import MemoryVerification
from adapters.memory.storage import MemoryStore
from application.anchors.request import AnchorWhenDue, RequestAnchor
from application.audit.anchors import FindAnchors
from application.ports.storage.paging import PageRequest
from application.ports.storage.seals import Log, SealSession, SignedCheckpoint, Trouble
from application.ports.storage.work import Scope, Store
from domain.anchor import Anchor
from domain.audit import AuditEvent
from domain.checkpoint import Checkpoint, Note
from domain.deployment import Deployment
from domain.identifiers import KeyRef, OperationId
from domain.merkle import Frontier
from domain.operation import OperationKind
from domain.signing import Curve, PublicKey, Signature
from tests.application.house import House

ORIGIN = "example.com/audit/ins_00000000000000000000000001/1"
HOUR = timedelta(hours=1)


@define(eq=False)
class Notary:
    """Signs checkpoints; a lying one with another key than it has shown."""

    lies: bool = False
    _key: Ed25519PrivateKey = field(factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> PublicKey:
        return PublicKey(Curve.ED25519, self._key.public_key().public_bytes_raw())

    def note(self, text: str, origin: str) -> str:
        key = Ed25519PrivateKey.generate() if self.lies else self._key
        signature = Signature(Curve.ED25519, key.sign(text.encode()))
        return str(Note.signed(text, origin, self.public_key, signature))


NOTARY = Notary()


def a_log(house: House, number: int = 1) -> Log:
    return Log(
        number=number,
        origin=f"{ORIGIN[:-1]}{number}",
        key=KeyRef("memory:1"),
        public_key=NOTARY.public_key,
        cluster="here",
        opened_at=house.clock.now(),
    )


class Anchoring(House):
    """Anchors are the installation's, so that is whose operations count here."""

    # What a sealer does.

    def checkpoint(
        self,
        size: int = 100,
        root: bytes | None = None,
        number: int = 1,
        notary: Notary = NOTARY,
    ) -> SignedCheckpoint:
        """One that says so, whatever there is of events."""
        with self._sealing() as session:
            log = self._log(session, number)
            checkpoint = Checkpoint(
                origin=log.origin, size=size, root=root or sha256(b"%d" % size).digest()
            )
            return self._published(session, log, checkpoint, notary)

    def seal(self) -> SignedCheckpoint:
        """The checkpoint over all events of everybody."""
        with self._sealing() as session:
            log = self._log(session, 1)
            frontier = Frontier.of(session.size(log.number), session.hashes(log.number))
            for batch in session.unsealed(log.number, batch=1_000, takes_restored=False):
                assert not isinstance(batch, Trouble)
                start = frontier.size
                leaves = [each.at(start + spot) for spot, each in enumerate(batch)]
                frontier, nodes = frontier.appended([leaf.hash for leaf in leaves])
                session.append(log.number, leaves, nodes)
            checkpoint = Checkpoint(origin=log.origin, size=frontier.size, root=frontier.root)
            return self._published(session, log, checkpoint)

    def _published(
        self, session: SealSession, log: Log, checkpoint: Checkpoint, notary: Notary = NOTARY
    ) -> SignedCheckpoint:
        signed = SignedCheckpoint(
            checkpoint=checkpoint,
            note=notary.note(checkpoint.text, log.origin),
            signed_at=self.clock.now(),
        )
        known = session.latest(log.number)
        if known is not None and known.checkpoint == checkpoint:
            return known
        session.publish(log.number, signed)
        return signed

    def _log(self, session: SealSession, number: int) -> Log:
        logs = session.logs()
        if not any(log.number == number for log in logs):
            for log in logs:
                if log.is_open:
                    session.close_log(log.number, self.clock.now(), "for the test")
            session.open_log(a_log(self, number))
        return next(log for log in session.logs() if log.number == number)

    def _sealing(self) -> Any:
        assert isinstance(self.store, MemoryStore)
        return self.store.seal_store().session()

    # What the operator and the worker do.

    def request_anchor(self, store: Store | None = None) -> RequestAnchor:
        return RequestAnchor(
            store=store or self.store,
            chains=self.chains,
            verifies=MemoryVerification(),
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def anchor(self, size: int = 100, **changes: Any) -> Deployment:
        """The operation that puts a checkpoint of that size on chain."""
        self.checkpoint(size, **changes)
        operation = self.request_anchor()(self.network)
        assert isinstance(operation, Deployment), operation
        return operation

    def when_due(self, every: timedelta = HOUR) -> AnchorWhenDue:
        return AnchorWhenDue(
            store=self.store,
            request=self.request_anchor(),
            networks=(self.network,),
            every=every,
            alarms=self.alarms,
            clock=self.clock,
        )

    @property
    def find_anchors(self) -> FindAnchors:
        return FindAnchors(store=self.store)

    # What is seen.

    def get(self, id: OperationId) -> Deployment:
        with self.store.begin(Scope.installation()) as work:
            operation = work.deployments.get(id)
        assert operation is not None
        return operation

    def operations(self) -> list[Deployment]:
        with self.store.begin(Scope.installation()) as work:
            page = PageRequest(limit=100)
            return list(work.deployments.list(page, kinds=frozenset(OperationKind)).items)

    def all_events(self) -> list[AuditEvent]:
        with self.store.begin(Scope.installation()) as work:
            return work.audit.all(limit=10_000)

    def events(self, id: OperationId) -> list[AuditEvent]:
        named = self.get(id).named
        return [event for event in self.all_events() if event.subject == named]

    def anchors(self) -> list[Deployment]:
        """Newest first."""
        return [each for each in self.operations() if each.kind is OperationKind.ANCHOR]

    def told(self) -> list[AuditEvent]:
        """What the trail says was anchored."""
        return [each for each in self.all_events() if each.action == "checkpoint.anchored"]

    def times_on_chain(self, operation: Deployment) -> int:
        return self.chain.anchored(Anchor.of(operation.token).content)

    def is_anchored_once(self, id: OperationId) -> None:
        operation = self.get(id)
        assert operation.state.value == "Completed", (operation.waiting, operation.failure)
        assert self.times_on_chain(operation) == 1
        mine = [each for each in self.told() if each.subject == operation.named]
        assert len(mine) == 1
        checkpoint, inclusion = Anchor.of(operation.token).checkpoint, operation.step.inclusion
        assert inclusion is not None
        assert mine[0].content()["details"] == {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "network": operation.network,
            "transaction_id": inclusion.transaction_id,
            "block": {"number": inclusion.block.number, "hash": inclusion.block.hash},
        }
        self._audit_has_no_gap()
