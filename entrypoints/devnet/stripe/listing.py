"""Lists: newest first, a page at a time.  https://docs.stripe.com/api/pagination"""

from collections.abc import Iterable

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.records import Record, list_object

#: What every list may be asked for.
PAGE = {
    "limit": forms.integer,
    "starting_after": forms.text,
    "ending_before": forms.text,
    "created": forms.instants,
}


def page(url: str, records: Iterable[Record], form: Record) -> Record:
    """The page that is asked for, of records in the order in which they were created.

    What else is in the form are fields that must be equal.
    """
    limit = form.get("limit")
    if limit is None:
        limit = 10
    if not 1 <= limit <= 100:
        raise invalid("Invalid integer: limit is between 1 and 100", "limit")
    created = form.get("created") or {}
    equal = {name: value for name, value in form.items() if name not in PAGE}
    found = [
        record
        for record in records
        if (not created or forms.is_within(_moment(record), created))
        and all(record.get(name) == value for name, value in equal.items())
    ]
    found.reverse()
    if form.get("starting_after"):
        start = _place(found, form["starting_after"], "starting_after") + 1
        shown = found[start : start + limit]
        return list_object(url, shown, has_more=start + limit < len(found))
    if form.get("ending_before"):
        end = _place(found, form["ending_before"], "ending_before")
        start = max(0, end - limit)
        return list_object(url, found[start:end], has_more=start > 0)
    return list_object(url, found[:limit], has_more=limit < len(found))


def _moment(record: Record) -> int:
    """Of its creation; invoice items call it `date`."""
    moment: int = record["date" if record["object"] == "invoiceitem" else "created"]
    return moment


def _place(found: list[Record], id: str, param: str) -> int:
    for place, record in enumerate(found):
        if record["id"] == id:
            return place
    raise invalid(f"No such object: '{id}'", param, "resource_missing")
