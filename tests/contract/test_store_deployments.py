"""Deployments, the queue, signers and networks, in every store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.storage.deployments import (
    ON_TOKENS,
    Claim,
    ClientReferenceTakenError,
    DeploymentIdTakenError,
    SlotUse,
)
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import FenceLostError, LeaseLostError, Scope, Store
from domain.deployment import (
    Cancelled,
    Deployment,
    Failed,
    Reason,
    Signed,
    SlotReserved,
    SlotSpent,
    State,
)
from domain.errors import MisuseError
from domain.identifiers import HoldId, NetworkId, OperationId
from domain.network import Block, NetworkClass, NetworkStatus
from domain.operation import (
    Attempt,
    NonceLine,
    OperationKind,
    Postponed,
    Slot,
    SlotState,
    TransactionId,
    WaitReason,
)
from domain.token import Action, Order, TokenKind
from domain.trace import Cause, TraceContext
from tests.contract.tenants import (
    KEY,
    NOW,
    TOKEN,
    Tenant,
    a_deployment,
    a_hold,
    a_network,
    a_signer,
    a_tenant,
    act,
    added,
    at_once,
    claimed,
)
from tests.strategies import examples, histories, queued_deployments

LONG, SHORT = timedelta(minutes=5), timedelta(milliseconds=150)
LONG_AGO = NOW - timedelta(days=9_500)
WORKER = UUID(int=1)

drawn = settings(suppress_health_check=list(HealthCheck), deadline=None)


# What is stored is what is read.


@pytest.mark.parametrize(
    "cause",
    [
        Cause(),
        Cause(request_id="req_1"),
        Cause(
            request_id="req_1",
            trace=TraceContext(trace_id="a" * 32, span_id="b" * 16, is_sampled=False),
        ),
    ],
    ids=["nobody", "a request", "a traced request"],
)
def test_whoever_works_on_it_knows_what_it_was_asked_for_in(store: Store, cause: Cause):
    tenant, other = a_tenant(store), a_tenant(store)
    deployment = a_deployment(tenant)
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, NOW, cause)
    ids = [deployment.id, OperationId(uuid4())]
    with store.begin(tenant.scope) as work:
        assert work.deployments.causes_of(ids) == {deployment.id: cause}
    with store.begin(other.scope) as work:
        assert work.deployments.causes_of(ids) == {}
    with store.begin(Scope()) as work:
        claims = work.claims.take(NOW, 100, LONG, WORKER)
    (mine,) = [claim for claim in claims if claim.operation == deployment.id]
    assert mine.cause == cause
    with store.begin(tenant.scope) as work:
        locked = work.deployments.lock(deployment.id)
        assert locked is not None
        work.deployments.put(evolve(locked, waiting=None, waiting_since=None), NOW, mine)
        assert work.deployments.causes_of(ids) == {deployment.id: cause}
    with store.begin(Scope()) as work:
        assert work.claims.renew(claims, LONG) == claims
        work.claims.give_back(claims)


def shown(deployment: Deployment) -> Deployment:
    """*deployment* as it is listed: all of it but what was signed."""
    return evolve(
        deployment,
        steps=tuple(
            evolve(
                step,
                slots=tuple(
                    evolve(
                        slot,
                        attempts=tuple(evolve(a, raw=None, body=b"") for a in slot.attempts),
                    )
                    for slot in step.slots
                ),
            )
            for step in deployment.steps
        ),
    )


@pytest.mark.parametrize(
    "change",
    [{"raw": None}, {"raw": b"other"}, {"body": b""}, {"transaction_id": "0xother"}],
    ids=str,
)
def test_what_was_signed_stays_as_it_was(store: Store, change: dict[str, object]):
    """So no outline is ever recorded, and nothing that was sent is forgotten."""
    tenant = a_tenant(store)
    slot = Slot(number=1, network=tenant.network, signer="0xowner", sequence=uuid4().int >> 66)
    attempt = Attempt(
        number=1,
        transaction_id=TransactionId(f"0x{uuid4().hex}"),
        raw=b"signed",
        body=b"draft",
        fee_cap=1,
        signed_at=NOW,
    )
    deployment = added(store, tenant).apply(SlotReserved(step=1, slot=slot))
    deployment = deployment.apply(Signed(step=1, attempt=attempt))
    put(store, tenant, deployment)
    step = deployment.steps[0]

    def with_attempts(*attempts: Attempt) -> Deployment:
        changed = evolve(step, slots=(evolve(step.slots[0], attempts=attempts),))
        return evolve(deployment, steps=(changed, *deployment.steps[1:]))

    another = evolve(attempt, number=2, transaction_id=TransactionId(f"0x{uuid4().hex}"))
    for wrong in (
        with_attempts(evolve(attempt, **change)),
        with_attempts(another),
        deployment.outline(),
    ):
        with pytest.raises(MisuseError):
            put(store, tenant, wrong)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(deployment.id) == deployment


@settings(drawn, max_examples=examples(25))
@given(data=st.data())
def test_every_deployment_round_trips_in_every_state(store: Store, data: st.DataObject):
    tenant = a_tenant(store, granted=10)
    with store.begin(tenant.scope) as work:
        holds = tuple(a_hold(1) for _ in range(3))
        for hold in holds:
            act(work, hold)
    deployment = data.draw(
        queued_deployments(
            tenant.organisation,
            tenant.network,
            tenant.account,
            HoldId(holds[0].id),
            of=added(store, tenant).id,
        )
    )
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, NOW)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(deployment.id) == deployment
    history = data.draw(histories(deployment, tuple(hold.id for hold in holds[1:])))
    for step, (_, after) in enumerate(history):
        due_at = NOW + timedelta(seconds=step)
        with store.begin(tenant.scope) as work:
            assert work.deployments.lock(deployment.id) is not None
            work.deployments.put(after, due_at, None)
        with store.begin(tenant.scope) as work:
            assert work.deployments.get(deployment.id) == after
            assert work.deployments.outline(deployment.id) == shown(after)
            page = work.deployments.list(PageRequest(limit=5), kinds=frozenset({after.kind}))
            assert [each for each in page.items if each.id == after.id] == [shown(after)]
            assert work.deployments.due_at(deployment.id) == (
                due_at if after.state.is_open else None
            )


def test_a_deployments_id_is_used_once(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    with pytest.raises(DeploymentIdTakenError), store.begin(tenant.scope) as work:
        work.deployments.add(a_deployment(tenant, id=deployment.id), NOW)


def test_of_many_who_add_one_id_at_once_one_does(store: Store):
    tenant = a_tenant(store)
    deployment = a_deployment(tenant)

    def add() -> bool:
        try:
            with store.begin(tenant.scope) as work:
                work.deployments.add(deployment, NOW)
        except DeploymentIdTakenError:
            return False
        return True

    assert at_once([add] * 6).count(True) == 1


def test_a_client_reference_is_used_once_for_ever(store: Store):
    tenant = a_tenant(store)
    first = added(store, tenant, client_reference="order 1")
    with store.begin(tenant.scope) as work:
        locked = work.deployments.lock(first.id)
        assert locked is not None
        work.deployments.put(locked.apply(Cancelled()), NOW, None)
    with pytest.raises(ClientReferenceTakenError), store.begin(tenant.scope) as work:
        work.deployments.add(a_deployment(tenant, client_reference="order 1"), NOW)
    with store.begin(tenant.scope) as work:
        found = work.deployments.by_reference("order 1", live=False)
        assert found is not None
        assert found.id == first.id
        assert work.deployments.by_reference("order 1", live=True) is None
        assert work.deployments.by_reference("order", live=False) is None


@pytest.mark.parametrize(
    "change",
    [
        {"network": NetworkId("eip155:0")},
        {"account": OperationId(UUID(int=5))},
        {"hold": HoldId(UUID(int=5))},
        {"live": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_deployment_names_what_there_is(store: Store, change: dict[str, object]):
    tenant = a_tenant(store)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.deployments.add(a_deployment(tenant, **change), NOW)


def test_an_unknown_deployment_is_not_there(store: Store):
    tenant = a_tenant(store)
    id = OperationId(uuid4())
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(id) is None
        assert work.deployments.lock(id) is None
        assert work.deployments.due_at(id) is None


# Promises of the state machine, repeated by every store.


def test_no_store_believes_in_an_effect_that_is_not_there(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    for lie in (
        evolve(deployment, state=State.SUBMITTED),
        evolve(deployment, state=State.CONFIRMED),
        evolve(deployment, state=State.COMPLETED),
        evolve(deployment, state=State.FAILED),
    ):
        with pytest.raises(MisuseError):
            put(store, tenant, lie)


def test_what_has_a_slot_is_neither_cancelled_nor_failed_without_effect(store: Store):
    tenant = a_tenant(store)
    deployment = reserved(added(store, tenant), 0)
    proven = Failed(reason=Reason.DEPLOYMENT_VALIDATION_FAILED, without_effect=True, detail="no")
    free = added(store, tenant)
    lies = [
        evolve(free.apply(Cancelled()), id=deployment.id, steps=deployment.steps),
        evolve(free.apply(proven), id=deployment.id, steps=deployment.steps),
    ]
    for lie in lies:
        with pytest.raises(MisuseError):
            put(store, tenant, lie)


def test_a_signers_slot_is_given_away_once(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    first = added(store, tenant)
    put(store, tenant, reserved(first, 7))
    for owner in (tenant, other):
        second = added(store, owner, network=tenant.network)
        with pytest.raises(MisuseError):
            put(store, owner, reserved(second, 7))
        put(store, owner, reserved(second, 8 if owner is tenant else 9))


def test_a_step_has_one_open_slot(store: Store):
    tenant = a_tenant(store)
    deployment = reserved(added(store, tenant), 1)
    (step,) = deployment.steps
    two = evolve(step, slots=(*step.slots, evolve(step.slots[0], number=2, sequence=2)))
    with pytest.raises(MisuseError):
        put(store, tenant, evolve(deployment, steps=(two,)))


def reserved(deployment: Deployment, sequence: int) -> Deployment:
    slot = Slot(
        number=len(deployment.step.slots) + 1,
        network=deployment.network,
        signer=deployment.sender,
        sequence=sequence,
    )
    return deployment.apply(SlotReserved(step=1, slot=slot))


def put(store: Store, tenant: Tenant, deployment: Deployment, claim: Claim | None = None) -> None:
    with store.begin(tenant.scope) as work:
        work.deployments.lock(deployment.id)
        work.deployments.put(deployment, NOW, claim)


# Lists.


def test_deployments_are_listed_newest_first_page_by_page(store: Store):
    tenant = a_tenant(store)
    all_of_them = [added(store, tenant) for _ in range(7)]
    newest_first = sorted(all_of_them, key=lambda d: d.id, reverse=True)
    pages, after = [], None
    while True:
        with store.begin(tenant.scope) as work:
            page = work.deployments.list(PageRequest(limit=3, after=after))
        pages.append(page.items)
        if not page.has_more:
            break
        after = page.items[-1].id
    assert [len(items) for items in pages] == [3, 3, 1]
    assert [deployment for items in pages for deployment in items] == newest_first


def test_a_page_that_is_just_full_has_no_more(store: Store):
    tenant = a_tenant(store)
    for _ in range(3):
        added(store, tenant)
    with store.begin(tenant.scope) as work:
        assert not work.deployments.list(PageRequest(limit=3)).has_more


def test_a_list_is_filtered_by_state_network_and_mode(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    queued = added(store, tenant)
    another = evolve(TOKEN, kind=TokenKind("another"))
    elsewhere = added(store, tenant, network=other.network, token=another)
    cancelled = queued.apply(Cancelled())
    put(store, tenant, cancelled)
    with store.begin(tenant.scope) as work:

        def ids(**filters: object) -> set[OperationId]:
            return {d.id for d in work.deployments.list(PageRequest(), **filters).items}

        assert ids(state=State.CANCELLED) == {queued.id}
        assert ids(state=State.QUEUED) == {elsewhere.id}
        assert ids(network=tenant.network) == {queued.id}
        assert ids(network=other.network, state=State.CANCELLED) == set()
        assert ids(live=False) == {queued.id, elsewhere.id}
        assert ids(live=True) == set()
        assert ids(token_kind=queued.token.kind) == {queued.id}
        assert ids(token_kind=another.kind) == {elsewhere.id}
        assert ids(token_kind=another.kind, state=State.CANCELLED) == set()


def minting(store: Store, tenant: Tenant, of: Deployment) -> Deployment:
    order = Order(action=Action.MINT, parameters={"amount": "5"})
    return added(store, tenant, kind=OperationKind.MINT, order=order, of=of.id)


def test_what_is_done_with_a_token_is_listed_apart_from_deployments(store: Store):
    tenant = a_tenant(store)
    one, another = sorted([added(store, tenant) for _ in range(2)], key=lambda each: each.id)
    first, second = sorted([minting(store, tenant, one) for _ in range(2)], key=lambda o: o.id)
    elsewhere = minting(store, tenant, another)
    with store.begin(tenant.scope) as work:

        def ids(**filters: object) -> list[OperationId]:
            return [d.id for d in work.deployments.list(PageRequest(), **filters).items]

        assert ids() == [another.id, one.id]
        assert set(ids(kinds=ON_TOKENS)) == {first.id, second.id, elsewhere.id}
        assert ids(kinds=ON_TOKENS, of=one.id) == [second.id, first.id]
        assert ids(kinds=ON_TOKENS, of=first.id) == []
        assert work.deployments.on_token(one.id) == [first, second]
        assert work.deployments.on_token(first.id) == []


def test_ones_own_are_known_by_their_kind(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    deployment, theirs = added(store, tenant), added(store, other)
    mint = minting(store, tenant, deployment)
    with store.begin(tenant.scope) as work:
        assert work.deployments.kinds_of({deployment.id, theirs.id, mint.id}) == {
            deployment.id: OperationKind.DEPLOYMENT,
            mint.id: OperationKind.MINT,
        }
        assert work.deployments.kinds_of(()) == {}


def test_what_was_given_back_does_not_count(store: Store):
    tenant = a_tenant(store)
    month = timedelta(days=30)
    kept = added(store, tenant)
    added(store, tenant, accepted_at=NOW - timedelta(microseconds=1))
    added(store, tenant, accepted_at=NOW + month)
    cancelled, proven = added(store, tenant), added(store, tenant)
    put(store, tenant, cancelled.apply(Cancelled()))
    failed = Failed(reason=Reason.DEPLOYMENT_VALIDATION_FAILED, without_effect=True, detail="no")
    put(store, tenant, proven.apply(failed))
    with store.begin(tenant.scope) as work:
        assert work.deployments.count_accepted(NOW, NOW + month) == 1
        assert work.deployments.count_accepted(NOW + month, NOW + 2 * month) == 1
    assert kept.state is State.QUEUED


# The queue.


def test_an_operation_is_leased_to_one_worker_at_a_time(store: Store):
    tenant = a_tenant(store)
    deployments = [added(store, tenant) for _ in range(6)]
    ids = {deployment.id for deployment in deployments}

    def take() -> list[Claim]:
        mine = []
        for _ in range(10):
            with store.begin(Scope()) as work:
                mine += work.claims.take(NOW, 2, LONG, WORKER)
        return [claim for claim in mine if claim.operation in ids]

    claims = [claim for claims in at_once([take] * 4) for claim in claims]
    assert {claim.operation for claim in claims} == ids
    assert len(claims) == len({claim.token for claim in claims}) == 6
    assert {claim.organisation for claim in claims} == {tenant.organisation}
    with store.begin(Scope()) as work:
        work.claims.give_back(claims)


def test_a_lease_that_ended_is_to_be_had_again_with_another_token(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    (first,) = claimed(store, deployment, lease=SHORT)
    assert claimed(store, deployment) == []
    sleep(0.2)
    (second,) = claimed(store, deployment)
    assert second.token != first.token
    with pytest.raises(LeaseLostError):
        put(store, tenant, reserved(deployment, 1), first)
    put(store, tenant, reserved(deployment, 1), second)


def test_a_record_under_a_lease_that_ended_is_refused(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    (claim,) = claimed(store, deployment, lease=SHORT)
    sleep(0.2)
    with pytest.raises(LeaseLostError):
        put(store, tenant, reserved(deployment, 1), claim)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(deployment.id) == deployment


def test_a_lease_is_kept_by_a_record_under_it(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    (claim,) = claimed(store, deployment)
    changed = reserved(deployment, 1)
    put(store, tenant, changed, claim)
    put(store, tenant, changed.awaiting(WaitReason.FINALITY, NOW), claim)
    assert claimed(store, deployment) == []


def test_a_record_without_a_claim_voids_the_lease(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    (claim,) = claimed(store, deployment)
    put(store, tenant, deployment)
    with pytest.raises(LeaseLostError):
        put(store, tenant, reserved(deployment, 1), claim)
    assert len(claimed(store, deployment)) == 1


def test_a_claim_that_is_not_the_lease_is_refused(store: Store):
    tenant = a_tenant(store)
    deployment, other = added(store, tenant), added(store, tenant)
    claims = claimed(store, deployment, other)
    (theirs,) = [claim for claim in claims if claim.operation == other.id]
    for claim in (theirs, evolve(theirs, operation=deployment.id, token=uuid4())):
        with pytest.raises(LeaseLostError):
            put(store, tenant, reserved(deployment, 1), claim)


def test_leases_are_renewed_while_they_hold(store: Store):
    tenant = a_tenant(store)
    kept, lost = added(store, tenant), added(store, tenant)
    (claim,) = claimed(store, kept, lease=timedelta(seconds=2))
    (gone,) = claimed(store, lost, lease=SHORT)
    sleep(0.2)
    with store.begin(Scope()) as work:
        assert work.claims.renew([gone, claim], LONG) == [claim]
        assert work.claims.renew([evolve(claim, token=uuid4())], LONG) == []
    sleep(2)
    assert claimed(store, kept) == []


def test_a_claim_that_was_given_back_is_to_be_had_at_once(store: Store):
    tenant = a_tenant(store)
    deployment = added(store, tenant)
    (claim,) = claimed(store, deployment)
    with store.begin(Scope()) as work:
        work.claims.give_back([evolve(claim, token=uuid4())])
    assert claimed(store, deployment) == []
    with store.begin(Scope()) as work:
        work.claims.give_back([claim])
    assert len(claimed(store, deployment)) == 1


def test_only_what_is_due_and_open_is_claimed(store: Store):
    tenant = a_tenant(store)
    later = added(store, tenant, due_at=NOW + timedelta(microseconds=1))
    over = added(store, tenant)
    put(store, tenant, over.apply(Cancelled()))
    due = added(store, tenant)
    assert [claim.operation for claim in claimed(store, later, over, due)] == [due.id]
    (claim,) = claimed(store, later, now=NOW + timedelta(microseconds=1))
    assert claim.operation == later.id


def test_what_somebody_has_locked_is_passed_over(store: Store):
    tenant = a_tenant(store)
    locked, free = added(store, tenant), added(store, tenant)
    with store.begin(tenant.scope) as work:
        work.deployments.lock(locked.id)
        claims = claimed(store, locked, free)
    assert [claim.operation for claim in claims] == [free.id]


def test_the_longest_due_comes_first_and_nobody_starves(store: Store):
    """Due for so long that nothing else that a store may hold comes before."""
    busy, quiet = a_tenant(store), a_tenant(store)
    long_ago = NOW - timedelta(days=9_000)
    many = [added(store, busy, due_at=long_ago + timedelta(seconds=number)) for number in range(5)]
    one = added(store, quiet, due_at=long_ago + timedelta(hours=1))
    taken = []
    for _ in range(3):
        with store.begin(Scope()) as work:
            taken += work.claims.take(long_ago + timedelta(days=1), 2, LONG, WORKER)
    order = [claim.operation for claim in taken]
    assert one.id in order[:2]
    assert [id for id in order if id != one.id] == [deployment.id for deployment in many]
    with store.begin(Scope()) as work:
        work.claims.give_back(taken)


@contextmanager
def due_alone(store: Store) -> Iterator[Callable[..., Deployment]]:
    """Adds to a queue in which nothing of other tests is due at `LONG_AGO`; ends it all."""
    made: list[tuple[Tenant, Deployment]] = []

    def add(tenant: Tenant, hours: int, **changes: Any) -> Deployment:
        at = LONG_AGO - timedelta(hours=hours)
        made.append((tenant, added(store, tenant, due_at=at, **changes)))
        return made[-1][1]

    yield add
    for tenant, deployment in made:
        put(store, tenant, deployment.apply(Cancelled()))


def handed_out(store: Store, limit: int = 9, **asked: Any) -> list[OperationId]:
    """What a worker is handed at `LONG_AGO`; it gives it back."""
    with store.begin(Scope()) as work:
        claims = work.claims.take(LONG_AGO, limit, LONG, WORKER, **asked)
        work.claims.give_back(claims)
    return [claim.operation for claim in claims]


def test_what_is_under_way_comes_before_what_waits_for_its_turn_or_the_other_way(store: Store):
    """However long each has waited; of each the longest due comes first, by organisations."""
    one, two = a_tenant(store), a_tenant(store)
    with due_alone(store) as add:
        queued = [add(one, 9).id, add(two, 7).id, add(one, 8).id]
        others = [
            add(one, 6, waiting=None).id,
            add(two, 4, waiting=WaitReason.FEE_ABOVE_CEILING).id,
            add(one, 5, waiting=WaitReason.SIGNER_UNAVAILABLE).id,
        ]
        assert handed_out(store) == [*others, *queued]
        assert handed_out(store, queued_first=True) == [*queued, *others]
        assert handed_out(store, 4) == [*others, queued[0]]
        assert handed_out(store, 4, queued_first=True) == [*queued, others[0]]


def test_what_waits_for_its_turn_is_left_where_nothing_begins(store: Store):
    here, there = a_tenant(store), a_tenant(store)
    with due_alone(store) as add:
        left, other = add(here, 3).id, add(there, 2).id
        begun = add(here, 1, waiting=WaitReason.SIGNER_UNAVAILABLE).id
        assert handed_out(store, full=[here.network]) == [begun, other]
        assert handed_out(store, full=[there.network], queued_first=True) == [left, begun]
        assert handed_out(store, full=[there.network, here.network]) == [begun]
        assert handed_out(store) == [begun, left, other]


def test_when_the_next_operation_is_due(store: Store):
    tenant = a_tenant(store)
    long_ago = NOW - timedelta(days=9_999)
    deployment = added(store, tenant, due_at=long_ago)
    with store.begin(Scope()) as work:
        assert work.claims.next_due(NOW) == long_ago
    (claim,) = claimed(store, deployment)
    with store.begin(Scope()) as work:
        assert work.claims.next_due(NOW) != long_ago
        work.claims.give_back([claim])
    put(store, tenant, deployment.apply(Cancelled()))
    with store.begin(Scope()) as work:
        assert work.claims.next_due(NOW) != long_ago


# Signers and their lines of nonces.


def test_a_signer_is_added_once_and_read_back(store: Store):
    tenant = a_tenant(store)
    signer = a_signer(tenant)
    with store.begin(Scope.installation()) as work:
        assert work.signers.add(signer)
        assert not work.signers.add(evolve(signer, next_sequence=5))
    changed = evolve(signer, next_sequence=3, limit=2, halted="a foreign transaction")
    with store.begin(Scope.installation()) as work:
        assert work.signers.lock(tenant.network, signer.address) == signer
        work.signers.put(changed)
    with store.begin(Scope()) as work:
        assert work.signers.get(tenant.network, signer.address) == changed
        assert work.signers.of_network(tenant.network) == [changed]
        assert work.signers.get(tenant.network, "0xnobody") is None
        assert work.signers.lock(tenant.network, "0xnobody") is None
        assert work.signers.get(NetworkId("eip155:0"), signer.address) is None


def test_threads_are_given_every_nonce_once_and_none_is_left_out(store: Store):
    tenant = a_tenant(store)
    with store.begin(Scope.installation()) as work:
        work.signers.add(a_signer(tenant))
    deployments = [added(store, tenant) for _ in range(24)]

    def reserve(some: list[Deployment]) -> None:
        for deployment in some:
            with store.begin(tenant.scope) as work:
                locked = work.deployments.lock(deployment.id)
                signer = work.signers.lock(tenant.network, "0xtreasury")
                assert locked is not None
                assert signer is not None
                taken = work.signers.open_slots(tenant.network, signer.address)
                answer = signer.reserve(taken, number=1, terms=NonceLine(0))
                assert not isinstance(answer, Postponed)
                slot, after = answer
                work.signers.put(after)
                work.deployments.put(locked.apply(SlotReserved(step=1, slot=slot)), NOW, None)

    at_once([partial(reserve, deployments[start::6]) for start in range(6)])
    with store.begin(tenant.scope) as work:
        stored = [work.deployments.get(deployment.id) for deployment in deployments]
        assert work.signers.open_slots(tenant.network, "0xtreasury") == 24
        signer = work.signers.get(tenant.network, "0xtreasury")
    assert signer is not None
    assert signer.next_sequence == 24
    nonces = [d.step.open_slot.sequence for d in stored if d and d.step.open_slot]
    assert sorted(nonces) == list(range(24))


def test_the_open_slots_of_all_organisations_are_counted_and_the_lowest_is_found(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with store.begin(Scope.installation()) as work:
        work.signers.add(a_signer(tenant))
        assert work.signers.lowest_open(tenant.network, "0xtreasury") is None
    mine = reserved(added(store, tenant), 4)
    put(store, tenant, mine)
    theirs = reserved(added(store, other, network=tenant.network), 3)
    put(store, other, theirs)
    with store.begin(Scope.installation()) as work:
        assert work.signers.open_slots(tenant.network, "0xtreasury") == 2
        assert work.signers.open_slots(tenant.network, "0xother") == 0
        assert work.signers.lowest_open(tenant.network, "0xtreasury") == SlotUse(
            organisation=other.organisation,
            operation=theirs.id,
            sequence=3,
            has_attempt=False,
        )
    attempt = Attempt(
        number=1,
        transaction_id=TransactionId(uuid4().hex),
        raw=b"r",
        body=b"b",
        fee_cap=1,
        signed_at=NOW,
    )
    theirs = theirs.apply(Signed(step=1, attempt=attempt))
    put(store, other, theirs)
    with store.begin(Scope.installation()) as work:
        use = work.signers.lowest_open(tenant.network, "0xtreasury")
        assert use is not None
        assert use.has_attempt
    spent = SlotSpent(
        step=1, slot_state=SlotState.LOST, at=Block(number=1, hash="h"), transaction_id=None
    )
    put(store, other, theirs.apply(spent))
    with store.begin(Scope.installation()) as work:
        assert work.signers.open_slots(tenant.network, "0xtreasury") == 1
        use = work.signers.lowest_open(tenant.network, "0xtreasury")
        assert use is not None
        assert (use.operation, use.sequence) == (mine.id, 4)


def test_one_worker_at_a_time_may_replace_and_every_taking_has_a_new_fence(store: Store):
    tenant = a_tenant(store)
    with store.begin(Scope.installation()) as work:
        work.signers.add(a_signer(tenant))

    def take(lease: timedelta) -> int | None:
        with store.begin(Scope.installation()) as work:
            signer = work.signers.take_lease(tenant.network, "0xtreasury", lease)
            return signer.fence if signer else None

    fences = at_once([partial(take, SHORT)] * 5)
    assert sorted(fence for fence in fences if fence) == [1]
    sleep(0.2)
    assert take(LONG) == 2
    assert take(LONG) is None


def test_a_record_under_an_old_fence_is_refused(store: Store):
    tenant = a_tenant(store)
    with store.begin(Scope.installation()) as work:
        work.signers.add(a_signer(tenant))
        old = work.signers.take_lease(tenant.network, "0xtreasury", timedelta(0))
    assert old is not None
    with store.begin(Scope.installation()) as work:
        work.signers.check_fence(old)
    with store.begin(Scope.installation()) as work:
        new = work.signers.take_lease(tenant.network, "0xtreasury", LONG)
    assert new is not None
    with pytest.raises(FenceLostError), store.begin(Scope.installation()) as work:
        work.signers.check_fence(old)
    with store.begin(Scope.installation()) as work:
        work.signers.check_fence(new)


# Networks.


def test_a_network_is_registered_once_and_its_status_kept(store: Store):
    tenant = a_tenant(store)
    status = NetworkStatus(
        id=tenant.network, final=Block(number=2**40, hash="0xabc"), halted="it vanished"
    )
    with store.begin(Scope.installation()) as work:
        assert work.networks.status(tenant.network) == NetworkStatus(id=tenant.network)
        assert work.networks.lock(tenant.network) == NetworkStatus(id=tenant.network)
        work.networks.put(status)
    with store.begin(Scope.installation()) as work:
        work.networks.register(a_network(tenant.network))
        assert work.networks.status(tenant.network) == status


def test_a_networks_class_never_changes(store: Store):
    tenant = a_tenant(store)
    live = evolve(a_network(tenant.network), network_class=NetworkClass.LIVE)
    with pytest.raises(MisuseError), store.begin(Scope.installation()) as work:
        work.networks.register(live)


def test_a_signer_is_of_a_registered_network(store: Store):
    tenant = a_tenant(store)
    signer = evolve(a_signer(tenant), network=NetworkId("eip155:0"), public_key=KEY)
    with pytest.raises(MisuseError), store.begin(Scope.installation()) as work:
        work.signers.add(signer)
