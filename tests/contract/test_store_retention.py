"""Legal holds and archives, in every store."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.work import Scope
from domain.audit import OPERATOR, AuditDraft
from domain.errors import MisuseError
from domain.identifiers import INSTALLATION
from domain.retention import Archive, ArchiveState, LegalHold, Month, certificate
from tests.contract.tenants import NOW, a_tenant, an_event

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
        assert work.legal_holds.over(MONTH) == [key_of(first), key_of(second)]
        assert work.legal_holds.in_force(first.id) == first
        lifted = first.lifted(NOW, "over")
        work.legal_holds.lift(lifted)
        # Nobody but its row says so.
        assert work.legal_holds.in_force(first.id) == first
        assert work.legal_holds.over(MONTH) == [key_of(first), key_of(second)]
        tell(work, first, "legal_hold.lifted")
        assert work.legal_holds.in_force(first.id) is None
    with store.begin(other.scope) as work:
        assert work.legal_holds.all() == []
        assert work.legal_holds.get(first.id) is None
        assert work.legal_holds.over(MONTH) == [key_of(second)]
    with store.begin(tenant.scope) as work:
        assert work.legal_holds.get(first.id) == lifted


def tell(work, hold, action):
    work.audit.append(
        AuditDraft(
            id=uuid4(),
            organisation=hold.organisation,
            at=hold.placed_at,
            actor=OPERATOR,
            action=action,
            subject=hold.name,
            live=False,
            correlation=hold.name,
            request_id=None,
            details=hold.details,
            salt=uuid4().bytes,
        )
    )


def test_a_hold_without_its_row_is_what_the_event_says_that_placed_it(store):
    tenant = a_tenant(store)
    hold = a_hold(tenant, subject="dep_7", since=None, until=MONTH.end, reason='"a\\b" é 😀')
    with store.begin(tenant.scope) as work:
        tell(work, hold, "legal_hold.placed")
    with store.begin(tenant.scope) as work:
        assert work.legal_holds.get(hold.id) is None
        assert work.legal_holds.in_force(hold.id) == hold
        assert key_of(hold) in work.legal_holds.over(MONTH)
        assert key_of(hold) not in work.legal_holds.over(Month(MONTH.index + 1))
        assert work.legal_holds.on([tenant.organisation], ["dep_7"]) == [key_of(hold)]
        assert work.legal_holds.on([tenant.organisation], ["dep_8"]) == []
        lifted = hold.lifted(NOW, "over")
        work.legal_holds.lift(lifted)
        tell(work, hold, "legal_hold.lifted")
    with store.begin(tenant.scope) as work:
        assert work.legal_holds.get(hold.id) == lifted
        assert key_of(hold) not in work.legal_holds.over(MONTH)
    with store.begin(a_tenant(store).scope) as work:
        assert work.legal_holds.in_force(hold.id) is None


def test_a_hold_whose_row_was_narrowed_holds_what_it_was_placed_on(store):
    tenant = a_tenant(store)
    hold = a_hold(tenant, subject=None, since=None, until=None)
    with store.begin(tenant.scope) as work:
        work.legal_holds.add(evolve(hold, subject="dep_8", until=MONTH.first))
        tell(work, hold, "legal_hold.placed")
    with store.begin(tenant.scope) as work:
        assert key_of(hold) in work.legal_holds.over(MONTH)
        assert work.legal_holds.on([tenant.organisation], ["dep_7"]) == [key_of(hold)]
        assert work.legal_holds.on([tenant.organisation], ["dep_8"]) == [key_of(hold)]


def key_of(hold):
    return hold.organisation, hold.id


def test_holds_are_found_by_what_they_touch(store):
    tenant, other = a_tenant(store), a_tenant(store)
    until = a_hold(tenant, since=None, until=MONTH.end)
    since = a_hold(other, subject="dep_2", since=MONTH.end, until=None)
    for holder, hold in ((tenant, until), (other, since)):
        with store.begin(holder.scope) as work:
            work.legal_holds.add(hold)
    before, after = Month(MONTH.index - 1), Month(MONTH.index + 1)
    both = [tenant.organisation, other.organisation]
    with store.begin(Scope()) as work:
        held = {month: work.legal_holds.over(month) for month in (before, MONTH, after)}
        assert held == {before: [key_of(until)], MONTH: [key_of(until)], after: [key_of(since)]}
        assert work.legal_holds.on(both, ["dep_1", "dep_3"]) == [key_of(until)]
        assert work.legal_holds.on([other.organisation], ["dep_1"]) == []
        assert work.legal_holds.on([other.organisation], ["dep_2"]) == [key_of(since)]
        assert work.legal_holds.on([], ["dep_1"]) == []
    whole = a_hold(other, subject=None, placed_at=NOW + timedelta(1))
    with store.begin(other.scope) as work:
        work.legal_holds.add(whole)
        assert work.legal_holds.on(both, ["dep_9"]) == [key_of(whole)]


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
        anew = evolve(archive, manifest=b'{"a":2}', events=4, lines=3, event=uuid4())
        assert not work.archives.replace(anew, anew)
        assert work.archives.replace(anew, archive)
        assert not work.archives.replace(archive, archive)
        assert work.archives.get(MONTH) == anew
        dropped = anew.dropped(NOW)
        work.archives.put(dropped)
        dropped = dropped.deletion_begun(NOW)
        work.archives.put(dropped)
        assert work.archives.get(MONTH) == dropped
        assert not work.archives.replace(archive, anew)
    with store.begin(a_tenant(store).scope) as work:
        # Nobody has said so.
        assert work.archives.begins() is None
        text = certificate(dropped, uuid4(), NOW, 84)
        deleted = dropped.deleted(NOW, text)
        work.archives.put(deleted)
        assert work.archives.all() == [deleted]
        assert work.archives.begins() is None
        with pytest.raises(MisuseError):
            work.archives.put(evolve(deleted, month=Month(MONTH.index + 1)))


#: Before anything that a store was prepared for.
OLD = Month.parse("2001-03")


def a_gone_archive(**changes):
    archive = Archive(
        month=OLD, manifest=b'{"a":3}', events=3, lines=2, event=uuid4(), archived_at=NOW
    )
    return evolve(archive.dropped(NOW), **changes)


def say(work, archive, action, id=None, **details):
    told = {"digest": archive.digest.hex(), "month": str(archive.month), **details}
    work.audit.append(
        AuditDraft(
            id=id or uuid4(),
            organisation=INSTALLATION,
            at=archive.dropped_at,
            actor=OPERATOR,
            action=action,
            subject="ins_1",
            live=False,
            correlation="ins_1",
            request_id=None,
            details=told,
            salt=uuid4().bytes,
        )
    )


@pytest.mark.parametrize(
    "missing",
    ["nothing", "archived", "dropped", "its event", "its digest", "its month"],
)
def test_the_trail_begins_where_it_says_itself_and_not_where_a_row_does(store, missing):
    # A month for each, because rows of archives stay.
    archive = a_gone_archive(month=Month(OLD.index + len(missing)))
    other = {"its digest": {"digest": "0" * 64}, "its month": {"month": "2001-02"}}
    with store.begin(Scope.installation()) as work:
        before = work.archives.begins()
        if missing != "archived":
            id = None if missing == "its event" else archive.event
            say(work, archive, "partition.archived", id)
        if missing != "dropped":
            say(work, archive, "partition.dropped", **other.get(missing, {}))
        archived = evolve(archive, dropped_at=None, state=ArchiveState.ARCHIVED)
        assert work.archives.add(archived)
        work.archives.put(archive)
    with store.begin(a_tenant(store).scope) as work:
        assert work.archives.begins() == (archive.month.end if missing == "nothing" else before)


def test_no_month_is_gone_while_an_event_from_before_it_is_there(store):
    tenant = a_tenant(store)
    there, said = Month.parse("2030-01"), a_gone_archive(month=Month.parse("2031-01"))
    said = evolve(said, dropped_at=said.month.end)
    with store.begin(tenant.scope) as work:
        work.audit.prepare_months(there.first, 0)
        work.audit.append(evolve(an_event(tenant), at=there.first))
    with store.begin(Scope.installation()) as work:
        before = work.archives.begins()
        say(work, said, "partition.archived", said.event)
        say(work, said, "partition.dropped")
        assert work.archives.add(evolve(said, dropped_at=None, state=ArchiveState.ARCHIVED))
        work.archives.put(said)
        assert work.archives.begins() == before


def test_lines_of_a_month_are_read_page_by_page(store):
    tenant, other = a_tenant(store, granted=5), a_tenant(store, granted=7)
    with store.begin(tenant.scope) as work:
        (line,) = work.archives.lines(MONTH.first, MONTH.end, after=0, limit=9)
        assert line.posting.amount == 5
        assert not work.archives.lines(MONTH.first, MONTH.end, after=line.sequence, limit=9)
        assert not work.archives.lines(MONTH.end, MONTH.end, after=0, limit=9)
        assert work.archives.volume(MONTH).lines >= 2
    assert other.organisation != tenant.organisation
