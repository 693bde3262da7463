"""A page of events, for whoever looks for some: what is rare costs no walk through all there is.

Numbers have no gaps, so a page is looked for among so many numbers.  Where there are fewer than
were asked for, the page ends with the last number that was looked at, and the next goes on there.
"""

from attrs import frozen

from application.ports.storage.work import Work
from domain.audit import AuditEvent, EventFilter

#: How many events are looked at for one page.
MOST_LOOKED_AT = 20_000


@frozen(kw_only=True)
class Page:
    events: tuple[AuditEvent, ...]
    has_more: bool
    #: Number of the last event that was looked at; None: there was none.
    last: int | None


def find_page(
    work: Work,
    wanted: EventFilter,
    *,
    after: int,
    limit: int,
    most_looked_at: int = MOST_LOOKED_AT,
) -> Page:
    """Of the scope's organisation, oldest first, with numbers above *after*."""
    # What the database has of that time: months before it have partitions of their own, and
    # what was dropped is not walked through either.
    there = EventFilter(since=wanted.since, until=wanted.until)
    first = work.audit.find(there, after=after, limit=1)
    if not first:
        return Page(events=(), has_more=False, last=None)
    reach = first[0].sequence - 1 + most_looked_at
    found = work.audit.find(wanted, after=first[0].sequence - 1, through=reach, limit=limit + 1)
    if len(found) > limit:
        shown = tuple(found[:limit])
        return Page(events=shown, has_more=True, last=shown[-1].sequence)
    has_more = bool(work.audit.find(there, after=reach, limit=1))
    return Page(events=tuple(found), has_more=has_more, last=reach if has_more else _last(found))


def _last(found: list[AuditEvent]) -> int | None:
    return found[-1].sequence if found else None
