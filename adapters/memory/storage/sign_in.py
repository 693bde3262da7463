from datetime import datetime

from attrs import define, evolve, field

from adapters.memory.storage.access import MemoryAccessEpoch
from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.sign_in import Flows, Identities
from domain.errors import MisuseError
from domain.identifiers import FlowId, IdentityId, OrganisationId, UserId
from domain.sign_in import Flow, Identity


@define(eq=False)
class SignInTables:
    identities: Table[tuple[UserId, IdentityId], Identity] = field(
        factory=lambda: Table("identities")
    )
    #: Two unique indexes.
    subjects: Table[tuple[str, bytes], UserId] = field(factory=lambda: Table("subjects"))
    issuers: Table[tuple[UserId, str], IdentityId] = field(factory=lambda: Table("issuers"))
    flows: Table[tuple[OrganisationId, FlowId], Flow] = field(
        factory=lambda: Table("sign_in_flows")
    )


@define(eq=False)
class MemoryIdentities(Identities):
    _transaction: Transaction
    _tables: SignInTables

    def add(self, identity: Identity) -> bool:
        user, subject = identity.user, identity.subject_hash
        if self._transaction.user != user or subject is None:
            raise MisuseError(f"{identity.id} is outside the scope of {self._transaction.user}")
        if not self._transaction.insert(self._tables.subjects, (identity.issuer, subject), user):
            return False
        by_issuer = (user, identity.issuer)
        if not self._transaction.insert(self._tables.issuers, by_issuer, identity.id):
            self._transaction.delete(self._tables.subjects, (identity.issuer, subject))
            return False
        return self._transaction.insert(self._tables.identities, (user, identity.id), identity)

    def find(self, issuer: str, subject_hash: bytes) -> UserId | None:
        return self._transaction.get(self._tables.subjects, (issuer, subject_hash))

    def all(self) -> list[Identity]:
        mine = (
            identity
            for (user, _), identity in self._transaction.items(self._tables.identities)
            if user == self._transaction.user and identity.subject_hash is not None
        )
        return sorted(mine, key=lambda identity: (identity.linked_at, identity.id))

    def end(self, id: IdentityId, now: datetime) -> bool:
        user = self._transaction.user
        if user is None or self._transaction.get(self._tables.identities, (user, id)) is None:
            return False
        self._transaction.hold(self._tables.identities, (user, id))
        known = self._transaction.get(self._tables.identities, (user, id))
        if known is None or known.subject_hash is None:
            return False
        self._transaction.delete(self._tables.subjects, (known.issuer, known.subject_hash))
        self._transaction.delete(self._tables.issuers, (user, known.issuer))
        ended = evolve(known, subject_hash=None, unlinked_at=now)
        self._transaction.update(self._tables.identities, (user, id), ended)
        return True


@define(eq=False)
class MemoryFlows(Flows):
    _transaction: Transaction
    _tables: SignInTables
    _epoch: MemoryAccessEpoch

    def add(self, flow: Flow) -> None:
        mine = self._transaction.require_organisation()
        if not self._transaction.insert(self._tables.flows, (mine, flow.id), flow):
            raise MisuseError(f"there is a flow {flow.id} already")
        self._epoch.stamp(flow.id)

    def get(self, id: FlowId) -> Flow | None:
        mine = self._transaction.organisation
        if mine is None or self._epoch.is_over(id):
            return None
        return self._transaction.get(self._tables.flows, (mine, id))

    def take(self, id: FlowId, now: datetime) -> bool:
        mine = self._transaction.organisation
        if mine is None or self.get(id) is None:
            return False
        self._transaction.hold(self._tables.flows, (mine, id))
        flow = self.get(id)
        if flow is None or not flow.is_good(now):
            return False
        self._transaction.update(self._tables.flows, (mine, id), evolve(flow, used_at=now))
        return True

    def purge(self, before: datetime) -> int:
        over = [
            key
            for key, flow in self._transaction.items(self._tables.flows)
            if flow.expires_at < before
        ]
        for key in sorted(over):
            self._transaction.delete(self._tables.flows, key)
        return len(over)
