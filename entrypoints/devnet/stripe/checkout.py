"""Checkout sessions: opened by a request, then completed or left by the customer.

    open ─ pay ─▶ complete, paid                 a card
        ─ pay later ─▶ complete, unpaid          a bank transfer: it succeeds or fails days later
        ─ decline ─▶ open                        the customer may try again
        ─ expire ─▶ expired

https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from typing import Any

from entrypoints.devnet.stripe import catalogue, forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.customers import clock_of, living
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record, copied, list_object, nulls
from entrypoints.devnet.stripe.routing import Route, getter

_EXPIRES_AFTER = 86_400


def _create(account: Account, form: Record) -> Record:
    mode = form["mode"]
    customer = living(account, form["customer"]) if form.get("customer") else None
    if customer is not None and form.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    if not form.get("success_url"):
        raise invalid("Missing required param: success_url.", "success_url", "parameter_missing")
    lines = [_line(account, each, place) for place, each in enumerate(form["line_items"])]
    _must_suit(mode, [line["price"] for line in lines])
    clock = customer["test_clock"] if customer else None
    now = account.time_of(clock)
    expires_at = form.get("expires_at") or now + _EXPIRES_AFTER
    if not now + 1_800 <= expires_at <= now + _EXPIRES_AFTER:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from "
            "Checkout Session creation.",
            "expires_at",
        )
    id = account.ids.next("checkout.session")
    total = sum(line["amount_total"] for line in lines)
    session = account.create(
        {
            "id": id,
            "object": "checkout.session",
            **nulls("adaptive_pricing after_expiration client_secret collected_information"),
            **nulls("consent consent_collection currency_conversion customer_account"),
            **nulls("customer_details discounts integration_identifier invoice"),
            **nulls("managed_payments origin_context payment_intent payment_link"),
            **nulls("payment_method_configuration_details permissions recovered_from"),
            **nulls("setup_intent shipping_address_collection shipping_cost"),
            **nulls("subscription wallet_options"),
            "allow_promotion_codes": form.get("allow_promotion_codes"),
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {**nulls("liability provider status"), "enabled": False},
            "billing_address_collection": form.get("billing_address_collection"),
            "cancel_url": form.get("cancel_url"),
            "client_reference_id": form.get("client_reference_id"),
            "created": now,
            "currency": lines[0]["currency"],
            "custom_fields": [],
            "custom_text": nulls(
                "after_submit shipping_address submit terms_of_service_acceptance"
            ),
            "customer": form.get("customer"),
            "customer_creation": form.get("customer_creation")
            or (None if mode == "subscription" or customer else "if_required"),
            "customer_email": form.get("customer_email"),
            "expires_at": expires_at,
            "invoice_creation": {
                "enabled": False,
                "invoice_data": {
                    **nulls("account_tax_ids custom_fields description footer issuer"),
                    "metadata": {},
                    "rendering_options": None,
                },
            }
            if mode == "payment"
            else None,
            "livemode": account.livemode,
            "locale": form.get("locale"),
            "metadata": forms.merged({}, form.get("metadata")),
            "mode": mode,
            "payment_method_collection": "always" if mode == "subscription" else "if_required",
            "payment_method_options": {},
            "payment_method_types": form.get("payment_method_types") or ["card"],
            "payment_status": "unpaid",
            "phone_number_collection": {"enabled": False},
            "saved_payment_method_options": None,
            "shipping_options": [],
            "status": "open",
            "submit_type": form.get("submit_type"),
            "success_url": form.get("success_url"),
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": f"{account.pages_url}/c/pay/{id}",
        }
    )
    for line in lines:
        account.create(line)
        account.file(line, id)
    account.plans[id] = {
        "payment_intent": form.get("payment_intent_data") or {},
        "subscription": form.get("subscription_data") or {},
    }
    account.after(clock, expires_at, _expire_when_due, id)
    return session


def _line(account: Account, form: Record, place: int) -> Record:
    where = f"line_items[{place}]"
    if form.get("price"):
        price = account.get("price", form["price"], f"{where}[price]")
        if not price["active"]:
            raise invalid(
                f"The price specified is inactive. This field only accepts active prices: "
                f"{price['id']}",
                f"{where}[price]",
            )
    elif form.get("price_data"):
        price = catalogue.new_price(account, form["price_data"])
    else:
        raise invalid("You must provide one of `price` or `price_data`", where)
    quantity = form.get("quantity")
    if quantity is None or quantity < 1:
        raise invalid("Quantity is required. Add `quantity` to the line item.", where)
    amount = price["unit_amount"] * quantity
    product = account.get("product", price["product"])
    return {
        "id": account.ids.next("item"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": {},
        "price": copied(price),
        "quantity": quantity,
    }


def _must_suit(mode: str, prices: list[Record]) -> None:
    recurring = [price for price in prices if price["recurring"]]
    if mode == "payment" and recurring:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use only one-time prices.",
            "mode",
        )
    if mode == "subscription" and len(recurring) < len(prices):
        raise invalid(
            "You must provide at least one recurring price in `subscription` mode when using "
            "prices; one-time prices beside it are not built here.",
            "mode",
        )
    if len({price["currency"] for price in prices}) > 1:
        raise invalid("All line items must have the same currency", "line_items")


def expire(account: Account, session: Record) -> Record:
    must_be_open(session)
    account.change(session, status="expired", url=None)
    clock = clock_of(account, session["customer"])
    account.emit("checkout.session.expired", session, clock=clock)
    return session


def must_be_open(session: Record) -> None:
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired or paid. '
            f"This Checkout Session has a status of {session['status']}."
        )


def _expire_when_due(account: Account, id: str) -> None:
    session = account.get("checkout.session", id)
    if session["status"] == "open":
        expire(account, session)


def lines_of(account: Account, session: Record) -> Record:
    """What `expand[]=line_items` shows."""
    id = session["id"]
    return list_object(f"/v1/checkout/sessions/{id}/line_items", account.of("item", id))


def _lines(account: Account, form: Record, id: str) -> Record:
    account.get("checkout.session", id)
    lines = [*reversed(account.of("item", id))]
    return page(f"/v1/checkout/sessions/{id}/line_items", lines, form)


def _expire(account: Account, form: Record, id: str) -> Record:
    del form
    return expire(account, account.get("checkout.session", id))


def _change(account: Account, form: Record, id: str) -> Record:
    session = account.get("checkout.session", id)
    account.change(session, metadata=forms.merged(session["metadata"], form.get("metadata")))
    return session


def _list(account: Account, form: Record) -> Record:
    details: dict[str, Any] = form.pop("customer_details", None) or {}
    return page(
        "/v1/checkout/sessions",
        (
            each
            for each in account.all("checkout.session")
            if not details or (each["customer_details"] or {}).get("email") == details["email"]
        ),
        form,
    )


ROUTES = [
    Route(
        "POST",
        "/v1/checkout/sessions",
        _create,
        {
            "mode!": forms.one_of("payment", "subscription"),
            "line_items!": [
                {
                    "price": forms.text,
                    "price_data": catalogue.PRICE_DATA,
                    "quantity": forms.integer,
                }
            ],
            "allow_promotion_codes": forms.boolean,
            "billing_address_collection": forms.one_of("auto", "required"),
            "cancel_url": forms.text,
            "client_reference_id": forms.text,
            "customer": forms.text,
            "customer_creation": forms.one_of("always", "if_required"),
            "customer_email": forms.text,
            "expires_at": forms.integer,
            "locale": forms.text,
            "metadata": forms.metadata,
            "payment_intent_data": {"description": forms.text, "metadata": forms.metadata},
            "payment_method_types": [forms.text],
            "submit_type": forms.text,
            "subscription_data": {
                "description": forms.text,
                "metadata": forms.metadata,
                "trial_period_days": forms.integer,
            },
            "success_url": forms.text,
            "ui_mode": forms.one_of("hosted_page"),
        },
    ),
    Route(
        "GET",
        "/v1/checkout/sessions",
        _list,
        {
            **PAGE,
            "customer": forms.text,
            "customer_details": {"email!": forms.text},
            "payment_intent": forms.text,
            "status": forms.one_of("complete", "expired", "open"),
            "subscription": forms.text,
        },
    ),
    Route("GET", "/v1/checkout/sessions/:id", getter("checkout.session")),
    Route("POST", "/v1/checkout/sessions/:id", _change, {"metadata": forms.metadata}),
    Route("POST", "/v1/checkout/sessions/:id/expire", _expire),
    Route("GET", "/v1/checkout/sessions/:id/line_items", _lines, PAGE),
]
