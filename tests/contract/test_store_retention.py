"""Legal holds and archives, in every store."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.work import Scope
from domain.errors import MisuseError
from domain.retention import Archive, LegalHold, Month, certificate
from tests.contract.tenants import NOW, a_tenant

MONTH = Month.of(NOW)


def a_hold(tenant, **changes):
    hold = LegalHold(
        organisation=tenant.organisation,
        id=uuid4(),
        subject="dep_1",
        since=NOW,
        until=NOW + timedelta(days=1),
        reason="a court asked for it",
        placed_at=NOW,
    )
    return evolve(hold, **changes)


def test_holds_are_found_listed_and_lifted_once(store):
    tenant, other = a_tenant(store), a_tenant(store)
    first = a_hold(tenant)
    second = a_hold(tenant, subject=None, since=None, until=None, placed_at=NOW + timedelta(1))
    with store.begin(tenant.scope) as work:
        work.legal_holds.add(second)
        work.legal_holds.add(first)
    with store.begin(tenant.scope) as work:
        assert work.legal_holds.get(first.id) == first
        assert work.legal_holds.get(uuid4()) is None
        assert work.legal_holds.all() == [first, second]
        assert [id for of, id in work.legal_holds.placed() if of == tenant.organisation] == [
            first.id,
            second.id,
        ]
        lifted = first.lifted(NOW, "over")
        assert work.legal_holds.lift(lifted)
        assert not work.legal_holds.lift(lifted)
    with store.begin(other.scope) as work:
        assert work.legal_holds.all() == []
        assert work.legal_holds.get(first.id) is None
        placed = {id for of, id in work.legal_holds.placed() if of == tenant.organisation}
        assert placed == {second.id}
    with store.begin(tenant.scope) as work:
        assert work.legal_holds.get(first.id) == lifted


def test_an_archive_is_added_once_and_goes_its_way(store):
    archive = Archive(
        month=MONTH, manifest=b'{"a":1}', events=3, lines=2, event=uuid4(), archived_at=NOW
    )
    with store.begin(Scope.installation()) as work:
        assert work.archives.get(MONTH) is None
        assert work.archives.begins() is None
        assert work.archives.add(archive)
    with store.begin(Scope.installation()) as work:
        assert not work.archives.add(archive)
        assert work.archives.get(MONTH) == archive
        assert work.archives.begins() is None
        dropped = archive.dropped(NOW)
        work.archives.put(dropped)
    with store.begin(a_tenant(store).scope) as work:
        assert work.archives.begins() == MONTH.end
        text = certificate(dropped, uuid4(), NOW, 84)
        deleted = dropped.deleted(NOW, text)
        work.archives.put(deleted)
        assert work.archives.all() == [deleted]
        assert work.archives.begins() == MONTH.end
        with pytest.raises(MisuseError):
            work.archives.put(evolve(deleted, month=Month(MONTH.index + 1)))


def test_lines_of_a_month_are_read_page_by_page(store):
    tenant, other = a_tenant(store, granted=5), a_tenant(store, granted=7)
    with store.begin(tenant.scope) as work:
        (line,) = work.archives.lines(MONTH.first, MONTH.end, after=0, limit=9)
        assert line.posting.amount == 5
        assert not work.archives.lines(MONTH.first, MONTH.end, after=line.sequence, limit=9)
        assert not work.archives.lines(MONTH.end, MONTH.end, after=0, limit=9)
        assert work.archives.volume(MONTH).lines >= 2
    assert other.organisation != tenant.organisation
