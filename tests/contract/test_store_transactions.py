"""One block, one transaction: kept or undone as a whole, scoped, and locked in one order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations
from threading import Event
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.custody import Wrapped
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Lock, Scope, Store, Work
from domain.abuse import LoginFailures
from domain.errors import LockOrderError, MisuseError
from domain.identifiers import ApiKeyId, EndpointId, LetterId, SessionId
from domain.network import Family
from domain.operation import OperationKind
from domain.token import Action, Order
from tests.catalogue import ENTERPRISE
from tests.contract.tenants import (
    NOW,
    BoomError,
    Tenant,
    a_deployment,
    a_grant,
    a_hold,
    a_signer,
    a_tenant,
    act,
    added,
    an_account,
    an_event,
    die_after,
    ready,
)
from tests.contract.test_store_access import a_key, a_session


def test_what_was_committed_is_read_back(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(deployment.id) == deployment


def test_a_transaction_reads_what_it_has_written_and_nobody_else_does(store: Store):
    tenant = a_tenant(store)
    deployment = a_deployment(tenant)
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, NOW)
        assert work.deployments.get(deployment.id) == deployment
        with store.begin(tenant.scope) as other:
            assert other.deployments.get(deployment.id) is None


def test_nothing_is_kept_of_a_block_that_raised(store: Store):
    tenant = a_tenant(store, granted=10)
    deployment, event, hold = a_deployment(tenant), an_event(tenant), a_hold(5)
    login = uuid4().bytes
    with store.begin(tenant.person) as work:
        before = state_of(work, tenant)

    def write(work: Work) -> None:
        work.login_attempts.lock(login)
        work.login_attempts.put(login, LoginFailures(count=1, last_at=NOW))
        work.organisations.set_tariff(ENTERPRISE)
        work.sessions.add(a_session(tenant))
        work.api_keys.add(a_key(tenant))
        account = work.accounts.lock(tenant.account)
        assert account is not None
        work.accounts.put(ready(account))
        work.secrets.add("name", Wrapped(wrapping="w", ciphertext=b"c"))
        work.deployments.add(deployment, NOW)
        act(work, hold)
        work.signers.add(a_signer(tenant))
        status = work.networks.lock(tenant.network)
        work.networks.put(evolve(status, halted="why"))
        work.audit.append(event)
        work.outbox.add("topic", "key")

    with pytest.raises(BoomError):
        die_after(store, tenant.person, write)
    with store.begin(tenant.person) as work:
        assert state_of(work, tenant) == before
        assert work.login_attempts.lock(login) == LoginFailures()
        assert work.deployments.get(deployment.id) is None
        assert work.ledger.hold(hold.id) is None
        assert work.audit.get(event.id) is None
    # All of it is possible, and was only undone.
    with store.begin(tenant.person) as work:
        write(work)
    with store.begin(tenant.person) as work:
        assert state_of(work, tenant) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda work, _: work.organisations.set_tariff(ENTERPRISE),
        lambda work, _: work.outbox.add("topic", "key"),
        lambda work, tenant: work.deployments.add(a_deployment(tenant), NOW),
        lambda work, _: act(work, a_hold(5)),
        lambda work, _: work.ledger.stand_in_line(),
    ],
    ids=["at once", "later", "later, and checked", "under a lock", "a lock"],
)
def test_a_question_changes_nothing(store: Store, change: Callable[[Work, Tenant], object]):
    tenant = a_tenant(store, granted=10)
    with store.begin(tenant.person) as work:
        before = state_of(work, tenant)
    with pytest.raises(MisuseError):
        store.ask(tenant.person, lambda work: change(work, tenant))
    with store.begin(tenant.person) as work:
        assert state_of(work, tenant) == before
    assert store.ask(tenant.person, lambda work: work.organisations.get()) == before[0]


def state_of(work: Work, tenant: Tenant) -> tuple[object, ...]:
    return (
        work.organisations.get(),
        work.api_keys.list(PageRequest()),
        work.accounts.get(tenant.account),
        work.secrets.get("name"),
        work.deployments.list(PageRequest()),
        work.ledger.balance(),
        work.ledger.open_holds(),
        work.ledger.journal(before=None, limit=100),
        work.signers.of_network(tenant.network),
        work.networks.status(tenant.network),
        work.audit.all(limit=100),
    )


def test_a_refusal_that_is_returned_commits(store: Store):
    tenant = a_tenant(store)

    def refuse() -> str:
        with store.begin(tenant.scope) as work:
            work.audit.append(an_event(tenant))
            return "no"

    assert refuse() == "no"
    with store.begin(tenant.scope) as work:
        assert len(work.audit.all(limit=10)) == 1


def test_nothing_can_be_written_after_the_end(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        pass
    with pytest.raises(Exception, match=r"\w"):
        work.outbox.add("topic", "key")


def test_a_lock_makes_others_wait_and_shows_them_what_was_done(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    is_locked, may_go = Event(), Event()

    def first() -> None:
        with store.begin(tenant.scope) as work:
            locked = work.deployments.lock(deployment.id)
            assert locked is not None
            is_locked.set()
            assert may_go.wait(10)
            work.deployments.put(locked.placed("0xissuer", "0xpredicted"), NOW, None)

    def second() -> str | None:
        assert is_locked.wait(10)
        with store.begin(tenant.scope) as work:
            locked = work.deployments.lock(deployment.id)
            assert locked is not None
            return locked.predicted

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.submit(first), threads.submit(second)
        assert is_locked.wait(10)
        with pytest.raises(TimeoutError):
            two.result(timeout=0.2)
        may_go.set()
        one.result(timeout=10)
        assert two.result(timeout=10) == "0xpredicted"


def test_a_lock_that_was_let_go_by_an_exception_is_free(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    with pytest.raises(BoomError):
        die_after(store, tenant.scope, lambda work: work.deployments.lock(deployment.id))
    with store.begin(tenant.scope) as work:
        assert work.deployments.lock(deployment.id) == deployment


# The one list of locks.

KEY = IdempotencyKey(live=False, route="POST /v1/deployments", key="k")

NOBODYS = uuid4()

LOCKS: dict[Lock, Callable[[Work, Tenant], object]] = {
    Lock.IDEMPOTENCY_KEY: lambda work, _: work.idempotency.take(KEY, NOW),
    Lock.LOGIN_ATTEMPTS: lambda work, tenant: work.login_attempts.lock(tenant.user.bytes),
    Lock.LEGAL_HOLDS: lambda work, _: work.legal_holds.lock(),
    Lock.SUBJECT_KEY: lambda work, _tenant: work.subject_keys.lock(),
    Lock.LETTER: lambda work, _tenant: work.letters.lock(LetterId(uuid4())),
    Lock.MEMBERS: lambda work, _tenant: work.members.lock(),
    Lock.SESSION: lambda work, _: work.sessions.lock(SessionId(uuid4())),
    Lock.THROTTLE: lambda work, _: work.throttles.lock("mem_1"),
    Lock.ACCOUNT: lambda work, tenant: work.accounts.lock(tenant.account),
    Lock.BILLING: lambda work, _: work.billing.lock(),
    Lock.OPERATION: lambda work, tenant: work.deployments.lock(a_deployment(tenant).id),
    Lock.WALLET: lambda work, _: work.ledger.lock(),
    Lock.SIGNER: lambda work, tenant: work.signers.lock(tenant.network, "0xtreasury"),
    Lock.NETWORK: lambda work, tenant: work.networks.lock(tenant.network),
    Lock.TOKEN_WATCH: lambda work, tenant: work.token_watches.lock(a_deployment(tenant).id),
    Lock.WEBHOOK_ENDPOINT: lambda work, _: work.webhooks.lock(EndpointId(NOBODYS)),
    Lock.AUDIT_HEAD: lambda work, tenant: work.audit.append(an_event(tenant)),
}


def test_every_lock_has_its_place_in_this_test():
    assert list(LOCKS) == sorted(Lock)


def test_all_locks_may_be_taken_from_the_top_down(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.person) as work:
        take(work, tenant, *Lock)


def test_no_lock_may_be_taken_after_a_later_one(store: Store):
    tenant = a_tenant(store)
    for earlier, later in combinations(Lock, 2):
        with pytest.raises(LockOrderError), store.begin(tenant.person) as work:
            take(work, tenant, later, earlier)


@pytest.mark.parametrize("lock", [lock for lock in Lock if lock < Lock.WALLET])
def test_whoever_accepts_waits_for_nobody_who_may_come_to_the_wallet(store: Store, lock: Lock):
    """Also where what is stored refers to what they have locked, which takes no lock of ours."""
    tenant = a_tenant(store, granted=10)
    token, hold = added(store, tenant), a_hold(1)
    order = Order(action=Action.MINT, parameters={"amount": "5"})

    def accept() -> None:
        with store.begin(tenant.scope) as work:
            work.ledger.stand_in_line()
            act(work, hold)
            work.deployments.add(a_deployment(tenant, hold=hold.id), NOW)
            minting = a_deployment(tenant, kind=OperationKind.MINT, order=order, of=token.id)
            work.deployments.add(minting, NOW)
            work.audit.append(an_event(tenant))

    with ThreadPoolExecutor(1) as threads, store.begin(tenant.person) as work:
        if lock is Lock.OPERATION:
            assert work.deployments.lock(token.id) == token
        else:
            take(work, tenant, lock)
        threads.submit(accept).result(timeout=10)


def take(work: Work, tenant: Tenant, *locks: Lock) -> None:
    for lock in locks:
        LOCKS[lock](work, tenant)


# Another organisation's rows (I12).


@pytest.fixture
def ada(store: Store) -> Tenant:
    return a_tenant(store, granted=10)


@pytest.fixture
def eve(store: Store) -> Tenant:
    return a_tenant(store, granted=10)


def test_i12_a_strangers_rows_are_not_found(store: Store, ada: Tenant, eve: Tenant):
    deployment = added(store, ada, client_reference="mine")
    event, hold, key, session = an_event(ada), a_hold(5), a_key(ada), a_session(ada)
    grant = a_grant(7, fact="plan:secret")
    with store.begin(ada.person) as work:
        work.sessions.add(session)
        work.api_keys.add(key)
        work.secrets.add("name", Wrapped(wrapping="w", ciphertext=b"c"))
        act(work, hold)
        act(work, grant)
        work.audit.append(event)
    for scope in (eve.person, eve.scope, Scope(user=eve.user), Scope()):
        with store.begin(scope) as work:
            assert work.deployments.get(deployment.id) is None
            assert work.deployments.due_at(deployment.id) is None
            assert work.deployments.by_reference("mine", live=False) is None
            assert work.deployments.list(PageRequest()).items == ()
            assert work.deployments.count_accepted(NOW, NOW + timedelta(days=1)) == 0
            assert work.accounts.get(ada.account) is None
            assert work.secrets.get("name") is None
            assert work.api_keys.get(key.id) is None
            # Whoever comes with it is recognised, and that opens nothing.
            assert work.api_keys.recognise(key.id) is not None
            assert work.api_keys.get(key.id) is None
            assert work.api_keys.list(PageRequest()).items == ()
            assert work.sessions.get(session.id) is None
            assert work.sessions.standing(session.id) is None
            assert work.organisations.member(ada.user) is None
            assert work.ledger.hold(hold.id) is None
            assert work.ledger.open_holds() == 0
            assert work.audit.get(event.id) is None
            assert work.audit.of_subject(event.subject) == []
            assert work.audit.all(limit=10) == []
            assert ada.organisation not in [o.id for o, _ in work.organisations.of_user()]
    with store.begin(eve.person) as work:
        assert work.sessions.lock(session.id) is None
        assert work.accounts.lock(ada.account) is None
        assert work.deployments.lock(deployment.id) is None
        assert work.accounts.find(Family.EVM, live=False) == an_account(eve, eve.account)
        assert not work.ledger.is_granted("plan:secret")
        assert work.ledger.lock(hold.id).holds == ()
        assert work.ledger.balance().available == 10
        assert len(work.ledger.journal(before=None, limit=10).items) == 1
        organisation, user = work.organisations.get(), work.users.get()
        assert organisation is not None
        assert organisation.id == eve.organisation
        assert user is not None
        assert user.id == eve.user


def test_i12_a_strangers_ids_and_names_do_not_collide(store: Store, ada: Tenant, eve: Tenant):
    mine = added(store, ada, client_reference="order 1")
    theirs = added(store, eve, client_reference="order 1", id=mine.id)
    with store.begin(ada.scope) as work:
        assert work.secrets.add("name", Wrapped(wrapping="w", ciphertext=b"a"))
        assert work.deployments.get(mine.id) == mine
    with store.begin(eve.scope) as work:
        assert work.secrets.add("name", Wrapped(wrapping="w", ciphertext=b"e"))
        assert work.deployments.by_reference("order 1", live=False) == theirs


def test_i12_nothing_is_written_in_a_strangers_name(store: Store, ada: Tenant, eve: Tenant):
    deployment = added(store, ada)
    session, key = a_session(ada), a_key(ada)
    with store.begin(ada.person) as work:
        work.sessions.add(session)
        work.api_keys.add(key)
        wallet = work.ledger.balance()
        events = (act(work, a_hold(1)),)
    assert events
    attempts: list[Callable[[Work], object]] = [
        lambda work: work.deployments.add(a_deployment(ada), NOW),
        lambda work: work.deployments.put(deployment, NOW, None),
        lambda work: work.accounts.add(evolve(an_account(ada, ada.account), live=True)),
        lambda work: work.accounts.put(ready(an_account(ada, ada.account))),
        lambda work: work.sessions.add(a_session(ada)),
        lambda work: work.sessions.put(evolve(session, revoked_at=NOW)),
        lambda work: work.api_keys.add(a_key(ada)),
        lambda work: work.api_keys.put(evolve(key, revoked_at=NOW)),
        lambda work: work.ledger.record(wallet, (), NOW, "worker"),
        lambda work: work.audit.append(an_event(ada)),
    ]
    for attempt in attempts:
        with pytest.raises(MisuseError), store.begin(eve.person) as work:
            attempt(work)
    with store.begin(ada.person) as work:
        assert work.deployments.get(deployment.id) == deployment
        assert work.sessions.get(session.id) == session
        assert work.api_keys.get(key.id) == key


def test_without_an_organisation_nothing_of_one_is_written(store: Store, ada: Tenant):
    attempts: list[Callable[[Work], object]] = [
        lambda work: work.deployments.add(a_deployment(ada), NOW),
        lambda work: work.secrets.add("name", Wrapped(wrapping="w", ciphertext=b"c")),
        lambda work: work.api_keys.add(a_key(ada)),
        lambda work: work.audit.append(an_event(ada)),
        lambda work: work.outbox.add("topic", "key"),
        lambda work: work.ledger.lock(),
    ]
    for attempt in attempts:
        with pytest.raises(MisuseError), store.begin(Scope()) as work:
            attempt(work)


def test_ids_tell_nothing_of_a_stranger_but_whose_they_are(store: Store, ada: Tenant):
    with store.begin(Scope()) as work:
        assert work.users.find_login(ada.email) == ada.user
        assert work.users.get() is None
        assert work.api_keys.find(ApiKeyId(uuid4())) is None
