"""The pages a customer's browser is sent to, as plain as they can be: pay, and look after a plan.

GET  /c/pay/cs_…         what is bought, with buttons
POST /c/pay/cs_…         do=pay | later | decline | leave; then back to the shop
GET  /p/session/bps_…    the customer's subscriptions
POST /p/session/bps_…    do=cancel | resume, subscription=sub_…; then back to the shop
"""

from html import escape
from urllib.parse import parse_qsl

from entrypoints.devnet.stripe.api import Answer, Request
from entrypoints.devnet.stripe.control import Control
from entrypoints.devnet.stripe.errors import RefusedError, missing
from entrypoints.devnet.stripe.records import Record

PREFIXES = ("/c/pay/", "/p/session/")
_CHECKOUT = {
    "pay": "Pay by card",
    "later": "Pay by bank transfer",
    "decline": "Pay by a card that is declined",
    "leave": "Back",
}


def answer(control: Control, request: Request) -> Answer:
    """Also answers what it refuses with a page."""
    id = request.path.rsplit("/", 1)[1]
    form = dict(parse_qsl(request.form)) if request.method == "POST" else {}
    try:
        if request.path.startswith("/c/pay/"):
            return _checkout(control, _found(control, "checkout.session", id), form)
        return _portal(control, _found(control, "billing_portal.session", id), form)
    except RefusedError as error:
        return _page(error.status, f"<p>{escape(str(error))}</p>")


def _found(control: Control, kind: str, id: str) -> Record:
    record = control.account.find(kind, id)
    if record is None:
        raise missing(kind, id)
    return record


def _checkout(control: Control, session: Record, form: Record) -> Answer:
    does = form.get("do")
    if does not in _CHECKOUT:
        whole, cents = divmod(session["amount_total"], 100)
        amount = f"{whole}.{cents:02} {session['currency'].upper()}"
        lines = control.account.of("item", session["id"])
        bought = "".join(
            f"<li>{line['quantity']} × {escape(line['description'])}</li>" for line in lines
        )
        buttons = "".join(_button(name, text) for name, text in _CHECKOUT.items())
        shown = buttons if session["status"] == "open" else f"<p>{session['status']}</p>"
        return _page(200, f"<h1>{amount}</h1><ul>{bought}</ul>{shown}")
    if does == "leave":
        return _back(session["cancel_url"] or session["success_url"])
    if does == "decline":
        if not session["customer"]:
            return _page(400, "<p>Nobody is known whose card could be declined.</p>")
        control.decline_payments(session["customer"], 1)
    control.pay_checkout(session["id"], later=does == "later")
    if session["status"] == "open":
        return _page(402, "<p>Your card was declined.</p>" + _button("pay", "Try another card"))
    url: str = session["success_url"]
    return _back(url.replace("{CHECKOUT_SESSION_ID}", session["id"]))


def _portal(control: Control, session: Record, form: Record) -> Answer:
    own = control.account.of("subscription", session["customer"])
    wanted = next((each for each in own if each["id"] == form.get("subscription")), None)
    if wanted is not None and form.get("do") == "cancel":
        control.cancel_subscription(wanted["id"], at_period_end=True)
    elif wanted is not None and form.get("do") == "resume":
        control.resume_subscription(wanted["id"])
    else:
        rows = "".join(
            f"<h2>{each['id']}: {each['status']}</h2>"
            + _button("cancel", "Cancel at the end of the period", each["id"])
            + _button("resume", "Do not cancel", each["id"])
            for each in own
            if each["ended_at"] is None
        )
        return _page(200, rows or "<p>No subscription.</p>")
    return _back(session["return_url"] or f"{control.account.pages_url}/p/session/{session['id']}")


def _button(does: str, text: str, subscription: str = "") -> str:
    return (
        '<form method="post">'
        f'<input type="hidden" name="do" value="{does}">'
        f'<input type="hidden" name="subscription" value="{subscription}">'
        f"<button>{text}</button></form>"
    )


def _page(status: int, inner: str) -> Answer:
    body = f"<!doctype html><title>Loopback Stripe</title>{inner}"
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Answer(status=status, body=body.encode(), headers=headers)


def _back(url: str) -> Answer:
    return Answer(status=303, body=b"", headers={"Location": url})
