"""Subscriptions: opened, cycled at the end of every period, changed, and ended."""

from entrypoints.devnet.stripe import collection, forms, invoice_lines, invoices, standing
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.catalogue import plan_of
from entrypoints.devnet.stripe.customers import attach, living
from entrypoints.devnet.stripe.errors import NotBuiltError, invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.periods import period_end
from entrypoints.devnet.stripe.records import Record, copied, list_object, nulls
from entrypoints.devnet.stripe.routing import Route, getter

_EXPIRES_AFTER = 23 * 3_600


def open_subscription(
    account: Account,
    customer: Record,
    prices: list[tuple[Record, int]],
    *,
    metadata: dict[str, str],
    trial_days: int = 0,
    description: str | None = None,
    payment_method: str | None = None,
) -> Record:
    """A subscription that waits for its first invoice, which is finalized and not yet tried."""
    clock = customer["test_clock"]
    now = account.time_of(clock)
    id = account.ids.next("subscription")
    trial_end = now + trial_days * 86_400 if trial_days else None
    recurring = prices[0][0]["recurring"]
    end = trial_end or period_end(now, now, recurring["interval"], recurring["interval_count"])
    items = [_item(account, id, price, quantity, (now, end)) for price, quantity in prices]
    subscription = account.create(
        {
            "id": id,
            "object": "subscription",
            **nulls("application application_fee_percent billing_cycle_anchor_config"),
            **nulls("billing_thresholds cancel_at canceled_at customer_account days_until_due"),
            **nulls("default_source default_tax_rates ended_at"),
            **nulls("latest_invoice next_pending_invoice_item_invoice on_behalf_of"),
            **nulls("pause_collection pending_invoice_item_interval pending_setup_intent"),
            **nulls("pending_update schedule transfer_data"),
            "automatic_tax": {**nulls("disabled_reason liability"), "enabled": False},
            "billing_cycle_anchor": trial_end or now,
            "billing_mode": {"flexible": None, "type": "flexible"},
            "billing_schedules": [],
            "cancel_at_period_end": False,
            "cancellation_details": nulls("comment feedback feedback_option reason"),
            "collection_method": "charge_automatically",
            "created": now,
            "currency": prices[0][0]["currency"],
            "customer": customer["id"],
            "default_payment_method": payment_method,
            "description": description,
            "discounts": [],
            "invoice_settings": {
                **nulls("account_tax_ids custom_fields description footer"),
                "issuer": {"type": "self"},
            },
            "items": list_object(f"/v1/subscription_items?subscription={id}", items),
            "livemode": account.livemode,
            "metadata": dict(metadata),
            "payment_settings": {
                **nulls("payment_method_options payment_method_types"),
                "save_default_payment_method": "off",
            },
            "start_date": now,
            "status": "incomplete",
            "test_clock": clock,
            "trial_end": trial_end,
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
            "trial_start": now if trial_days else None,
        }
    )
    account.file(subscription, customer["id"])
    invoice = _invoice(account, subscription, "subscription_create", is_trial=bool(trial_days))
    account.change(subscription, latest_invoice=invoice["id"])
    account.emit("customer.subscription.created", subscription, clock=clock)
    account.after(clock, end, cycle_when_due, id)
    account.after(clock, now + _EXPIRES_AFTER, standing.expire_when_due, id)
    account.emit("invoice.created", invoice, clock=clock)
    collection.finalize(account, invoice)
    return subscription


def _item(
    account: Account, subscription: str, price: Record, quantity: int, period: tuple[int, int]
) -> Record:
    return {
        "id": account.ids.next("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": period[0],
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": copied(price),
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }


def _invoice(
    account: Account, subscription: Record, reason: str, *, is_trial: bool = False
) -> Record:
    customer = account.get("customer", subscription["customer"])
    items = subscription["items"]["data"]
    period = (items[0]["current_period_start"], items[0]["current_period_end"])
    invoice = invoices.new_invoice(
        account,
        customer,
        reason=reason,
        currency=subscription["currency"],
        # An invoice's own period is the one before, except for the first invoice.
        period=None if reason != "subscription_cycle" else (period[0], period[0]),
        subscription=subscription,
    )
    lines = [
        invoice_lines.line_of_period(
            account, subscription, item, invoice["id"], amount=0 if is_trial else None
        )
        for item in items
    ]
    invoices.put_on(account, invoice, lines)
    invoices.put_waiting_on(account, invoice)
    return invoice


def period_of(subscription: Record) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def cycle_when_due(account: Account, id: str) -> None:
    subscription = account.get("subscription", id)
    clock = subscription["test_clock"]
    start, end = period_of(subscription)
    if subscription["ended_at"] is not None or end > account.time_of(clock):
        return
    if subscription["cancel_at_period_end"]:
        standing.end(account, subscription)
        return
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    anchor = subscription["billing_cycle_anchor"]
    following = period_end(anchor, end, recurring["interval"], recurring["interval_count"])
    del start
    status = subscription["status"]
    previous = account.change(
        subscription,
        items=with_items(
            subscription,
            [
                {**item, "current_period_start": end, "current_period_end": following}
                for item in subscription["items"]["data"]
            ],
        ),
        status="active" if status == "trialing" else status,
    )
    account.after(clock, following, cycle_when_due, id)
    invoice = _invoice(account, subscription, "subscription_cycle")
    if status == "unpaid":
        account.change(invoice, auto_advance=False)
    previous.update(account.change(subscription, latest_invoice=invoice["id"]))
    account.emit("customer.subscription.updated", subscription, previous, clock)
    collection.tell_of_draft(account, invoice)


def with_items(subscription: Record, items: list[Record]) -> Record:
    return {**subscription["items"], "data": items}


def cancel(account: Account, form: Record, id: str) -> Record:
    subscription = account.get("subscription", id)
    if subscription["ended_at"] is not None:
        raise invalid(f"No such subscription: {id}", "id", "resource_missing")
    for name in ("invoice_now", "prorate"):
        if form.get(name):
            raise NotBuiltError(f"{name}=true of DELETE /v1/subscriptions/:id")
    details = form.get("cancellation_details") or {}
    account.change(
        subscription,
        cancellation_details={**subscription["cancellation_details"], **details},
    )
    return standing.end(account, subscription)


def _create(account: Account, form: Record) -> Record:
    customer = living(account, form["customer"])
    prices = []
    for place, item in enumerate(form["items"]):
        price = account.get("price", item.get("price") or "", f"items[{place}][price]")
        if price["recurring"] is None:
            raise invalid(
                f"The price specified is set to `type=one_time`: {price['id']}",
                f"items[{place}][price]",
            )
        prices.append((price, item.get("quantity") or 1))
    if form.get("default_payment_method"):
        attach(account, customer, form["default_payment_method"])
    if not account.of("payment_method", customer["id"]) and not form.get("trial_period_days"):
        raise invalid(
            "This customer has no attached payment source or default payment method.",
            code="resource_missing",
        )
    subscription = open_subscription(
        account,
        customer,
        prices,
        metadata=forms.merged({}, form.get("metadata")),
        trial_days=form.get("trial_period_days") or 0,
        description=form.get("description"),
    )
    invoice = account.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        collection.attempt(account, invoice)
    return subscription


def _list(account: Account, form: Record) -> Record:
    status = form.pop("status", None)
    price = form.pop("price", None)
    customer = form.pop("customer", None)
    found = account.of("subscription", customer) if customer else account.all("subscription")
    return page(
        "/v1/subscriptions",
        (
            each
            for each in found
            if _is_asked_for(each, status)
            and (price is None or each["items"]["data"][0]["price"]["id"] == price)
        ),
        form,
    )


def _is_asked_for(subscription: Record, status: str | None) -> bool:
    """Without a status: whatever has not been canceled."""
    if status == "all":
        return True
    if status == "ended":
        return subscription["status"] in {"canceled", "incomplete_expired"}
    if status is None:
        return bool(subscription["status"] != "canceled")
    return bool(subscription["status"] == status)


def _delete_customer(account: Account, form: Record, id: str) -> Record:
    """Its subscriptions end at once; what was paid stays."""
    del form
    customer = living(account, id, "id")
    for subscription in account.of("subscription", id):
        if subscription["ended_at"] is None:
            standing.end(account, subscription)
    account.change(customer, deleted=True)
    account.emit("customer.deleted", customer, clock=customer["test_clock"])
    return {"id": id, "object": "customer", "deleted": True}


ROUTES = [
    Route("DELETE", "/v1/customers/:id", _delete_customer),
    Route(
        "POST",
        "/v1/subscriptions",
        _create,
        {
            "customer!": forms.text,
            "items!": [{"price!": forms.text, "quantity": forms.integer}],
            "default_payment_method": forms.text,
            "description": forms.text,
            "metadata": forms.metadata,
            "off_session": forms.boolean,
            "payment_behavior": forms.one_of("allow_incomplete"),
            "trial_period_days": forms.integer,
        },
    ),
    Route(
        "GET",
        "/v1/subscriptions",
        _list,
        {**PAGE, "customer": forms.text, "price": forms.text, "status": forms.text},
    ),
    Route("GET", "/v1/subscriptions/:id", getter("subscription")),
    Route(
        "DELETE",
        "/v1/subscriptions/:id",
        cancel,
        {
            "cancellation_details": {"comment": forms.text, "feedback": forms.text},
            "invoice_now": forms.boolean,
            "prorate": forms.boolean,
        },
    ),
]
