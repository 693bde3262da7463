"""Endpoints, their lines and their logs, in every store."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.paging import PageRequest
from application.ports.storage.webhooks import EndpointClaim, Outcome
from application.ports.storage.work import LeaseLostError, Scope
from domain.errors import MisuseError
from domain.identifiers import DeliveryId, EndpointId, EventId
from domain.webhook import (
    Attempt,
    Cause,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Scheme,
    Secret,
    Way,
)
from tests.contract.tenants import NOW, a_tenant, an_event, at_once

MINUTE = timedelta(minutes=1)
ALL = PageRequest(limit=100)


def an_endpoint(tenant, **changes):
    endpoint = Endpoint(
        organisation=tenant.organisation,
        id=EndpointId(uuid4()),
        url="https://hooks.example.com/",
        description="ours",
        event_types=frozenset({"deployment.completed", "credits.low"}),
        live=False,
        created_by="mem_1",
        created_at=NOW,
        cursor=0,
    )
    return evolve(endpoint, **changes)


def a_secret(number=1):
    return Secret(
        number=number,
        wrapping="w",
        ciphertext=bytes([number]) * 9,
        public_key=bytes([number]) * 32 if number % 2 else None,
        created_at=NOW,
    )


def added(store, tenant, **changes):
    endpoint = an_endpoint(tenant, **changes)
    with store.begin(tenant.scope) as work:
        work.webhooks.add(endpoint, a_secret())
    return endpoint


def got(store, endpoint):
    with store.begin(Scope(organisation=endpoint.organisation)) as work:
        return work.webhooks.get(endpoint.id)


def put(store, endpoint):
    with store.begin(Scope(organisation=endpoint.organisation)) as work:
        work.webhooks.lock(endpoint.id)
        work.webhooks.put(endpoint)
    return endpoint


def a_delivery(endpoint, number, **changes):
    delivery = Delivery(
        organisation=endpoint.organisation,
        endpoint=endpoint.id,
        id=DeliveryId(uuid4()),
        number=number,
        event=EventId(uuid4()),
        sequence=10 * number,
        event_type="deployment.completed",
        subject="dep_1",
        body=b'{"n":%d}' % number,
        created_at=NOW,
    )
    return evolve(delivery, **changes)


def in_line(store, endpoint, *numbers, **changes):
    made = [a_delivery(endpoint, number, **changes) for number in numbers]
    with store.begin(Scope(organisation=endpoint.organisation)) as work:
        work.webhooks.add_deliveries(made)
    return made


def waiting(store, endpoint, limit=100):
    with store.begin(Scope(organisation=endpoint.organisation)) as work:
        return work.webhooks.waiting(endpoint.id, limit)


def taken(store, limit=10_000, lease=MINUTE, slow=10_000):
    with store.begin(Scope()) as work:
        return work.webhooks.take(NOW, limit, lease, slow=slow)


def mine(claims, *tenants):
    ids = {each.organisation for each in tenants}
    return [claim for claim in claims if claim.organisation in ids]


def give_back(store, claim):
    with store.begin(Scope(organisation=claim.organisation)) as work:
        work.webhooks.give_back(claim)


def an_outcome(delivery, state=DeliveryState.DELIVERED, status=200, error=None):
    over = None if state is DeliveryState.PENDING else NOW
    return Outcome(
        delivery=evolve(
            delivery, state=state, attempts=delivery.attempts + 1, finished_at=over,
            last_status=status, last_error=error,
        ),
        attempt=Attempt(
            url="https://hooks.example.com/", at=NOW, took=timedelta(milliseconds=7),
            status=status, error=error, response_headers={"content-type": "text/plain"},
            excerpt="fine",
        ),
    )  # fmt: skip


def record(store, claim, *outcomes):
    with store.begin(Scope(organisation=claim.organisation)) as work:
        work.webhooks.record(claim, outcomes)


def test_an_endpoint_is_found_as_it_was(store):
    tenant = a_tenant(store)
    full = added(
        store, tenant, state=EndpointState.DISABLED, disabled_because=Cause.GONE, disabled_at=NOW,
        scheme=Scheme.PUBLIC,
        cursor=7, next_number=3, due_at=NOW, held_until=NOW, failures=2, is_slow=True, live=True,
    )  # fmt: skip
    bare = added(store, tenant, event_types=frozenset(), description="")
    assert [got(store, each) for each in (full, bare)] == [full, bare]
    with store.begin(tenant.scope) as work:
        assert work.webhooks.get(EndpointId(uuid4())) is None
        assert work.webhooks.secrets(full.id) == [a_secret()]
        listed = work.webhooks.all()
    assert listed == sorted([full, bare], key=lambda each: each.id, reverse=True)


def test_what_became_of_it_is_stored(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant)
    changed = put(
        store,
        evolve(
            endpoint, url="https://other.example.com/", description="", cursor=9, next_number=4,
            event_types=frozenset(), state=EndpointState.DISABLED, disabled_because=Cause.ASKED,
            disabled_at=NOW, due_at=NOW, held_until=NOW, failures=1, is_slow=True,
        ),
    )  # fmt: skip
    assert got(store, endpoint) == changed
    with pytest.raises(MisuseError):
        put(store, evolve(endpoint, live=True))


def test_a_deleted_one_is_kept_and_not_listed(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant, due_at=NOW)
    deleted = put(store, evolve(endpoint, state=EndpointState.DELETED))
    assert got(store, endpoint) == deleted
    with store.begin(tenant.scope) as work:
        assert work.webhooks.all() == []
    assert mine(taken(store), tenant) == []
    with pytest.raises(MisuseError):
        put(store, endpoint)


def test_a_stranger_sees_none_of_it(store):
    tenant, other = a_tenant(store), a_tenant(store)
    endpoint = added(store, tenant, due_at=NOW)
    (delivery,) = in_line(store, endpoint, 1)
    (claim,) = mine(taken(store), tenant)
    record(store, claim, an_outcome(delivery))
    with store.begin(other.scope) as work:
        hooks = work.webhooks
        assert hooks.get(endpoint.id) is None
        assert hooks.lock(endpoint.id) is None
        assert hooks.all() == []
        assert hooks.secrets(endpoint.id) == []
        assert hooks.delivery(endpoint.id, delivery.id) is None
        assert hooks.deliveries(endpoint.id, ALL).items == ()
        assert hooks.attempts(delivery.id) == []
        assert hooks.waiting(endpoint.id, 9) == []
        assert hooks.skip(endpoint.id, NOW) == 0
    with pytest.raises(LeaseLostError), store.begin(other.scope) as work:
        work.webhooks.record(evolve(claim, organisation=other.organisation), [])
    with pytest.raises(MisuseError), store.begin(other.scope) as work:
        work.webhooks.put(endpoint)


def test_secrets_follow_each_other(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant)
    with store.begin(tenant.scope) as work:
        work.webhooks.add_secret(endpoint.id, a_secret(2), NOW + 2 * MINUTE)
    with store.begin(tenant.scope) as work:
        work.webhooks.add_secret(endpoint.id, a_secret(3), NOW + MINUTE)
        found = work.webhooks.secrets(endpoint.id)
    assert [(each.number, each.expires_at) for each in found] == [
        (3, None), (2, NOW + MINUTE), (1, NOW + MINUTE),
    ]  # fmt: skip
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.webhooks.add_secret(endpoint.id, a_secret(3), NOW)


def test_whose_trail_has_moved_on_is_told(store):
    tenant, idle = a_tenant(store), a_tenant(store)
    lagging, ahead = added(store, tenant), added(store, tenant, cursor=2)
    added(store, tenant, state=EndpointState.DISABLED, disabled_because=Cause.ASKED,
          disabled_at=NOW)  # fmt: skip
    added(store, idle)

    def behind():
        with store.begin(Scope()) as work:
            return [each for each in work.webhooks.behind(10_000)
                    if each in {tenant.organisation, idle.organisation}]  # fmt: skip

    assert behind() == []
    with store.begin(tenant.scope) as work:
        work.audit.append(an_event(tenant), an_event(tenant))
    assert behind() == [tenant.organisation]
    with store.begin(tenant.scope) as work:
        assert work.webhooks.lock_lagging() == [lagging]
        work.webhooks.put(evolve(lagging, cursor=2))
    assert behind() == []
    assert got(store, ahead).cursor == 2


def test_events_are_found_by_their_names(store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        written = work.audit.append(
            *(evolve(an_event(tenant), action=f"deployment.{name}") for name in "abcab")
        )
        named = work.audit.named
        assert named({"deployment.a"}, after=0, through=9, limit=9) == [written[0], written[3]]
        assert named({"deployment.a"}, after=1, through=9, limit=9) == [written[3]]
        assert named({"deployment.a", "deployment.b"}, after=0, through=4, limit=2) == [
            written[0], written[1],
        ]  # fmt: skip
        assert named({"deployment.a"}, after=0, through=3, limit=9) == [written[0]]
        assert named(set(), after=0, through=9, limit=9) == []


def test_the_line_stands_in_its_order_and_beside_it_what_is_asked_for(store):
    tenant = a_tenant(store)
    endpoint, other = added(store, tenant), added(store, tenant)
    two, one = in_line(store, endpoint, 2, 1)
    (beside,) = in_line(store, endpoint, 3, way=Way.TEST)
    in_line(store, other, 1)
    assert waiting(store, endpoint) == [beside, one, two]
    assert waiting(store, endpoint, 2) == [beside, one]
    with store.begin(tenant.scope) as work:
        assert work.webhooks.delivery(endpoint.id, one.id) == one
        assert work.webhooks.delivery(other.id, one.id) is None


def test_a_number_is_given_once(store):
    endpoint = added(store, a_tenant(store))
    in_line(store, endpoint, 1)
    with pytest.raises(MisuseError):
        in_line(store, endpoint, 1)


def test_what_is_skipped_is_over(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant)
    one, two, three = in_line(store, endpoint, 1, 2, 3)
    (beside,) = in_line(store, endpoint, 4, way=Way.RESEND)
    with store.begin(tenant.scope) as work:
        assert work.webhooks.skip(endpoint.id, NOW, since=20) == 2
        assert work.webhooks.skip(endpoint.id, NOW, since=20) == 0
    assert waiting(store, endpoint) == [beside, one]
    with store.begin(tenant.scope) as work:
        found = work.webhooks.delivery(endpoint.id, two.id)
    assert found == two.finished(DeliveryState.SKIPPED, NOW)
    assert three.is_pending


def test_one_has_an_endpoint_at_a_time(store):
    tenant = a_tenant(store)
    added(store, tenant, due_at=NOW)
    claims = [claim for some in at_once([lambda: taken(store)] * 6) for claim in some]
    (claim,) = mine(claims, tenant)
    assert mine(taken(store), tenant) == []
    give_back(store, evolve(claim, token=uuid4()))
    assert mine(taken(store), tenant) == []
    give_back(store, claim)
    assert len(mine(taken(store), tenant)) == 1


def test_only_what_is_due_and_enabled_is_taken(store):
    tenant = a_tenant(store)
    due = added(store, tenant, due_at=NOW)
    added(store, tenant, due_at=NOW + timedelta(microseconds=1))
    added(store, tenant)
    added(store, tenant, due_at=NOW, state=EndpointState.DISABLED, disabled_because=Cause.GONE,
          disabled_at=NOW)  # fmt: skip
    assert [claim.endpoint for claim in mine(taken(store), tenant)] == [due.id]


def test_a_lease_that_is_over_is_nobodys(store):
    tenant = a_tenant(store)
    added(store, tenant, due_at=NOW)
    (stale,) = mine(taken(store, lease=timedelta(0)), tenant)
    (fresh,) = mine(taken(store), tenant)
    assert stale.token != fresh.token
    for token in (stale.token, uuid4()):
        with pytest.raises(LeaseLostError):
            record(store, evolve(fresh, token=token))
    record(store, fresh)


def test_organisations_take_turns(store):
    many, few = a_tenant(store), a_tenant(store)
    for number in range(5):
        added(store, many, due_at=NOW - number * MINUTE)
    last = added(store, few, due_at=NOW)
    claims = mine(taken(store), many, few)
    assert last.id in [claim.endpoint for claim in claims[:2]]


def test_slow_ones_get_no_more_than_their_share(store):
    tenant = a_tenant(store)
    slow = [added(store, tenant, due_at=NOW - MINUTE, is_slow=True) for _ in range(4)]
    quick = [added(store, tenant, due_at=NOW) for _ in range(3)]
    claims = mine(taken(store, slow=1), tenant)
    assert sum(claim.is_slow for claim in claims) == 1
    assert {each.id for each in quick} <= {claim.endpoint for claim in claims}
    assert len(mine(taken(store, slow=0), tenant)) == 0
    assert len(mine(taken(store), tenant)) == len(slow) - 1


def test_attempts_are_recorded_with_what_they_made_of_it(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant, due_at=NOW)
    one, two = in_line(store, endpoint, 1, 2)
    (claim,) = mine(taken(store), tenant)
    good = an_outcome(one)
    bad = an_outcome(two, DeliveryState.PENDING, status=None, error="timeout")
    record(store, claim, good, bad)
    worse = an_outcome(bad.delivery, DeliveryState.FAILED, status=500)
    record(store, claim, worse)
    with store.begin(tenant.scope) as work:
        found = work.webhooks.deliveries(endpoint.id, ALL).items
        assert found == (worse.delivery, good.delivery)
        assert work.webhooks.attempts(one.id) == [good.attempt]
        assert work.webhooks.attempts(two.id) == [bad.attempt, worse.attempt]


def test_what_was_skipped_meanwhile_stays_so(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant, due_at=NOW)
    (delivery,) = in_line(store, endpoint, 1)
    (claim,) = mine(taken(store), tenant)
    with store.begin(tenant.scope) as work:
        work.webhooks.skip(endpoint.id, NOW)
    record(store, claim, an_outcome(delivery))
    with store.begin(tenant.scope) as work:
        found = work.webhooks.delivery(endpoint.id, delivery.id)
        assert found.state is DeliveryState.SKIPPED
        assert len(work.webhooks.attempts(delivery.id)) == 1


def test_the_log_is_listed_newest_first(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant)
    made = in_line(store, endpoint, 1, 2, 3, 4, 5)
    with store.begin(tenant.scope) as work:
        first = work.webhooks.deliveries(endpoint.id, PageRequest(limit=3))
        rest = work.webhooks.deliveries(
            endpoint.id, PageRequest(limit=3, after=first.items[-1].id)
        )
        over = work.webhooks.deliveries(endpoint.id, ALL, state=DeliveryState.FAILED)
    assert [*first.items, *rest.items] == made[::-1]
    assert (first.has_more, rest.has_more, over.items) == (True, False, ())


def test_what_is_old_is_forgotten_with_its_attempts(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant, due_at=NOW)
    old, young = in_line(store, endpoint, 1, 2)
    (claim,) = mine(taken(store), tenant)
    record(store, claim, an_outcome(old))
    with store.begin(Scope()) as work:
        assert work.webhooks.purge(NOW) == 0
        assert work.webhooks.purge(NOW + MINUTE) == 1
    with store.begin(tenant.scope) as work:
        assert work.webhooks.deliveries(endpoint.id, ALL).items == (young,)
        assert work.webhooks.attempts(old.id) == []


def test_nothing_is_told_outside_of_a_scope_but_ids(store):
    tenant = a_tenant(store)
    endpoint = added(store, tenant, due_at=NOW)
    with store.begin(Scope()) as work:
        assert work.webhooks.get(endpoint.id) is None
        assert work.webhooks.waiting(endpoint.id, 9) == []
        assert work.webhooks.secrets(endpoint.id) == []
    (claim,) = mine(taken(store), tenant)
    assert claim == EndpointClaim(
        organisation=tenant.organisation, endpoint=endpoint.id, token=claim.token, is_slow=False
    )
