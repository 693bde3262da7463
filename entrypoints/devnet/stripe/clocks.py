"""Test clocks: time for the customers that were created on one.  Advancing is done at once."""

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record
from entrypoints.devnet.stripe.routing import Route, getter

_KIND = "test_helpers.test_clock"
_KEPT_SECONDS = 30 * 86_400


def _create(account: Account, form: Record) -> Record:
    if account.livemode:
        raise invalid("Test clocks can only be used in test mode.")
    id = account.ids.next(_KIND)
    account.add_clock(id, form["frozen_time"])
    clock = account.create(
        {
            "id": id,
            "object": _KIND,
            "created": account.now,
            "deletes_after": account.now + _KEPT_SECONDS,
            "frozen_time": form["frozen_time"],
            "livemode": False,
            "name": form.get("name"),
            "status": "ready",
            "status_details": {},
        }
    )
    account.emit("test_helpers.test_clock.created", clock, clock=id)
    return clock


def advance(account: Account, id: str, moment: int) -> Record:
    """Time goes on to that moment, and what falls due happens.  Raises: RefusedError."""
    clock = account.get(_KIND, id)
    if moment <= clock["frozen_time"]:
        raise invalid("The frozen_time must be after the clock's current one.", "frozen_time")
    account.change(
        clock, status="advancing", status_details={"advancing": {"target_frozen_time": moment}}
    )
    account.emit("test_helpers.test_clock.advancing", clock, clock=id)
    account.advance_to(moment, id)
    account.change(clock, status="ready", status_details={}, frozen_time=moment)
    account.emit("test_helpers.test_clock.ready", clock, clock=id)
    return clock


def _advance(account: Account, form: Record, id: str) -> Record:
    return advance(account, id, form["frozen_time"])


def _list(account: Account, form: Record) -> Record:
    return page("/v1/test_helpers/test_clocks", account.all(_KIND), form)


ROUTES = [
    Route(
        "POST",
        "/v1/test_helpers/test_clocks",
        _create,
        {"frozen_time!": forms.integer, "name": forms.text},
    ),
    Route("GET", "/v1/test_helpers/test_clocks", _list, PAGE),
    Route("GET", "/v1/test_helpers/test_clocks/:id", getter(_KIND)),
    Route(
        "POST",
        "/v1/test_helpers/test_clocks/:id/advance",
        _advance,
        {"frozen_time!": forms.integer},
    ),
]
