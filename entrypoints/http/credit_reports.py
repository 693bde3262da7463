"""/v1/credits/usage, /grants, /forecast: what credits went to, come from, how long they last."""

import csv
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from io import StringIO

from litestar import Response, get

from application.access.caller import Caller
from application.credits.outlook import outlook
from application.ports.storage.paging import PageRequest
from application.ports.storage.people import UsageKey
from domain.errors import FieldFault
from domain.identifiers import Prefix, parse_id, public_id
from domain.organisation import Permission
from domain.spreadsheet import harmless
from entrypoints.http import people_representations as representations
from entrypoints.http.answers import answer, bad_cursor, page, prefers, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape
from entrypoints.http.operations import CSV, Operation
from entrypoints.http.problems import granted, invalid
from entrypoints.http.pursued import CURSOR, LIMIT
from entrypoints.http.rules import Choice, Day, Switch
from entrypoints.http.services import ACatalogue, AClock, AStore, Given

MOST_DAYS = 366
_DEFAULT_DAYS = 30


class Format(Enum):
    JSON = "json"
    CSV = "csv"


FROM = Field("from", Day(), "The first day, UTC; 29 days before `to` by default.")
TO = Field("to", Day(), "The last day, UTC, included; today by default.")
BY = Field("by", Choice(among=UsageKey), "What to add up by; `day` by default.")
FORMAT = Field("format", Choice(among=Format), "The same as Accept: application/json or text/csv.")
OPEN = Field("open", Switch(), "Only those that have something left and are not over.")
USAGE = Shape("UsageQuery", (FROM, TO, BY, FORMAT))
GRANTS = Shape("GrantQuery", (LIMIT, CURSOR, OPEN, FORMAT))


@get(
    "/v1/credits/usage",
    sync_to_thread=True,
    opt=Operation(
        id="get_usage", tag="credits", summary="What credits were spent on",
        description="By day, by member or API key, or by operation. `captured` is what the "
        "journal posted as spent, less corrections; `held` is what was held in these days and "
        "still is; `number` counts captures.",
        query=USAGE, answers="Usage", other_media_type=CSV, codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def get_usage(
    request: AnyRequest, caller: Given[Caller], store: AStore, clock: AClock
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    asked = USAGE.query(request)
    now = clock.now()
    last = asked.get(TO) or now.date()
    first = asked.get(FROM) or last - timedelta(days=_DEFAULT_DAYS - 1)
    if not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
        message = f"must be at most {MOST_DAYS - 1} days before `to`, and not after it"
        raise invalid([FieldFault("/from", "out_of_range", message)])
    by = asked.get(BY) or UsageKey.DAY
    with store.begin(caller.scope) as work:
        rows = work.usage.by(by, first, last, now)
    if wants_csv(request, asked):
        columns = (by.value, "captured", "held", "number")
        lines = [(row.key or "", row.captured, row.held, row.number) for row in rows]
        return table("usage", columns, lines)
    return answer(representations.usage(by, first, last, rows))


@get(
    "/v1/credits/grants",
    sync_to_thread=True,
    opt=Operation(
        id="list_grants", tag="credits", summary="Grants of credits, newest first",
        description="Each with what is left of it, when it is over, where it came from and what "
        "one credit of it cost. As CSV it is one page as well.",
        query=GRANTS, answers="GrantPage", other_media_type=CSV, codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_grants(
    request: AnyRequest, caller: Given[Caller], store: AStore, clock: AClock
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    asked = GRANTS.query(request)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.GRANT, read_cursor(cursor)) if cursor else None
    with store.begin(caller.scope) as work:
        if cursor and (after is None or not work.usage.is_lot(after)):
            raise bad_cursor()
        found = work.usage.lots(
            PageRequest(limit=asked.get(LIMIT) or 20, after=after),
            clock.now(),
            is_open=asked.get(OPEN) or False,
        )
    items = [representations.grant(lot) for lot in found.items]
    if wants_csv(request, asked):
        columns = ("id", "source", "amount", "remaining", "effective_at", "expires_at",
                   "unit_cost", "currency", "fact")  # fmt: skip
        return table(
            "grants", columns, [[_cell(item, name) for name in columns] for item in items]
        )
    last = public_id(Prefix.GRANT, found.items[-1].id) if found.items else None
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    "/v1/credits/forecast",
    sync_to_thread=True,
    opt=Operation(
        id="get_forecast", tag="credits", summary="When the credits run out",
        description="If spending goes on as in the last eight weeks: the instants by which they "
        "have run out with a probability of 10, 50 and 90 %, null where that is not within 365 "
        "days. Grants are burnt in their order, expire on the way, and the tariff goes on giving "
        "its credits. Less than a week of history says nothing.",
        answers="Forecast", codes=("not_found", "tariff_not_in_catalogue"),
    ).opt,
)  # fmt: skip
def get_forecast(
    caller: Given[Caller], store: AStore, clock: AClock, catalogue: ACatalogue
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    with store.begin(caller.scope) as work:
        found = outlook(work, catalogue, clock.now())
    return answer(representations.forecast(granted(found)))


def wants_csv(request: AnyRequest, asked: Decoded) -> bool:
    """The query decides, then what Accept names first."""
    wanted = asked.get(FORMAT)
    if wanted is not None:
        return wanted is Format.CSV
    return prefers(request, CSV)


def table(
    name: str, columns: Sequence[str], lines: Sequence[Sequence[str | int]]
) -> Response[bytes]:
    """RFC 4180.  Numbers stay as they are: none of them is a formula."""
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow(columns)
    for line in lines:
        rows.writerow(harmless(cell) if isinstance(cell, str) else cell for cell in line)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue().encode(), media_type=CSV, headers=headers)


def _cell(item: Mapping[str, object], name: str) -> str | int:
    value = item[name]
    return value if isinstance(value, str | int) else ""


HANDLERS = (get_usage, list_grants, get_forecast)
