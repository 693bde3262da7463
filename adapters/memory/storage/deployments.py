from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import define, evolve, field, frozen

from adapters.memory.storage.accounts import AccountTables
from adapters.memory.storage.ledger import LedgerTables
from adapters.memory.storage.transaction import Table, Transaction, page_of
from application.ports.storage.deployments import (
    DEPLOYMENTS,
    NOBODY,
    Claim,
    Claims,
    ClientReferenceTakenError,
    DeploymentIdTakenError,
    Deployments,
    Networks,
    Signers,
    SlotUse,
    keeps_what_was_signed,
)
from application.ports.storage.paging import Page, PageRequest
from application.ports.storage.work import FenceLostError, LeaseLostError, Lock
from domain.anchor import Anchor
from domain.deployment import Deployment, State
from domain.errors import MisuseError
from domain.identifiers import (
    INSTALLATION,
    AccountId,
    NetworkId,
    OperationId,
    OrganisationId,
)
from domain.network import Network, NetworkStatus
from domain.operation import AttemptRole, OperationKind, Signer, Slot, SlotState
from domain.organisation import Organisation
from domain.token import TokenKind
from domain.trace import Cause
from domain.treasury import Holding

Key = tuple[OrganisationId, OperationId]
SignerKey = tuple[NetworkId, str]

_CONFIRMED = {State.CONFIRMED, State.INDEXED, State.COMPLETED}


@frozen
class _Row:
    deployment: Deployment
    due_at: datetime
    cause: Cause = NOBODY


@frozen
class _Lease:
    token: UUID
    worker: UUID
    #: By the store's own clock.
    until: float


@frozen
class _SlotPlace:
    """Whose slot it is."""

    operation: Key
    step: int
    number: int


@define(eq=False)
class DeploymentTables:
    deployments: Table[Key, _Row] = field(factory=lambda: Table("operations"))
    leases: Table[Key, _Lease] = field(factory=lambda: Table("leases"))
    #: Unique indexes: a client reference for ever, a slot of a signer for ever.
    references: Table[tuple[OrganisationId, bool, str], OperationId] = field(
        factory=lambda: Table("client_references")
    )
    slots: Table[tuple[NetworkId, str, int], _SlotPlace] = field(factory=lambda: Table("slots"))
    signers: Table[SignerKey, Signer] = field(factory=lambda: Table("signers"))
    #: Until when somebody is the only one to replace, fill or halt.
    signer_leases: Table[SignerKey, float] = field(factory=lambda: Table("signer_leases"))
    holdings: Table[SignerKey, Holding] = field(factory=lambda: Table("holdings"))
    networks: Table[NetworkId, Network] = field(factory=lambda: Table("networks"))
    statuses: Table[NetworkId, NetworkStatus] = field(factory=lambda: Table("network_statuses"))


@define(eq=False)
class MemoryDeployments(Deployments):
    _transaction: Transaction
    _tables: DeploymentTables
    _accounts: AccountTables
    _ledger: LedgerTables
    _organisations: Table[OrganisationId, Organisation]

    def add(self, deployment: Deployment, due_at: datetime, cause: Cause = NOBODY) -> None:
        organisation = self._transaction.require_organisation(deployment.organisation)
        self._require_what_it_names(deployment)
        key = (organisation, deployment.id)
        row = _Row(deployment, due_at, cause)
        if not self._transaction.insert(self._tables.deployments, key, row):
            raise DeploymentIdTakenError(str(deployment.id))
        if deployment.client_reference is not None and not self._transaction.insert(
            self._tables.references,
            (organisation, deployment.live, deployment.client_reference),
            deployment.id,
        ):
            raise ClientReferenceTakenError(deployment.client_reference)
        self._store_slots(deployment)
        self._transaction.at_commit(lambda: self._keep_promises(deployment.id))

    def get(self, id: OperationId) -> Deployment | None:
        row = self._row(id)
        return row.deployment if row else None

    def outline(self, id: OperationId) -> Deployment | None:
        found = self.get(id)
        return None if found is None else found.outline()

    def lock(self, id: OperationId) -> Deployment | None:
        self._transaction.enter(Lock.OPERATION, id)
        if self._row(id) is None or self._transaction.organisation is None:
            return None
        self._transaction.hold(self._tables.deployments, (self._transaction.organisation, id))
        return self.get(id)

    def put(self, deployment: Deployment, due_at: datetime, claim: Claim | None) -> None:
        organisation = self._transaction.require_organisation(deployment.organisation)
        key = (organisation, deployment.id)
        before = self._row(deployment.id)
        if before is None or not self._transaction.holds(self._tables.deployments, key):
            raise MisuseError(f"{deployment.id} is not locked")
        if _identity(before.deployment) != _identity(deployment):
            raise MisuseError(f"{deployment.id} keeps what was accepted")
        if not keeps_what_was_signed(before.deployment, deployment):
            raise MisuseError(f"{deployment.id} keeps what was signed for it")
        if claim is None:
            self._transaction.delete(self._tables.leases, key)
        else:
            lease = self._transaction.get(self._tables.leases, key)
            if (
                (claim.organisation, claim.operation) != key
                or lease is None
                or lease.token != claim.token
                or lease.until <= self._transaction.now()
            ):
                raise LeaseLostError(str(deployment.id))
        self._store_slots(deployment)
        self._transaction.update(
            self._tables.deployments, key, evolve(before, deployment=deployment, due_at=due_at)
        )
        self._transaction.at_commit(lambda: self._keep_promises(deployment.id))

    def due_at(self, id: OperationId) -> datetime | None:
        row = self._row(id)
        return row.due_at if row and row.deployment.state.is_open else None

    def by_reference(self, reference: str, *, live: bool) -> Deployment | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        id = self._transaction.get(self._tables.references, (organisation, live, reference))
        return None if id is None else self.get(id)

    def list(
        self,
        page: PageRequest,
        *,
        state: State | None = None,
        network: NetworkId | None = None,
        live: bool | None = None,
        kinds: frozenset[OperationKind] = DEPLOYMENTS,
        of: OperationId | None = None,
        token_kind: TokenKind | None = None,
    ) -> Page[Deployment]:
        wanted = [
            deployment
            for deployment in self._mine()
            if (page.after is None or deployment.id.int < page.after.int)
            and state in {None, deployment.state}
            and network in {None, deployment.network}
            and live in {None, deployment.live}
            and deployment.kind in kinds
            and of in {None, deployment.of}
            and token_kind in {None, deployment.token.kind}
        ]
        newest_first = sorted(wanted, key=lambda deployment: deployment.id, reverse=True)
        items, has_more = page_of(newest_first, page.limit)
        return Page(tuple(each.outline() for each in items), has_more)

    def on_token(self, deployment: OperationId) -> Sequence[Deployment]:
        found = (each for each in self._mine() if each.of == deployment)
        return sorted(found, key=lambda each: each.id)

    def handed_to(self, tokens: Collection[OperationId]) -> Mapping[OperationId, str]:
        done = [
            each
            for each in self._mine()
            if each.kind is OperationKind.HAND_OVER
            and each.state is State.COMPLETED
            and each.of in tokens
        ]
        return {
            each.of: str(each.order.parameters["to"])
            for each in sorted(done, key=lambda each: each.accepted_at)
            if each.of is not None and each.order is not None
        }

    def handing_to(self, address: str) -> Sequence[Deployment]:
        found = (
            each
            for each in self._mine()
            if each.kind is OperationKind.HAND_OVER
            and each.order is not None
            and each.order.parameters["to"] == address
        )
        return sorted(found, key=lambda each: each.id, reverse=True)

    def held_by(self, account: AccountId, addresses: Collection[str]) -> Sequence[OperationId]:
        made = [
            each
            for each in self._mine()
            if each.kind is OperationKind.DEPLOYMENT
            and each.account == account
            and each.state not in {State.FAILED, State.CANCELLED}
        ]
        handed = self.handed_to([each.id for each in made])
        return sorted(each.id for each in made if handed.get(each.id, each.owner) in addresses)

    def anchors_from(self, origin: str, size: int) -> Sequence[Deployment]:
        smallest: dict[NetworkId, Deployment] = {}
        for each in self._mine():
            if each.kind is not OperationKind.ANCHOR or each.state is not State.COMPLETED:
                continue
            checkpoint = Anchor.of(each.token).checkpoint
            known = smallest.get(each.network)
            is_smaller = known is None or checkpoint.size < Anchor.of(known.token).checkpoint.size
            if checkpoint.origin == origin and checkpoint.size >= size and is_smaller:
                smallest[each.network] = each
        return [smallest[network] for network in sorted(smallest)]

    def kinds_of(self, ids: Collection[OperationId]) -> Mapping[OperationId, OperationKind]:
        return {each.id: each.kind for each in self._mine() if each.id in ids}

    def causes_of(self, ids: Collection[OperationId]) -> Mapping[OperationId, Cause]:
        found = ((id, self._row(id)) for id in ids)
        return {id: row.cause for id, row in found if row is not None}

    def in_flight(self, account: AccountId, network: NetworkId, besides: OperationId) -> int:
        return sum(
            each.step.open_slot is not None
            for each in self._mine()
            if (each.account, each.network) == (account, network) and each.id != besides
        )

    def count_accepted(self, since: datetime, until: datetime) -> int:
        return sum(
            since <= deployment.accepted_at < until
            and deployment.kind in DEPLOYMENTS
            and not deployment.is_given_back
            for deployment in self._mine()
        )

    def _row(self, id: OperationId) -> _Row | None:
        organisation = self._transaction.organisation
        if organisation is None:
            return None
        return self._transaction.get(self._tables.deployments, (organisation, id))

    def _mine(self) -> Iterable[Deployment]:
        return (
            row.deployment
            for (organisation, _), row in self._transaction.items(self._tables.deployments)
            if organisation == self._transaction.organisation
        )

    def _require_what_it_names(self, deployment: Deployment) -> None:
        """The foreign keys."""
        organisation = deployment.organisation
        if self._transaction.get(self._organisations, organisation) is None:
            raise MisuseError(f"there is no organisation {organisation}")
        network = self._transaction.get(self._tables.networks, deployment.network)
        if network is None or network.live is not deployment.live:
            raise MisuseError(f"network {deployment.network} is not registered in this mode")
        if deployment.of is not None and self._row(deployment.of) is None:
            raise MisuseError(f"there is no deployment {deployment.of}")
        if deployment.account is None:
            return
        account = self._transaction.get(
            self._accounts.accounts, (organisation, deployment.account)
        )
        if account is None or account.live is not deployment.live:
            raise MisuseError(f"there is no account {deployment.account} in this mode")

    def _keep_promises(self, id: OperationId) -> None:
        """What the state machine promises, promised a second time."""
        deployment = self.get(id)
        if deployment is None:
            raise AssertionError
        state, failure, hold = deployment.state, deployment.failure, deployment.hold
        slots = [slot for step in deployment.steps for slot in step.slots]
        could_land = any(not slot.state.is_dead for slot in slots)
        has_effect = any(
            attempt.role is AttemptRole.EFFECT for slot in slots for attempt in slot.attempts
        )
        is_proven = failure is not None and failure.without_effect
        promises = {
            "an operation is paid by its organisation": hold is None
            or self._transaction.get(self._ledger.holds, (deployment.organisation, hold))
            is not None,
            "completed has a token": state not in _CONFIRMED or deployment.result is not None,
            "failed has a reason": (state is State.FAILED) == (failure is not None),
            "what is submitted has an attempt": has_effect
            or state in {State.QUEUED, State.FAILED, State.CANCELLED},
            "what is confirmed has only final steps": state not in _CONFIRMED
            or all(step.is_final for step in deployment.steps),
            "cancelled has no slot in which it could land": state is not State.CANCELLED
            or not could_land,
            "failed without effect has no open slot": not is_proven or not could_land,
        }
        for promise, is_kept in promises.items():
            if not is_kept:
                raise MisuseError(f"{id} is {state.value}, and breaks: {promise}")

    def _store_slots(self, deployment: Deployment) -> None:
        """The constraints on slots: a signer gives each away once, and a step has one open."""
        for step in deployment.steps:
            if sum(slot.state is SlotState.OPEN for slot in step.slots) > 1:
                raise MisuseError(f"{deployment.id} has two open slots in step {step.number}")
            for slot in step.slots:
                if slot.sequence is None:
                    continue
                place = _SlotPlace(
                    (deployment.organisation, deployment.id), step.number, slot.number
                )
                key = (slot.network, slot.signer, slot.sequence)
                if (
                    not self._transaction.insert(self._tables.slots, key, place)
                    and self._transaction.get(self._tables.slots, key) != place
                ):
                    raise MisuseError(f"slot {key} is another step's")


@define(eq=False)
class MemoryClaims(Claims):
    _transaction: Transaction
    _tables: DeploymentTables
    _new_token: Callable[[], UUID]

    def take(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        worker: UUID,
        *,
        queued_first: bool = False,
        full: Collection[NetworkId] = (),
    ) -> list[Claim]:
        until = self._transaction.now() + lease.total_seconds()
        taken: list[Claim] = []
        in_line, others = self._fairly(now, full, in_line=True), self._fairly(now, in_line=False)
        for key in (*in_line, *others) if queued_first else (*others, *in_line):
            if len(taken) == limit:
                break
            if not self._transaction.try_hold(self._tables.deployments, key):
                continue
            # Between the look and the hold somebody else may have taken it.
            row = self._transaction.get(self._tables.deployments, key)
            if row is None or not self._is_free(key, row) or row.due_at > now:
                continue
            token = self._new_token()
            self._transaction.put(self._tables.leases, key, _Lease(token, worker, until))
            taken.append(
                Claim(organisation=key[0], operation=key[1], token=token, cause=row.cause)
            )
        return taken

    def renew(self, claims: list[Claim], lease: timedelta) -> list[Claim]:
        renewed: list[Claim] = []
        for claim, held in self._standing(claims):
            until = self._transaction.now() + lease.total_seconds()
            self._transaction.put(self._tables.leases, _key(claim), evolve(held, until=until))
            renewed.append(claim)
        return renewed

    def give_back(self, claims: list[Claim]) -> None:
        for claim, _ in self._standing(claims):
            self._transaction.delete(self._tables.leases, _key(claim))

    def next_due(self, now: datetime) -> datetime | None:  # noqa: ARG002 - past or future, it is due then
        return min(
            (
                row.due_at
                for key, row in self._transaction.items(self._tables.deployments)
                if self._is_free(key, row)
            ),
            default=None,
        )

    def _fairly(
        self, now: datetime, besides: Collection[NetworkId] = (), *, in_line: bool
    ) -> list[Key]:
        """What is due: every organisation's longest due first, then every one's second, …"""
        due = sorted(
            (row.due_at, key)
            for key, row in self._transaction.items(self._tables.deployments)
            if row.due_at <= now
            and self._is_free(key, row)
            and row.deployment.is_in_line is in_line
            and row.deployment.network not in besides
        )
        turns: Counter[OrganisationId] = Counter()
        ranked: list[tuple[int, datetime, Key]] = []
        for due_at, key in due:
            turns[key[0]] += 1
            ranked.append((turns[key[0]], due_at, key))
        return [key for _, _, key in sorted(ranked)]

    def _is_free(self, key: Key, row: _Row) -> bool:
        lease = self._transaction.get(self._tables.leases, key)
        return row.deployment.state.is_open and (
            lease is None or lease.until <= self._transaction.now()
        )

    def _standing(self, claims: list[Claim]) -> Iterable[tuple[Claim, _Lease]]:
        """Those whose lease still holds, each locked, in the order of their ids."""
        for claim in sorted(claims, key=_key):
            self._transaction.hold(self._tables.deployments, _key(claim))
            lease = self._transaction.get(self._tables.leases, _key(claim))
            if lease and lease.token == claim.token and lease.until > self._transaction.now():
                yield claim, lease


@define(eq=False)
class MemorySigners(Signers):
    _transaction: Transaction
    _tables: DeploymentTables

    def add(self, signer: Signer) -> bool:
        if self._transaction.get(self._tables.networks, signer.network) is None:
            raise MisuseError(f"network {signer.network} is not registered")
        return self._transaction.insert(
            self._tables.signers, (signer.network, signer.address), signer
        )

    def get(self, network: NetworkId, address: str) -> Signer | None:
        return self._transaction.get(self._tables.signers, (network, address))

    def treasury(self, network: NetworkId) -> list[Signer]:
        return [signer for signer in self.of_network(network) if signer.is_treasury]

    def of_network(self, network: NetworkId) -> list[Signer]:
        found = [
            signer
            for key, signer in self._transaction.items(self._tables.signers)
            if key[0] == network
        ]
        return sorted(found, key=lambda signer: signer.address)

    def lock(self, network: NetworkId, address: str) -> Signer | None:
        return self._transaction.lock(Lock.SIGNER, self._tables.signers, (network, address))

    def put(self, signer: Signer) -> None:
        key = (signer.network, signer.address)
        self._transaction.hold(self._tables.signers, key)
        stored = self._transaction.get(self._tables.signers, key)
        if stored is not None and stored.fence != signer.fence:
            raise FenceLostError(f"{signer.address}: fence {signer.fence} is {stored.fence} now")
        self._transaction.update(self._tables.signers, key, signer)

    def open_slots(self, network: NetworkId, address: str) -> int:
        return sum(1 for _ in self._open(network, address))

    def lowest_open(self, network: NetworkId, address: str) -> SlotUse | None:
        if self._transaction.organisation != INSTALLATION:
            raise MisuseError("only the installation sees the slots of all organisations")
        return min(
            (
                SlotUse(
                    organisation=deployment.organisation,
                    operation=deployment.id,
                    sequence=slot.sequence,
                    has_attempt=bool(slot.attempts),
                )
                for deployment, slot in self._open(network, address)
                if slot.sequence is not None
            ),
            key=lambda use: use.sequence,
            default=None,
        )

    def take_lease(self, network: NetworkId, address: str, lease: timedelta) -> Signer | None:
        signer = self.lock(network, address)
        if signer is None:
            raise MisuseError(f"there is no signer {address} on {network}")
        key = (network, address)
        until = self._transaction.get(self._tables.signer_leases, key)
        if until is not None and until > self._transaction.now():
            return None
        taken = evolve(signer, fence=signer.fence + 1)
        self._transaction.put(
            self._tables.signer_leases, key, self._transaction.now() + lease.total_seconds()
        )
        self._transaction.update(self._tables.signers, key, taken)
        return taken

    def check_fence(self, signer: Signer) -> None:
        stored = self.lock(signer.network, signer.address)
        if stored is None or stored.fence != signer.fence:
            raise FenceLostError(f"{signer.address}: fence {signer.fence} is not the newest")

    def holding(self, network: NetworkId, address: str) -> Holding | None:
        return self._transaction.get(self._tables.holdings, (network, address))

    def put_holding(self, holding: Holding) -> None:
        key = (holding.network, holding.address)
        if not self._transaction.holds(self._tables.signers, key):
            raise MisuseError(f"{holding.address} is not locked")
        if self._transaction.get(self._tables.signers, key) is None:
            raise MisuseError(f"there is no signer {holding.address} on {holding.network}")
        self._transaction.put(self._tables.holdings, key, holding)

    def _open(self, network: NetworkId, address: str) -> Iterable[tuple[Deployment, Slot]]:
        return (
            (row.deployment, slot)
            for _, row in self._transaction.items(self._tables.deployments)
            for step in row.deployment.steps
            for slot in step.slots
            if slot.state is SlotState.OPEN and (slot.network, slot.signer) == (network, address)
        )


@define(eq=False)
class MemoryNetworks(Networks):
    _transaction: Transaction
    _tables: DeploymentTables

    def register(self, network: Network) -> None:
        known = self._transaction.get(self._tables.networks, network.id)
        if known is not None and (known.network_class, known.genesis) != (
            network.network_class,
            network.genesis,
        ):
            raise MisuseError(f"{network.id} is registered in another class or as another chain")
        self._transaction.put(self._tables.networks, network.id, network)
        self._transaction.insert(self._tables.statuses, network.id, NetworkStatus(id=network.id))

    def status(self, id: NetworkId) -> NetworkStatus:
        return self._registered(self._transaction.get(self._tables.statuses, id), id)

    def lock(self, id: NetworkId) -> NetworkStatus:
        return self._registered(
            self._transaction.lock(Lock.NETWORK, self._tables.statuses, id), id
        )

    def put(self, status: NetworkStatus) -> None:
        self._transaction.update(self._tables.statuses, status.id, status)

    @staticmethod
    def _registered(status: NetworkStatus | None, id: NetworkId) -> NetworkStatus:
        if status is None:
            raise MisuseError(f"network {id} is not registered")
        return status


def _key(claim: Claim) -> Key:
    return (claim.organisation, claim.operation)


def _identity(deployment: Deployment) -> tuple[object, ...]:
    """What is fixed at acceptance; a retry changes the hold, and nothing else of this."""
    return (
        deployment.id,
        deployment.kind,
        deployment.network,
        deployment.live,
        deployment.account,
        deployment.token,
        deployment.order,
        deployment.of,
        deployment.sender,
        deployment.credits,
        deployment.declared_value,
        deployment.client_reference,
    )
