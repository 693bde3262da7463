"""Pages of lists that are short: read whole, put in order, and cut here.

A cursor is the place of a page's last item in the list's order, so what is taken away meanwhile
takes nothing else along.  A place says nothing of anybody: whose list it is, the caller says.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from attrs import frozen

from application.ports.storage.paging import LONGEST_PAGE
from entrypoints.http.answers import Json, page, read_cursor
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.pursued import CURSOR
from entrypoints.http.rules import Number

T = TypeVar("T")

#: Whoever asks for no less has most of these lists in one page.
LIMIT = Field("limit", Number(least=1, most=LONGEST_PAGE), "Items per page; 100 by default.")
SHORT = Shape("ShortListQuery", (LIMIT, CURSOR))


@frozen(kw_only=True)
class Cut(Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    has_more: bool
    #: The place of the last item; None: there is none.
    last: str | None

    def shown(self, show: Callable[[T], Json]) -> Json:
        return page([show(each) for each in self.items], has_more=self.has_more, last=self.last)


def cut(
    found: Iterable[T],
    request: AnyRequest,
    place: Callable[[T], str],
    *,
    newest_first: bool = False,
) -> Cut[T]:
    """The page of *found* that *request* asks for, in the order of *place*.

    *place* is ASCII, different for each item, and never another one for the same.

    Raises:
        RefusedError: the query is not that of a page.
    """
    asked = SHORT.query(request)
    limit, cursor = asked.get(LIMIT) or LONGEST_PAGE, asked.get(CURSOR)
    after = read_cursor(cursor) if cursor else None
    places = {place(each): each for each in found}
    left = [
        each
        for each in sorted(places, reverse=newest_first)
        if after is None or (each < after if newest_first else each > after)
    ]
    shown = left[:limit]
    return Cut(
        items=[places[each] for each in shown],
        has_more=len(left) > limit,
        last=shown[-1] if shown else None,
    )


def since(instant: datetime, id: object) -> str:
    """The place of what came to be at *instant*; of equal ones, by *id*."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f} {id}"


def numbered(number: int) -> str:
    return f"{number:020}"
