"""Audit events and the outbox, in every store."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.storage.work import Scope, Store, Work
from domain.audit import WORKER, Actor, EventFilter
from domain.errors import MisuseError
from domain.identifiers import EventId
from tests.contract.tenants import (
    NOW,
    BoomError,
    Tenant,
    a_tenant,
    an_event,
    at_once,
    die_after,
)
from tests.contract.test_store_seals import trail_without as without
from tests.strategies import examples, instants, texts


def test_events_are_numbered_from_one_without_gaps(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    drafts = [an_event(tenant) for _ in range(5)]
    with store.begin(tenant.scope) as work:
        first = work.audit.append(drafts[0])
        rest = work.audit.append(*drafts[1:4])
    with store.begin(other.scope) as work:
        assert work.audit.append(an_event(other))[0].sequence == 1
    with store.begin(tenant.scope) as work:
        last = work.audit.append(drafts[4])
        assert work.audit.append() == ()
    events = [*first, *rest, *last]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert events == [draft.numbered(n) for n, draft in enumerate(drafts, start=1)]
    with store.begin(tenant.scope) as work:
        assert work.audit.all(limit=100) == events


def test_a_number_that_no_event_has_is_filled_once(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.audit.append(*(an_event(tenant) for _ in range(4)))
    without(store, tenant, 2)
    late, again = an_event(tenant), an_event(tenant)
    with store.begin(other.scope) as work:
        assert work.audit.fill(2, an_event(other)) is None
    with store.begin(tenant.scope) as work:
        for number in (-1, 0, 1, 3, 4, 5):
            assert work.audit.fill(number, again) is None
        filled = work.audit.fill(2, late)
        assert filled == late.numbered(2)
        assert work.audit.fill(2, again) is None
    with store.begin(tenant.scope) as work:
        assert [event.sequence for event in work.audit.all(limit=9)] == [1, 2, 3, 4]
        assert work.audit.get(late.id) == filled
        assert work.audit.append(an_event(tenant))[0].sequence == 5


def test_of_many_who_fill_a_number_one_does(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.audit.append(*(an_event(tenant) for _ in range(3)))
    without(store, tenant, 2)

    def fill():
        with store.begin(tenant.scope) as work:
            return work.audit.fill(2, an_event(tenant)) is not None

    def append():
        with store.begin(tenant.scope) as work:
            return work.audit.append(an_event(tenant))[0].sequence

    done = at_once([fill, append, fill, append, fill])
    assert sorted(each for each in done if isinstance(each, bool)) == [False, False, True]
    with store.begin(tenant.scope) as work:
        assert [event.sequence for event in work.audit.all(limit=9)] == [1, 2, 3, 4, 5]


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=instants, detail=texts, subject=texts, salt=st.binary(min_size=16, max_size=16))
def test_the_bytes_that_were_written_are_read_i13(
    store: Store, at: object, detail: str, subject: str, salt: bytes
):
    tenant = a_tenant(store)
    draft = evolve(
        an_event(tenant), at=at, subject=subject, salt=salt, details={"detail": detail}, live=True
    )
    with store.begin(tenant.scope) as work:
        (event,) = work.audit.append(draft)
    with store.begin(tenant.scope) as work:
        stored = work.audit.get(draft.id)
    assert stored is not None
    assert stored == event == draft.numbered(1)
    assert stored.leaf == event.leaf


def test_a_transaction_that_dies_leaves_no_gap(store: Store):
    tenant = a_tenant(store)

    def append(work: Work) -> None:
        work.audit.append(an_event(tenant))

    for _ in range(3):
        with pytest.raises(BoomError):
            die_after(store, tenant.scope, append)
        with store.begin(tenant.scope) as work:
            append(work)
    with store.begin(tenant.scope) as work:
        assert [event.sequence for event in work.audit.all(limit=10)] == [1, 2, 3]


def test_threads_leave_no_gap(store: Store):
    tenant = a_tenant(store)

    def append() -> None:
        for _ in range(5):
            with store.begin(tenant.scope) as work:
                work.audit.append(an_event(tenant), an_event(tenant))

    at_once([append] * 6)
    with store.begin(tenant.scope) as work:
        sequences = [event.sequence for event in work.audit.all(limit=100)]
    assert sequences == list(range(1, 61))


def test_an_events_id_is_used_once(store: Store):
    tenant = a_tenant(store)
    draft = an_event(tenant)
    with store.begin(tenant.scope) as work:
        work.audit.append(draft)
        assert work.audit.get(EventId(uuid4())) is None
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.audit.append(draft)


def test_events_are_read_by_subject_and_from_a_place_on(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.audit.append(*(an_event(tenant, f"dep_{number % 2}") for number in range(8)))

        def sequences(subject: str, **cursor: int) -> list[int]:
            return [event.sequence for event in work.audit.of_subject(subject, **cursor)]

        assert sequences("dep_0") == [1, 3, 5, 7]
        assert sequences("dep_1", after=4) == [6, 8]
        assert sequences("dep_1", after=2, limit=2) == [4, 6]
        assert sequences("dep_2") == []
        assert [e.sequence for e in work.audit.all(after=3, limit=2)] == [4, 5]
        assert work.audit.all(after=8, limit=2) == []
        assert [e.sequence for e in work.audit.numbered([7, 2, 99])] == [2, 7]
        assert work.audit.head() == 8
    with store.begin(a_tenant(store).scope) as work:
        assert work.audit.head() == 0


def test_events_are_found_by_what_is_asked_of_them(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    drafts = [
        evolve(
            an_event(tenant, f"dep_{number % 2}"),
            action=("deployment.queued", "deployment.failed", "mint.queued")[number % 3],
            actor=(WORKER, Actor("member", "mem_1"), Actor("api_key", "key_1"))[number % 3],
            at=NOW + timedelta(minutes=number),
            live=number >= 6,
            # What PostgreSQL's texts cannot hold.
            details={"odd": "\0", "quoted": '"correlation_id":"dep_7"'},
            correlation=f"dep_{number // 5}",
        )
        for number in range(9)
    ]
    with store.begin(tenant.scope) as work:
        work.audit.append(*drafts)
    with store.begin(other.scope) as work:
        work.audit.append(an_event(other, "dep_0"))

    def sequences(
        limit: int = 100, after: int = 0, through: int | None = None, **wanted: object
    ) -> list[int]:
        with store.begin(tenant.scope) as work:
            found = work.audit.find(
                EventFilter(**wanted), after=after, through=through, limit=limit
            )
        return [event.sequence for event in found]

    assert sequences() == [*range(1, 10)]
    assert sequences(after=3, limit=2) == [4, 5]
    assert sequences(action="deployment.failed") == [2, 5, 8]
    assert sequences(action="deployment") == [1, 2, 4, 5, 7, 8]
    assert sequences(action="deploy") == []
    assert sequences(subject="dep_1") == [2, 4, 6, 8]
    assert sequences(actor="mem_1") == [2, 5, 8]
    assert sequences(actor="worker") == [1, 4, 7]
    assert sequences(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4)) == [3, 4]
    assert sequences(live=True) == [7, 8, 9]
    assert sequences(correlation="dep_1") == [6, 7, 8, 9]
    assert sequences(correlation="dep_7") == []
    assert sequences(correlation="dep_0", after=1, through=3) == [2, 3]
    assert sequences(action="mint", subject="dep_0", actor="key_1", after=3) == [9]


def test_room_is_made_for_months_to_come_as_often_as_one_likes(store: Store):
    tenant = a_tenant(store)
    for _ in range(2):
        with store.begin(Scope.installation()) as work:
            work.audit.prepare_months(NOW, 2)
    far = [evolve(an_event(tenant), at=NOW + timedelta(days=40 * n)) for n in range(4)]
    with store.begin(tenant.scope) as work:
        assert len(work.audit.append(*far)) == 4


# The outbox.


def test_a_task_is_handed_on_once_after_its_commit(store: Store):
    tenant = a_tenant(store)
    topic = f"topic {uuid4()}"
    with pytest.raises(BoomError):
        die_after(store, tenant.scope, lambda work: work.outbox.add(topic, "undone"))
    with store.begin(tenant.scope) as work:
        work.outbox.add(topic, "first")
        work.outbox.add(topic, "second")
        assert taken(store, topic) == []
    rows = taken(store, topic)
    assert [(row.organisation, row.key) for row in rows] == [
        (tenant.organisation, "first"),
        (tenant.organisation, "second"),
    ]
    assert len({row.id for row in rows}) == 2
    assert taken(store, topic) == []


def test_a_task_whose_dispatcher_died_is_handed_on_again(store: Store):
    tenant = a_tenant(store)
    topic = f"topic {uuid4()}"
    with store.begin(tenant.scope) as work:
        work.outbox.add(topic, "key")
    with pytest.raises(BoomError):
        die_after(store, Scope(), lambda work: work.outbox.take(1_000))
    assert [row.key for row in taken(store, topic)] == ["key"]


def test_two_dispatchers_do_not_get_the_same(store: Store):
    tenant = a_tenant(store)
    topic = f"topic {uuid4()}"
    with store.begin(tenant.scope) as work:
        for number in range(20):
            work.outbox.add(topic, str(number))

    def dispatch() -> list[str]:
        found = []
        for _ in range(20):
            with store.begin(Scope()) as work:
                found += [row.key for row in work.outbox.take(2) if row.topic == topic]
        return found

    keys = [key for keys in at_once([dispatch] * 4) for key in keys]
    assert sorted(keys, key=int) == [str(number) for number in range(20)]


def test_what_another_dispatcher_has_in_hand_is_passed_over(store: Store):
    tenant = a_tenant(store)
    topic = f"topic {uuid4()}"
    add = partial(_add, store, tenant, topic)
    add("first")
    with store.begin(Scope()) as work:
        assert [row.key for row in work.outbox.take(1_000) if row.topic == topic] == ["first"]
        add("second")
        assert [row.key for row in taken(store, topic)] == ["second"]


def _add(store: Store, tenant: Tenant, topic: str, key: str) -> None:
    with store.begin(tenant.scope) as work:
        work.outbox.add(topic, key)


def taken(store: Store, topic: str) -> list:
    with store.begin(Scope()) as work:
        return [row for row in work.outbox.take(1_000) if row.topic == topic]
