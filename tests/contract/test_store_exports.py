"""Exports and what belongs to them, in every store."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.paging import PageRequest
from application.ports.storage.work import LeaseLostError, Scope
from domain.audit import EventFilter
from domain.errors import MisuseError
from domain.export import Export, ExportFormat, ExportState, Part
from tests.contract.tenants import NOW, a_tenant, an_event, at_once

MINUTE = timedelta(minutes=1)


def an_export(tenant, **changes):
    export = Export(
        organisation=tenant.organisation,
        id=uuid4(),
        format=ExportFormat.PARQUET,
        wanted=EventFilter(
            since=NOW,
            until=NOW + MINUTE,
            actor="worker",
            action="deployment",
            subject="dep_1",
            correlation="dep_2",
            live=True,
        ),
        requested_by="mem_1",
        requested_at=NOW,
        last_sequence=7,
    )
    return evolve(export, **changes)


def a_part(number=1, events=3):
    return Part(
        number=number,
        name=f"part-{number:05}.parquet",
        size=100,
        sha256=bytes([number]) * 32,
        events=events,
        first_sequence=10 * number,
        last_sequence=10 * number + 5,
    )


def added(store, tenant, **changes):
    export = an_export(tenant, **changes)
    with store.begin(tenant.scope) as work:
        work.exports.add(export)
    return export


def got(store, tenant, export):
    with store.begin(tenant.scope) as work:
        return work.exports.get(export.id)


def leased(store, tenant, export, lease=MINUTE):
    with store.begin(tenant.scope) as work:
        return work.exports.lease(export.id, lease)


def waiting(store):
    with store.begin(Scope.installation()) as work:
        return work.exports.waiting(10_000)


def over(store, now):
    with store.begin(Scope.installation()) as work:
        return work.exports.over(now, 10_000)


def finished(store, tenant):
    """An export with one part, brought to its end."""
    export = added(store, tenant)
    token = leased(store, tenant, export)
    with store.begin(tenant.scope) as work:
        work.exports.progress(export.id, token, MINUTE, written=3, total=3)
        work.exports.add_part(export.id, token, a_part())
    made = evolve(got(store, tenant, export))
    done = made.finished(b"manifest", uuid4(), NOW, NOW + MINUTE)
    with store.begin(tenant.scope) as work:
        work.exports.finish(done, token)
    return done


def test_what_was_asked_for_is_found_as_it_was(store):
    tenant = a_tenant(store)
    full = added(store, tenant)
    bare = added(store, tenant, wanted=EventFilter(), format=ExportFormat.CSV)
    assert [got(store, tenant, each) for each in (full, bare)] == [full, bare]
    with store.begin(tenant.scope) as work:
        assert work.exports.get(uuid4()) is None


def test_a_stranger_sees_none_of_it(store):
    tenant, other = a_tenant(store), a_tenant(store)
    export = finished(store, tenant)
    assert got(store, other, export) is None
    assert leased(store, other, export) is None
    with store.begin(other.scope) as work:
        assert work.exports.page(PageRequest()).items == ()
        assert work.exports.under_way() == 0
        assert not work.exports.expire(export.id)


def test_one_has_it_at_a_time(store):
    tenant = a_tenant(store)
    export = added(store, tenant)
    tokens = at_once([lambda: leased(store, tenant, export)] * 6)
    (token,) = [token for token in tokens if token is not None]
    assert (tenant.organisation, export.id) not in waiting(store)
    with store.begin(tenant.scope) as work:
        work.exports.give_back(export.id, uuid4())
    assert leased(store, tenant, export) is None
    with store.begin(tenant.scope) as work:
        work.exports.give_back(export.id, token)
    assert (tenant.organisation, export.id) in waiting(store)
    assert leased(store, tenant, export) is not None


def test_parts_come_one_after_the_other(store):
    tenant = a_tenant(store)
    export = added(store, tenant)
    token = leased(store, tenant, export)
    with store.begin(tenant.scope) as work:
        work.exports.progress(export.id, token, MINUTE, written=4, total=9)
        work.exports.add_part(export.id, token, a_part(1))
        work.exports.add_part(export.id, token, a_part(2))
    found = got(store, tenant, export)
    assert (found.written, found.total, found.parts) == (4, 9, (a_part(1), a_part(2)))
    assert found.position == 25


@pytest.mark.parametrize(
    "act",
    [
        lambda work, export, token: work.exports.progress(
            export.id, token, MINUTE, written=1, total=1
        ),
        lambda work, export, token: work.exports.add_part(export.id, token, a_part()),
        lambda work, export, token: work.exports.finish(
            evolve(export, total=0).finished(b"m", uuid4(), NOW, NOW), token
        ),
    ],
)
def test_whoever_has_lost_it_records_nothing(store, act):
    tenant = a_tenant(store)
    export = added(store, tenant)
    stale = leased(store, tenant, export, timedelta(0))
    for token in (stale, uuid4()):
        with pytest.raises(LeaseLostError), store.begin(tenant.scope) as work:
            act(work, export, token)
    leased(store, tenant, export)
    with pytest.raises(LeaseLostError), store.begin(tenant.scope) as work:
        act(work, export, stale)
    assert got(store, tenant, export) == export


def test_its_end_is_stored_and_is_one(store):
    tenant = a_tenant(store)
    done = finished(store, tenant)
    assert got(store, tenant, done) == done
    assert done.state is ExportState.FINISHED
    assert leased(store, tenant, done) is None
    assert (tenant.organisation, done.id) not in waiting(store)


def test_what_is_over_expires_once(store):
    tenant = a_tenant(store)
    done, young = finished(store, tenant), added(store, tenant)
    key = (tenant.organisation, done.id)
    assert key not in over(store, done.expires_at - timedelta(microseconds=1))
    assert key in over(store, done.expires_at)
    with store.begin(tenant.scope) as work:
        assert work.exports.expire(done.id)
        assert not work.exports.expire(done.id)
        assert not work.exports.expire(young.id)
    assert key not in over(store, done.expires_at)
    assert got(store, tenant, done) == evolve(done, state=ExportState.EXPIRED)


def test_they_are_listed_newest_first(store):
    tenant = a_tenant(store)
    made = sorted((added(store, tenant) for _ in range(5)), key=lambda e: e.id, reverse=True)
    with store.begin(tenant.scope) as work:
        first = work.exports.page(PageRequest(limit=3))
        rest = work.exports.page(PageRequest(limit=3, after=first.items[-1].id))
        assert work.exports.under_way() == 5
    assert [*first.items, *rest.items] == made
    assert (first.has_more, rest.has_more) == (True, False)


def test_an_export_is_added_once(store):
    tenant = a_tenant(store)
    export = added(store, tenant)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.exports.add(export)


def test_a_trail_without_events_ends_at_nothing(store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        assert work.audit.head() == 0
        assert work.audit.count(EventFilter(), through=0) == 0


@pytest.mark.parametrize(
    ("wanted", "through", "count"),
    [
        (EventFilter(), 9, 5),
        (EventFilter(), 3, 3),
        (EventFilter(subject="dep_1"), 9, 2),
        (EventFilter(subject="dep_1"), 3, 1),
        (EventFilter(actor="worker", action="deployment", live=False, since=NOW), 9, 5),
        (EventFilter(until=NOW), 9, 0),
        (EventFilter(correlation="dep_3"), 9, 0),
        (EventFilter(actor="mem_1"), 9, 0),
    ],
)
def test_as_many_are_counted_as_are_found(store, wanted, through, count):
    tenant, other = a_tenant(store), a_tenant(store)
    for each in (tenant, other):
        with store.begin(each.scope) as work:
            work.audit.append(*(an_event(each, f"dep_{number % 2}") for number in range(5)))
    with store.begin(tenant.scope) as work:
        found = work.audit.find(wanted, through=through, limit=99)
        assert work.audit.count(wanted, through=through) == len(found) == count
        assert work.audit.head() == 5
