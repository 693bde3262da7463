"""Customers, the cards they pay with, and the pages where they look after themselves."""

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.errors import missing
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record, list_object, nulls
from entrypoints.devnet.stripe.routing import Route, getter

_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), forms.text)
_CUSTOMER = {
    "address": _ADDRESS,
    "description": forms.text,
    "email": forms.text,
    "metadata": forms.metadata,
    "name": forms.text,
    "phone": forms.text,
    "payment_method": forms.text,
    "invoice_settings": {"default_payment_method": forms.text, "footer": forms.text},
    "preferred_locales": [forms.text],
    "test_clock": forms.text,
}


def new_customer(account: Account, form: Record) -> Record:
    clock = form.get("test_clock")
    if clock is not None:
        account.get("test_helpers.test_clock", clock, "test_clock")
    settings = form.get("invoice_settings") or {}
    customer = account.create(
        {
            "id": account.ids.next("customer"),
            "object": "customer",
            **nulls("currency customer_account default_source discount shipping"),
            "address": form.get("address"),
            "balance": 0,
            "created": account.time_of(clock),
            "delinquent": False,
            "description": form.get("description"),
            "email": form.get("email"),
            "invoice_prefix": account.ids.letters(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": settings.get("default_payment_method"),
                "footer": settings.get("footer"),
                "rendering_options": None,
            },
            "livemode": account.livemode,
            "metadata": forms.merged({}, form.get("metadata")),
            "name": form.get("name"),
            "next_invoice_sequence": 1,
            "phone": form.get("phone"),
            "preferred_locales": form.get("preferred_locales") or [],
            "tax_exempt": "none",
            "test_clock": clock,
        }
    )
    account.emit("customer.created", customer, clock=clock)
    if form.get("payment_method"):
        attach(account, customer, form["payment_method"])
    return customer


def change_customer(account: Account, form: Record, id: str) -> Record:
    customer = living(account, id, "id")
    fields = {name: value for name, value in form.items() if name != "payment_method"}
    if "metadata" in fields:
        fields["metadata"] = forms.merged(customer["metadata"], fields["metadata"])
    if "invoice_settings" in fields:
        fields["invoice_settings"] = {
            **customer["invoice_settings"],
            **(fields["invoice_settings"] or {}),
        }
    account.update("customer.updated", customer, clock=customer["test_clock"], **fields)
    return customer


def get_customer(account: Account, form: Record, id: str) -> Record:
    del form
    customer = account.get("customer", id)
    if customer.get("deleted"):
        return {"id": id, "object": "customer", "deleted": True}
    return customer


def living(account: Account, id: str, param: str = "customer") -> Record:
    customer = account.get("customer", id, param)
    if customer.get("deleted"):
        raise missing("customer", id, param)
    return customer


def clock_of(account: Account, customer: str | None) -> str | None:
    """The test clock that decides what time it is for a customer; none is the account's own."""
    if customer is None:
        return None
    clock: str | None = account.get("customer", customer)["test_clock"]
    return clock


def new_card(account: Account, customer: Record | None, email: str | None = None) -> Record:
    """A Visa card that ends in 4242, of a customer or of somebody who is not one."""
    clock = customer["test_clock"] if customer else None
    card = account.create(
        {
            "id": account.ids.next("payment_method"),
            "object": "payment_method",
            "allow_redisplay": "limited",
            "billing_details": {**nulls("address name phone tax_id"), "email": email},
            "card": {
                "brand": "visa",
                "checks": nulls("address_line1_check address_postal_code_check cvc_check"),
                "country": "US",
                "display_brand": "visa",
                "exp_month": 12,
                "exp_year": 2099,
                "fingerprint": account.ids.letters(16),
                "funding": "credit",
                "generated_from": None,
                "last4": "4242",
                "networks": {"available": ["visa"], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": account.time_of(clock),
            "customer": customer and customer["id"],
            "customer_account": None,
            "livemode": account.livemode,
            "metadata": {},
            "type": "card",
        }
    )
    if customer is not None:
        account.file(card, customer["id"])
        account.emit("payment_method.attached", card, clock=clock)
    return card


def attach(account: Account, customer: Record, id: str) -> Record:
    """Stripe's `pm_card_visa` makes a new card; one that there is becomes this customer's."""
    if id == "pm_card_visa":
        return new_card(account, customer, customer["email"])
    card = account.get("payment_method", id, "payment_method")
    if card["customer"] is None:
        account.file(card, customer["id"])
    account.update(
        "payment_method.attached", card, clock=customer["test_clock"], customer=customer["id"]
    )
    return card


def _attach(account: Account, form: Record, id: str) -> Record:
    return attach(account, living(account, form["customer"]), id)


def _cards(account: Account, form: Record, id: str) -> Record:
    living(account, id, "customer")
    return page(
        f"/v1/customers/{id}/payment_methods",
        account.of("payment_method", id),
        form,
    )


def new_portal_session(account: Account, form: Record) -> Record:
    customer = living(account, form["customer"])
    id = account.ids.next("billing_portal.session")
    return account.create(
        {
            "id": id,
            "object": "billing_portal.session",
            **nulls("customer_account flow on_behalf_of"),
            "configuration": "bpc_default",
            "created": account.time_of(customer["test_clock"]),
            "customer": customer["id"],
            "livemode": account.livemode,
            "locale": form.get("locale"),
            "return_url": form.get("return_url"),
            "url": f"{account.pages_url}/p/session/{id}",
        }
    )


def _list_customers(account: Account, form: Record) -> Record:
    living_ones = (each for each in account.all("customer") if not each.get("deleted"))
    return page("/v1/customers", living_ones, form)


def subscriptions_of(account: Account, customer: Record) -> Record:
    """What `expand[]=subscriptions` shows: those that have not ended, newest first."""
    found = [
        each for each in account.of("subscription", customer["id"]) if each["ended_at"] is None
    ]
    return list_object(f"/v1/customers/{customer['id']}/subscriptions", reversed(found))


ROUTES = [
    Route("POST", "/v1/customers", new_customer, _CUSTOMER),
    Route(
        "GET",
        "/v1/customers",
        _list_customers,
        {**PAGE, "email": forms.text, "test_clock": forms.text},
    ),
    Route("GET", "/v1/customers/:id", get_customer),
    Route(
        "POST",
        "/v1/customers/:id",
        change_customer,
        {name: reader for name, reader in _CUSTOMER.items() if name != "test_clock"},
    ),
    Route("GET", "/v1/customers/:id/payment_methods", _cards, {**PAGE, "type": forms.text}),
    Route("GET", "/v1/payment_methods/:id", getter("payment_method")),
    Route("POST", "/v1/payment_methods/:id/attach", _attach, {"customer!": forms.text}),
    Route(
        "POST",
        "/v1/billing_portal/sessions",
        new_portal_session,
        {"customer!": forms.text, "return_url": forms.text, "locale": forms.text},
    ),
]
