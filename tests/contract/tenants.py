"""Who the tests of the store act for, and what they arrange before they ask."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from attrs import evolve, frozen

from application.ports.storage.deployments import Claim
from application.ports.storage.work import Scope, Store, Work
from domain.account import Account, AccountState
from domain.audit import WORKER, AuditDraft
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.identifiers import (
    AccountId,
    EventId,
    HoldId,
    KeyRef,
    LotId,
    MemberId,
    NetworkId,
    OperationId,
    OrganisationId,
    UserId,
)
from domain.ledger import (
    Command,
    Event,
    Grant,
    HoldCredits,
    Lot,
    Source,
    decide,
    expire,
    facts_of,
    fold,
    holds_of,
    lots_of,
)
from domain.network import Family, Finality, Network, NetworkClass
from domain.operation import Signer
from domain.organisation import Member, Organisation, Role, User
from domain.signing import Curve, PublicKey
from domain.token import Token, TokenKind
from tests.catalogue import FREE

T = TypeVar("T")

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = PublicKey(Curve.SECP256K1, bytes(64))
TOKEN = Token(
    kind=TokenKind("memory_token"), name="Gold", symbol="GLD", decimals=2, supply=1, parameters={}
)


class BoomError(Exception):
    """The transaction ends badly."""


@frozen(kw_only=True)
class Tenant:
    """A registered organisation with one member, an account, and a network of its own."""

    organisation: OrganisationId
    user: UserId
    member: MemberId
    email: str
    account: AccountId
    network: NetworkId

    @property
    def scope(self) -> Scope:
        return Scope(organisation=self.organisation)

    @property
    def person(self) -> Scope:
        return Scope(organisation=self.organisation, user=self.user)


def a_network(id: NetworkId) -> Network:
    return Network(
        id=id,
        name="Test",
        family=Family.EVM,
        network_class=NetworkClass.DEVELOPMENT,
        finality=Finality(depth=2),
        fee_ceiling=1_000,
        native_currency="ETH",
        native_decimals=18,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
    )


def a_tenant(store: Store, *, granted: int = 0) -> Tenant:
    tenant = Tenant(
        organisation=OrganisationId(uuid4()),
        user=UserId(uuid4()),
        member=MemberId(uuid4()),
        email=f"{uuid4()}@example.com",
        account=AccountId(uuid4()),
        network=NetworkId(f"eip155:{uuid4().int >> 80}"),
    )
    with store.begin(Scope.installation()) as work:
        work.networks.register(a_network(tenant.network))
    with store.begin(tenant.person) as work:
        work.users.add(
            User(
                id=tenant.user,
                email=tenant.email,
                password_hash="hash",
                created_at=NOW,
            )
        )
        work.organisations.add(
            Organisation(id=tenant.organisation, name="Ada & Co", tariff=FREE, created_at=NOW),
            Member(
                organisation=tenant.organisation,
                id=tenant.member,
                user=tenant.user,
                role=Role.OWNER,
                created_at=NOW,
            ),
        )
        assert work.accounts.add(an_account(tenant, tenant.account))
        if granted:
            act(work, a_grant(granted))
    return tenant


def an_account(tenant: Tenant, id: AccountId, *, live: bool = False) -> Account:
    return Account(
        organisation=tenant.organisation,
        id=id,
        family=Family.EVM,
        live=live,
        custodian="memory",
        created_at=NOW,
    )


def ready(account: Account) -> Account:
    return evolve(
        account,
        state=AccountState.READY,
        key=KeyRef("memory:1"),
        public_key=KEY,
        address="0xissuer",
    )


def a_deployment(tenant: Tenant, **changes: object) -> Deployment:
    deployment = Deployment(
        organisation=tenant.organisation,
        id=OperationId(uuid4()),
        network=tenant.network,
        live=False,
        account=tenant.account,
        requested_by="mem_1",
        token=TOKEN,
        sender="0xtreasury",
        owner="0xissuer",
        fee_ceiling=1_000,
        credits=0,
        accepted_at=NOW,
    )
    return evolve(deployment, **changes)


def added(
    store: Store, tenant: Tenant, *, due_at: datetime = NOW, **changes: object
) -> Deployment:
    deployment = a_deployment(tenant, **changes)
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, due_at)
    return deployment


def a_signer(tenant: Tenant, address: str = "0xtreasury", limit: int = 64) -> Signer:
    return Signer(
        network=tenant.network,
        address=address,
        key=KeyRef("memory:1"),
        public_key=KEY,
        next_sequence=0,
        limit=limit,
    )


def a_grant(amount: int, *, fact: str | None = None, **changes: object) -> Grant:
    lot = Lot(
        id=LotId(uuid4()),
        source=Source.PLAN,
        priority=10,
        amount=amount,
        remaining=amount,
        effective_at=NOW - timedelta(days=1),
        fact=fact or f"plan:{uuid4()}",
    )
    return Grant(lot=evolve(lot, **changes), is_granted_before=False)


def a_hold(amount: int, **changes: object) -> HoldCredits:
    return evolve(HoldCredits(id=HoldId(uuid4()), subject=uuid4(), amount=amount), **changes)


def act(work: Work, command: Command, now: datetime = NOW) -> tuple[Event, ...] | Refusal:
    """Decide under the wallet's lock, and record what was decided."""
    wallet = work.ledger.lock(
        *holds_of(command), facts=facts_of(command), lots=lots_of(command), now=now
    )
    over = expire(wallet, now)
    if over:
        work.ledger.record(wallet, over, now, "worker")
    for event in over:
        wallet = fold(wallet, event)
    if isinstance(command, Grant):
        command = evolve(command, is_granted_before=work.ledger.is_granted(command.lot.fact))
    decided = decide(wallet, command, now)
    if not isinstance(decided, Refusal):
        work.ledger.record(wallet, decided, now, "worker", uuid4())
    return decided


def an_event(tenant: Tenant, subject: str = "dep_1") -> AuditDraft:
    return AuditDraft(
        id=EventId(uuid4()),
        organisation=tenant.organisation,
        at=NOW,
        actor=WORKER,
        action="deployment.queued",
        subject=subject,
        live=False,
        correlation=subject,
        request_id=None,
        details={"credits": 5, "tags": ["a", None, True]},
        salt=uuid4().bytes,
    )


def claimed(
    store: Store, *mine: Deployment, lease: timedelta = timedelta(minutes=5), now: datetime = NOW
) -> list[Claim]:
    """Claims on those of *mine* that are to be had; what else was due is given back."""
    with store.begin(Scope()) as work:
        claims = work.claims.take(now, 1_000, lease, UUID(int=1))
        ids = {deployment.id for deployment in mine}
        work.claims.give_back([claim for claim in claims if claim.operation not in ids])
    return [claim for claim in claims if claim.operation in ids]


def die_after(store: Store, scope: Scope, write: Callable[[Work], object]) -> None:
    """Raises: BoomError, inside the transaction, when everything has been written."""
    with store.begin(scope) as work:
        write(work)
        raise BoomError


def at_once(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Run them in as many threads; the first exception is raised."""
    with ThreadPoolExecutor(len(actions)) as threads:
        return [future.result() for future in [threads.submit(action) for action in actions]]
