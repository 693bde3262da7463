from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attrs import define, field

from adapters.stripe import states, webhooks
from adapters.stripe.errors import NoSuchObjectError, translated
from application.ports.payments import (
    Fee,
    Invoice,
    NotPublishedError,
    Order,
    Page,
    Payments,
    PaymentsRefusedError,
    Priced,
)
from domain.payment import About, CustomerId, PaymentEvent, Subject
from domain.settlement import InvoiceState, ItemPrice, Money, State, SubscriptionState

if TYPE_CHECKING:
    from stripe import StripeClient

#: The most that a list gives at once.
_PAGE = 100
_CHARGE = "latest_charge.balance_transaction"
#: Currencies whose amounts Stripe takes in other units than ISO 4217 has: whole ariary, and
#: hundredths of krónur and shillings (docs.stripe.com/currencies, in the state of 2026-11).
_OTHER_UNITS = frozenset({"ISK", "MGA", "UGX"})


@define(eq=False)
class StripePayments(Payments):
    _client: StripeClient = field(repr=False)
    _webhook_secrets: tuple[str, ...] = field(repr=False)
    live: bool | None = field(kw_only=True)
    #: By id: product, amount and currency of a price never change.
    _prices: dict[str, ItemPrice] = field(factory=dict)

    # What is asked for.

    def create_customer(self, reference: str, name: str, key: str) -> CustomerId:
        made = self._post(
            "/v1/customers", {"name": name, "metadata": {"organisation": reference}}, key
        )
        return CustomerId(made["id"])

    def checkout(self, order: Order, key: str) -> Page:
        price = self._newest_price(order.price)
        if price is None:
            raise NotPublishedError(f"there is no price with the lookup key {order.price}")
        metadata = {"organisation": order.reference}
        form: dict[str, Any] = {
            "mode": "subscription" if order.is_recurring else "payment",
            "customer": order.customer,
            "client_reference_id": order.reference,
            "metadata": metadata,
            "line_items": [{"price": price["id"], "quantity": 1}],
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
        }
        part = "subscription_data" if order.is_recurring else "payment_intent_data"
        session = self._post("/v1/checkout/sessions", {**form, part: {"metadata": metadata}}, key)
        return Page(
            id=session["id"],
            url=session["url"],
            expires_at=datetime.fromtimestamp(session["expires_at"], UTC),
        )

    def portal(self, customer: CustomerId, return_url: str) -> str:
        form = {"customer": customer, "return_url": return_url}
        return str(self._post("/v1/billing_portal/sessions", form, None)["url"])

    def bill(self, fee: Fee, key: str) -> str:
        _require_our_units(fee.currency)
        # An answer that got lost may have been a 500, which the same key repeats for a day.
        for item in self._list("/v1/invoiceitems", {"customer": fee.customer}):
            if item["metadata"].get("key") == key:
                return str(item["id"])
        form = {
            "customer": fee.customer,
            "amount": fee.amount_minor,
            "currency": fee.currency.lower(),
            "description": fee.description,
            "metadata": {"key": key},
        }
        return str(self._post("/v1/invoiceitems", form, key)["id"])

    # What is for sale.

    def publish(self, item: Priced) -> bool:
        _require_our_units(item.currency)
        known = self._newest_price(item.key)
        mark = {states.MARK: item.key}
        if known is not None and _is_price_of(known, item):
            if known["metadata"].get(states.MARK) != item.key:
                self._post(f"/v1/prices/{known['id']}", {"metadata": mark}, None)
            return False
        self._publish_product(item)
        form: dict[str, Any] = {
            "product": item.key,
            "currency": item.currency.lower(),
            "unit_amount": item.amount_minor,
            "lookup_key": item.key,
            # A former price goes on for those who subscribed at it; new ones find this one.
            "transfer_lookup_key": True,
            "metadata": mark,
        }
        if item.is_recurring:
            form["recurring"] = {"interval": "month"}
        before = known["id"] if known is not None else "none"
        terms = f"{item.key}-{item.amount_minor}-{item.currency}-{item.is_recurring}"
        self._post("/v1/prices", form, f"tallystick-price-{terms}-{before}")
        return True

    def _publish_product(self, item: Priced) -> None:
        try:
            product = self._get(f"/v1/products/{item.key}")
        except NoSuchObjectError:
            form = {"id": item.key, "name": item.name}
            try:
                self._post("/v1/products", form, f"tallystick-product-{item.key}")
            except PaymentsRefusedError:
                # Somebody made it at the same moment.
                self._get(f"/v1/products/{item.key}")
            return
        if product["name"] != item.name:
            self._post(f"/v1/products/{item.key}", {"name": item.name}, None)

    def _newest_price(self, key: str) -> dict[str, Any] | None:
        form = {"lookup_keys": [key], "active": True, "limit": 1}
        found = self._get("/v1/prices", form)["data"]
        return found[0] if found else None

    # What is told.

    def event(self, body: bytes, signature: str, now: datetime) -> PaymentEvent:
        return webhooks.verified(body, signature, self._webhook_secrets, now)

    def events_since(self, since: datetime) -> Iterator[PaymentEvent]:
        kinds = sorted(webhooks.KINDS)
        form = {"created": {"gte": int(since.timestamp())}, "types": kinds}
        # The list begins with the newest.
        return reversed([webhooks.event_of(each) for each in self._list("/v1/events", form)])

    def paid_since(self, since: datetime) -> Iterator[Subject]:
        created = {"created": {"gte": int(since.timestamp())}}
        told: set[str] = set()
        form = {**created, "status": "paid", "expand": ["data.payments"]}
        for invoice in self._list("/v1/invoices", form):
            told.update(filter(None, map(states.payment_of, invoice["payments"]["data"])))
            if states.subscription_of(invoice) is not None:
                yield Subject(About.INVOICE, invoice["id"])
        for intent in self._list("/v1/payment_intents", created):
            if intent["status"] == "succeeded" and intent["id"] not in told:
                yield Subject(About.PAYMENT, intent["id"])

    def invoices(
        self, customer: CustomerId, limit: int, after: str | None
    ) -> tuple[Sequence[Invoice], bool]:
        form: dict[str, Any] = {"customer": customer, "limit": limit}
        if after is not None:
            if not self._is_invoice_of(customer, after):
                return (), False
            form["starting_after"] = after
        found = self._get("/v1/invoices", form)
        return [states.shown(each) for each in found["data"]], bool(found["has_more"])

    def _is_invoice_of(self, customer: CustomerId, id: str) -> bool:
        try:
            return bool(self._get(f"/v1/invoices/{id}")["customer"] == customer)
        except NoSuchObjectError:
            return False

    # What is so now.

    def state_of(self, subject: Subject) -> State | None:
        try:
            match subject.about:
                case About.CHECKOUT:
                    return self._of_session(subject.id)
                case About.PAYMENT:
                    return self._of_payment(subject.id)
                case About.CHARGE:
                    return self._of_payment_of(self._get(f"/v1/charges/{subject.id}"))
                case About.DISPUTE:
                    return self._of_payment_of(self._get(f"/v1/disputes/{subject.id}"))
                case About.INVOICE:
                    return self._of_invoice(subject.id)
                case About.SUBSCRIPTION:
                    return self._of_subscription(subject.id, None)
        except NoSuchObjectError:
            return None

    def _of_session(self, id: str) -> State | None:
        expand = ["line_items", f"payment_intent.{_CHARGE}"]
        return self._state_of_session(self._get(f"/v1/checkout/sessions/{id}", {"expand": expand}))

    def _state_of_session(self, session: dict[str, Any]) -> State | None:
        if session["mode"] == "subscription":
            subscription = session["subscription"]
            return self._of_subscription(subscription, None) if subscription else None
        intent = session["payment_intent"]
        return states.pack_state(session, self._money(intent) if intent is not None else None)

    def _of_payment_of(self, about: dict[str, Any]) -> State | None:
        intent = about["payment_intent"]
        return self._of_payment(intent) if intent else None

    def _of_payment(self, id: str) -> State | None:
        expand = ["data.line_items", f"data.payment_intent.{_CHARGE}"]
        form = {"payment_intent": id, "limit": 1, "expand": expand}
        sessions = self._get("/v1/checkout/sessions", form)["data"]
        if sessions and sessions[0]["mode"] == "payment":
            return self._state_of_session(sessions[0])
        paying = {"payment": {"type": "payment_intent", "payment_intent": id}, "limit": 1}
        found = self._get("/v1/invoice_payments", paying)["data"]
        return self._of_invoice(found[0]["invoice"]) if found else None

    def _of_invoice(self, id: str) -> State | None:
        subscription = states.subscription_of(self._get(f"/v1/invoices/{id}"))
        return self._of_subscription(subscription, id) if subscription else None

    def _of_subscription(self, id: str, looked_at: str | None) -> SubscriptionState:
        # The subscription last: what its invoices say of it is so already.
        form = {"subscription": id, "expand": ["data.payments"]}
        invoices = [
            self._invoice(invoice, invoice["id"] == looked_at)
            for invoice in self._list("/v1/invoices", form)
        ]
        # A list begins with the newest.
        return states.subscription_state(self._get(f"/v1/subscriptions/{id}"), invoices[::-1])

    def _invoice(self, invoice: dict[str, Any], is_looked_at: bool) -> InvoiceState:
        lines = invoice["lines"]["data"]
        if invoice["lines"]["has_more"]:
            lines = self._list(f"/v1/invoices/{invoice['id']}/lines", {})
        paid_with = states.payment_of_invoice(invoice)
        money = None
        if is_looked_at and paid_with:
            intent = self._get(f"/v1/payment_intents/{paid_with}", {"expand": [_CHARGE]})
            money = self._money(intent)
        return states.invoice_state(invoice, lines, self._price, money)

    def _money(self, intent: dict[str, Any]) -> Money | None:
        charge = intent["latest_charge"]
        disputes = []
        if charge is not None and charge["disputed"]:
            disputes = [*self._list("/v1/disputes", {"charge": charge["id"]})]
        return states.money(intent, disputes)

    def _price(self, id: str) -> ItemPrice:
        if id not in self._prices:
            self._prices[id] = states.item_price(self._get(f"/v1/prices/{id}"))
        return self._prices[id]

    # The line.

    def _get(self, path: str, form: dict[str, Any] | None = None) -> dict[str, Any]:
        with translated():
            return _told(self._client.raw_request("get", path, **(form or {})))

    def _post(self, path: str, form: dict[str, Any], key: str | None) -> dict[str, Any]:
        with translated():
            options: dict[str, Any] = {"idempotency_key": key} if key is not None else {}
            return _told(self._client.raw_request("post", path, **form, **options))

    def _list(self, path: str, form: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """All of it, newest first."""
        after: dict[str, str] = {}
        while True:
            page = self._get(path, {**form, "limit": _PAGE, **after})
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}


def _told(response: Any) -> dict[str, Any]:
    told: dict[str, Any] = response.data
    return told


def _require_our_units(currency: str) -> None:
    """Raises: PaymentsRefusedError: an amount would be another one there, by a factor of 100."""
    if currency in _OTHER_UNITS:
        raise PaymentsRefusedError(f"Stripe counts {currency} in other units than ISO 4217")


def _is_price_of(price: dict[str, Any], item: Priced) -> bool:
    recurring = price["recurring"]
    is_monthly = recurring is not None and (
        (recurring["interval"], recurring["interval_count"]) == ("month", 1)
    )
    return (
        price["product"] == item.key
        and price["unit_amount"] == item.amount_minor
        and price["currency"] == item.currency.lower()
        and (is_monthly if item.is_recurring else recurring is None)
    )
