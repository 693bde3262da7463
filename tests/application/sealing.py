"""A sealer for tests: what is in the trail gets into the log, under a key of the test's own."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.ports.storage.seals import Leaf, Log, SealStore, SignedCheckpoint, Trouble
from domain.checkpoint import Checkpoint, Note
from domain.identifiers import KeyRef
from domain.merkle import Frontier
from domain.signing import Curve, PublicKey, Signature
from tests.application.house import House


@define(eq=False)
class Sealing:
    """Seals *house*'s trail whenever it is called."""

    house: House
    store: SealStore
    origin: str
    number: int = 1
    private: Ed25519PrivateKey = field(factory=Ed25519PrivateKey.generate)

    @property
    def key(self) -> PublicKey:
        return PublicKey(Curve.ED25519, self.private.public_key().public_bytes_raw())

    def __call__(self) -> SignedCheckpoint:
        with self.store.session() as session:
            if self.number not in {log.number for log in session.logs()}:
                self._open(session)
            frontier = Frontier.of(session.size(self.number), session.hashes(self.number))
            for batch in session.unsealed(self.number, batch=1_000, takes_restored=False):
                assert not isinstance(batch, Trouble), batch
                leaves: list[Leaf] = [
                    each.at(frontier.size + place) for place, each in enumerate(batch)
                ]
                frontier, nodes = frontier.appended(leaf.hash for leaf in leaves)
                session.append(self.number, leaves, nodes)
            signed = self.signed(frontier.size, frontier.root)
            session.publish(self.number, signed)
        return signed

    def signed(self, size: int, root: bytes) -> SignedCheckpoint:
        checkpoint = Checkpoint(origin=self.origin, size=size, root=root)
        raw = self.private.sign(checkpoint.text.encode())
        signature = Signature(Curve.ED25519, raw)
        note = Note.signed(checkpoint.text, self.origin, self.key, signature)
        return SignedCheckpoint(
            checkpoint=checkpoint, note=str(note), signed_at=self.house.clock.now()
        )

    def _open(self, session: Any) -> None:
        session.open(
            Log(
                number=self.number,
                origin=self.origin,
                key=KeyRef("memory:log"),
                public_key=self.key,
                cluster=session.cluster(),
                opened_at=self.house.clock.now(),
            )
        )
