"""The list of events: what a webhook did not bring is found here, for 30 days."""

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.errors import invalid, missing
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record, copied
from entrypoints.devnet.stripe.routing import Route

_MOST_TYPES = 20


def as_told_now(account: Account, event: Record) -> Record:
    """The event, with how many endpoints it has still to reach."""
    return {**copied(event), "pending_webhooks": account.undelivered.get(event["id"], 0)}


def _list(account: Account, form: Record) -> Record:
    delivered = form.pop("delivery_success", None)
    types = form.pop("types", None)
    if types and form.get("type"):
        raise invalid("You may only specify one of these parameters: type, types.")
    if types and len(types) > _MOST_TYPES:
        raise invalid(f"Array too large: there are at most {_MOST_TYPES} types", "types")
    wanted = types or ([form.pop("type")] if form.get("type") else None)
    listed = page(
        "/v1/events",
        (
            event
            for event in account.events
            if (delivered is None or (event["id"] not in account.undelivered) == delivered)
            and (wanted is None or _is_of(event["type"], wanted))
        ),
        form,
    )
    return {**listed, "data": [as_told_now(account, event) for event in listed["data"]]}


def _is_of(kind: str, wanted: list[str]) -> bool:
    """A type may end in a star: `invoice.*`."""
    return any(
        kind == each or (each.endswith("*") and kind.startswith(each[:-1])) for each in wanted
    )


def _get(account: Account, form: Record, id: str) -> Record:
    del form
    for event in account.events:
        if event["id"] == id:
            return as_told_now(account, event)
    raise missing("event", id)


ROUTES = [
    Route(
        "GET",
        "/v1/events",
        _list,
        {
            **PAGE,
            "delivery_success": forms.boolean,
            "type": forms.text,
            "types": [forms.text],
        },
    ),
    Route("GET", "/v1/events/:id", _get),
]
