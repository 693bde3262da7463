"""When issued tokens are looked at, in every store."""

from collections.abc import Iterator
from datetime import timedelta
from time import sleep
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.storage.tokens import TokenWatch, WatchClaim, WatchLease
from application.ports.storage.work import LeaseLostError, Scope, Store
from domain.deployment import (
    Broadcast,
    Completed,
    Deployment,
    Event,
    ReadBack,
    Signed,
    SlotReserved,
    State,
    StepFinal,
)
from domain.errors import MisuseError
from domain.identifiers import OperationId
from domain.network import Block
from domain.operation import Attempt, Inclusion, OperationKind, Slot, TransactionId
from domain.token import Action, Order
from tests.contract.tenants import NOW, Tenant, a_tenant, added, at_once
from tests.strategies import examples

LONG, SHORT = timedelta(minutes=5), timedelta(milliseconds=150)
LATER = NOW + timedelta(hours=1)
EVERYTHING = 10_000

drawn = settings(suppress_health_check=list(HealthCheck), deadline=None)


def a_lease(length: timedelta = LONG) -> WatchLease:
    return WatchLease(length=length, again=LATER)


def a_watch(of: Deployment, **changes: object) -> TokenWatch:
    watch = TokenWatch(organisation=of.organisation, deployment=of.id, live=False, due_at=NOW)
    return evolve(watch, **changes)


def watched(store: Store, tenant: Tenant, **changes: object) -> TokenWatch:
    watch = a_watch(added(store, tenant), **changes)
    with store.begin(tenant.scope) as work:
        assert work.token_watches.add(watch)
    return watch


def stored(store: Store, tenant: Tenant, id: OperationId) -> TokenWatch | None:
    with store.begin(tenant.scope) as work:
        return work.token_watches.get(id)


def taken(
    store: Store, *mine: TokenWatch, now=NOW, lease: WatchLease | None = None
) -> list[WatchClaim]:
    """Claims on those of *mine* that are due; whatever else is due is put off."""
    ids = {watch.deployment for watch in mine}
    with store.begin(Scope()) as work:
        claims = work.token_watches.take(now, EVERYTHING, lease or a_lease())
    return [claim for claim in claims if claim.deployment in ids]


def put(store: Store, tenant: Tenant, watch: TokenWatch, claim: WatchClaim) -> None:
    with store.begin(tenant.scope) as work:
        assert work.token_watches.lock(watch.deployment) is not None
        work.token_watches.put(watch, claim)


# What is stored is what is read.


@settings(drawn, max_examples=examples(20))
@given(
    differences=st.lists(st.text(st.characters(exclude_categories=["C"]))),
    minutes=st.integers(-(10**6), 10**6),
)
def test_what_was_told_round_trips(store: Store, differences: list[str], minutes: int):
    tenant = a_tenant(store)
    watch = watched(store, tenant)
    assert stored(store, tenant, watch.deployment) == watch
    told = evolve(
        watch,
        due_at=NOW + timedelta(minutes=minutes),
        checked_at=NOW,
        differences=tuple(differences),
    )
    (claim,) = taken(store, watch)
    put(store, tenant, told, claim)
    assert stored(store, tenant, watch.deployment) == told


def test_a_token_is_watched_once(store: Store):
    tenant = a_tenant(store)
    watch = watched(store, tenant)
    with store.begin(tenant.scope) as work:
        assert not work.token_watches.add(evolve(watch, due_at=LATER))
    assert stored(store, tenant, watch.deployment) == watch


def test_of_many_who_add_one_at_once_one_does(store: Store):
    tenant = a_tenant(store)
    watch = a_watch(added(store, tenant))

    def add() -> bool:
        with store.begin(tenant.scope) as work:
            return work.token_watches.add(watch)

    assert at_once([add] * 6).count(True) == 1


@pytest.mark.parametrize(
    "change", [{"deployment": OperationId(UUID(int=5))}, {"live": True}], ids=["id", "mode"]
)
def test_a_watch_names_a_deployment_that_there_is(store: Store, change: dict[str, object]):
    tenant = a_tenant(store)
    watch = a_watch(added(store, tenant), **change)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.token_watches.add(watch)


def test_what_is_unknown_is_not_there(store: Store):
    tenant = a_tenant(store)
    id = OperationId(uuid4())
    with store.begin(tenant.scope) as work:
        assert work.token_watches.get(id) is None
        assert work.token_watches.lock(id) is None
    with store.begin(tenant.scope) as work:
        assert work.token_watches.claim(id, a_lease()) is None


# The queue.


def test_one_is_leased_to_one_looker_at_a_time(store: Store):
    tenant = a_tenant(store)
    watches = [watched(store, tenant) for _ in range(6)]
    ids = {watch.deployment for watch in watches}

    def take() -> list[WatchClaim]:
        mine = []
        for _ in range(10):
            with store.begin(Scope()) as work:
                mine += work.token_watches.take(NOW, 2, a_lease())
        return [claim for claim in mine if claim.deployment in ids]

    claims = [claim for claims in at_once([take] * 4) for claim in claims]
    assert len(claims) == len({claim.token for claim in claims}) == 6
    assert {claim.deployment for claim in claims} == ids
    assert {claim.organisation for claim in claims} == {tenant.organisation}


def test_only_what_is_due_is_leased_and_it_is_due_again_when_the_claim_says(store: Store):
    tenant = a_tenant(store)
    due, not_yet = watched(store, tenant), watched(store, tenant, due_at=LATER)
    (claim,) = taken(store, due, not_yet)
    assert claim.deployment == due.deployment
    assert stored(store, tenant, due.deployment) == evolve(due, due_at=LATER)
    assert stored(store, tenant, not_yet.deployment) == not_yet


def test_a_lease_that_ended_is_to_be_had_again_with_another_token(store: Store):
    tenant = a_tenant(store)
    watch = watched(store, tenant)
    (first,) = taken(store, watch, lease=a_lease(SHORT))
    # Whoever died over it has not kept it at the head of the queue.
    assert taken(store, watch) == []
    sleep(0.2)
    assert taken(store, watch) == []
    (second,) = taken(store, watch, now=LATER)
    assert second.token != first.token
    with pytest.raises(LeaseLostError):
        put(store, tenant, evolve(watch, checked_at=NOW), first)
    put(store, tenant, evolve(watch, checked_at=LATER), second)
    after = stored(store, tenant, watch.deployment)
    assert after is not None
    assert after.checked_at == LATER


def test_a_record_under_a_lease_that_ended_is_refused(store: Store):
    tenant = a_tenant(store)
    watch = watched(store, tenant)
    (claim,) = taken(store, watch, lease=a_lease(SHORT))
    sleep(0.2)
    with pytest.raises(LeaseLostError):
        put(store, tenant, evolve(watch, checked_at=NOW), claim)


def test_a_record_ends_the_lease(store: Store):
    tenant = a_tenant(store)
    watch = watched(store, tenant)
    (claim,) = taken(store, watch)
    put(store, tenant, evolve(watch, checked_at=NOW), claim)
    with pytest.raises(LeaseLostError):
        put(store, tenant, evolve(watch, checked_at=LATER), claim)
    assert len(taken(store, watch)) == 1


def test_one_may_be_claimed_by_its_name_before_it_is_due(store: Store):
    tenant = a_tenant(store)
    watch = watched(store, tenant, due_at=LATER + LONG)
    with store.begin(tenant.scope) as work:
        claim = work.token_watches.claim(watch.deployment, a_lease())
    assert claim is not None
    with store.begin(tenant.scope) as work:
        assert work.token_watches.claim(watch.deployment, a_lease()) is None
    assert taken(store, watch, now=LATER + LONG) == []
    put(store, tenant, evolve(watch, checked_at=NOW), claim)


def test_of_many_who_claim_one_by_its_name_one_does(store: Store):
    tenant = a_tenant(store)
    watch = watched(store, tenant)

    def claim() -> WatchClaim | None:
        with store.begin(tenant.scope) as work:
            return work.token_watches.claim(watch.deployment, a_lease())

    assert [claim is None for claim in at_once([claim] * 6)].count(False) == 1


def test_an_organisation_with_many_does_not_keep_others_waiting(store: Store):
    busy, quiet = a_tenant(store), a_tenant(store)
    many = [watched(store, busy, due_at=NOW - timedelta(hours=n)) for n in range(9)]
    one = watched(store, quiet)
    # Others in this store wait their turn as well.
    taken(store, now=NOW - timedelta(days=1))
    with store.begin(Scope()) as work:
        firsts = work.token_watches.take(NOW, EVERYTHING, a_lease())
    mine = [
        claim for claim in firsts if claim.organisation in {many[0].organisation, one.organisation}
    ]
    assert [claim.deployment for claim in mine[:2]].count(one.deployment) == 1
    longest = [claim.deployment for claim in mine if claim.organisation == busy.organisation]
    assert longest == [watch.deployment for watch in reversed(many)]


# Whose they are.


def test_another_organisation_neither_sees_nor_changes_it(store: Store):
    tenant, stranger = a_tenant(store), a_tenant(store)
    watch = watched(store, tenant)
    (claim,) = taken(store, watch)
    for scope in (stranger.scope, Scope()):
        with store.begin(scope) as work:
            assert work.token_watches.get(watch.deployment) is None
            assert work.token_watches.lock(watch.deployment) is None
        with store.begin(scope) as work:
            assert work.token_watches.claim(watch.deployment, a_lease()) is None
        with pytest.raises((MisuseError, LeaseLostError)), store.begin(scope) as work:
            work.token_watches.put(evolve(watch, checked_at=NOW), claim)
        with pytest.raises(MisuseError), store.begin(scope) as work:
            work.token_watches.add(a_watch(added(store, tenant)))
    put(store, tenant, evolve(watch, checked_at=NOW), claim)


def test_a_claim_is_for_one_token(store: Store):
    tenant = a_tenant(store)
    watch, other = watched(store, tenant), watched(store, tenant)
    claim, _ = taken(store, watch, other)
    mine, not_mine = (watch, other) if claim.deployment == watch.deployment else (other, watch)
    with pytest.raises(MisuseError):
        put(store, tenant, evolve(not_mine, checked_at=NOW), claim)
    put(store, tenant, evolve(mine, checked_at=NOW), claim)


def test_all_of_all_organisations_are_told_page_by_page(store: Store):
    watches = [watched(store, a_tenant(store)) for _ in range(3)]
    tenant = a_tenant(store)
    watches += [watched(store, tenant) for _ in range(3)]
    keys, after = [], None
    while True:
        with store.begin(Scope()) as work:
            page = work.token_watches.all(after, 2)
        keys += page
        if len(page) < 2:
            break
        after = page[-1]
    assert keys == sorted(set(keys))
    assert {(watch.organisation, watch.deployment) for watch in watches} <= set(keys)


# Tokens that were issued before there was a queue.


@pytest.mark.parametrize(
    "kind", [OperationKind.DEPLOYMENT, OperationKind.INSTALL_FACTORY, OperationKind.MINT]
)
def test_what_was_issued_and_is_not_watched_is_told_in_any_scope(
    store: Store, kind: OperationKind
):
    tenant = a_tenant(store)
    token = added(store, tenant)
    order = {"of": token.id, "order": Order(action=Action.MINT, parameters={"amount": "1"})}
    on_a_token = order if kind is OperationKind.MINT else {}
    deployment = added(store, tenant, kind=kind, **on_a_token)
    mine = (tenant.organisation, deployment.id)
    for event in a_life(deployment):
        with store.begin(Scope()) as work:
            assert mine not in work.token_watches.unwatched(EVERYTHING)
        deployment = deployment.apply(event)
        with store.begin(tenant.scope) as work:
            work.deployments.lock(deployment.id)
            work.deployments.put(deployment, NOW, None)
    assert deployment.state is State.COMPLETED
    with store.begin(Scope()) as work:
        unwatched = work.token_watches.unwatched(EVERYTHING)
        assert (mine in unwatched) is (kind is OperationKind.DEPLOYMENT)
        assert len(work.token_watches.unwatched(0)) == 0
    with store.begin(tenant.scope) as work:
        work.token_watches.add(a_watch(deployment))
    with store.begin(Scope()) as work:
        assert mine not in work.token_watches.unwatched(EVERYTHING)


def a_life(deployment: Deployment) -> Iterator[Event]:
    """From the queue to its end, one event after another."""
    id, block = TransactionId(f"0x{uuid4().hex}"), Block(number=7, hash="0x7")
    slot = Slot(number=1, network=deployment.network, signer=deployment.sender, sequence=0)
    yield SlotReserved(step=1, slot=slot)
    attempt = Attempt(
        number=1, transaction_id=id, raw=b"raw", body=b"body", fee_cap=1, signed_at=NOW
    )
    yield Signed(step=1, attempt=attempt)
    yield Broadcast(step=1, transaction_id=id, at=NOW)
    inclusion = Inclusion(transaction_id=id, block=block, succeeded=True, cost=1)
    yield StepFinal(step=1, inclusion=inclusion, token="0xtoken")
    yield ReadBack(token="0xtoken")
    yield Completed(credits=0)
