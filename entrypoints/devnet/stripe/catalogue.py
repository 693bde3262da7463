"""Products and prices.  A lookup key names one active price, and can be taken over by another."""

from decimal import Decimal

from entrypoints.devnet.stripe import forms
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.errors import RefusedError, invalid
from entrypoints.devnet.stripe.listing import PAGE, page
from entrypoints.devnet.stripe.records import Record, nulls
from entrypoints.devnet.stripe.routing import Route, getter

_RECURRING = {
    "interval!": forms.one_of("day", "week", "month", "year"),
    "interval_count": forms.integer,
    "usage_type": forms.one_of("licensed"),
}
_NEW_PRODUCT = {
    "id": forms.text,
    "name!": forms.text,
    "active": forms.boolean,
    "description": forms.text,
    "metadata": forms.metadata,
    "tax_code": forms.text,
    "unit_label": forms.text,
    "url": forms.text,
}
PRODUCT_DATA = {
    "name!": forms.text,
    "description": forms.text,
    "metadata": forms.metadata,
    "tax_code": forms.text,
}
_NEW_PRICE = {
    "currency!": forms.text,
    "unit_amount": forms.integer,
    "product": forms.text,
    "product_data": {**PRODUCT_DATA, "id": forms.text, "active": forms.boolean},
    "recurring": _RECURRING,
    "active": forms.boolean,
    "lookup_key": forms.text,
    "transfer_lookup_key": forms.boolean,
    "metadata": forms.metadata,
    "nickname": forms.text,
    "tax_behavior": forms.one_of("exclusive", "inclusive", "unspecified"),
}
PRICE_DATA = {
    "currency!": forms.text,
    "unit_amount!": forms.integer,
    "product": forms.text,
    "product_data": PRODUCT_DATA,
    "recurring": _RECURRING,
    "tax_behavior": forms.one_of("exclusive", "inclusive", "unspecified"),
}


def new_product(account: Account, form: Record) -> Record:
    id = form.get("id") or account.ids.next("product")
    if account.find("product", id):
        raise invalid(f"Product already exists: {id}", "id", "resource_already_exists")
    product = account.create(
        {
            "id": id,
            "object": "product",
            **nulls("default_price package_dimensions shippable statement_descriptor"),
            "active": form.get("active", True),
            "created": account.now,
            "description": form.get("description"),
            "images": [],
            "livemode": account.livemode,
            "marketing_features": [],
            "metadata": forms.merged({}, form.get("metadata")),
            "name": form["name"],
            "tax_code": form.get("tax_code"),
            "type": "service",
            "unit_label": form.get("unit_label"),
            "updated": account.now,
            "url": form.get("url"),
        }
    )
    account.emit("product.created", product)
    return product


def change_product(account: Account, form: Record, id: str) -> Record:
    product = account.get("product", id)
    if "metadata" in form:
        form = {**form, "metadata": forms.merged(product["metadata"], form["metadata"])}
    if form.get("default_price"):
        account.get("price", form["default_price"], "default_price")
    if any(product[name] != value for name, value in form.items()):
        account.update("product.updated", product, **form, updated=account.now)
    return product


def new_price(account: Account, form: Record) -> Record:
    if form.get("product"):
        product = account.get("product", form["product"], "product")
    elif form.get("product_data"):
        product = new_product(account, form["product_data"])
    else:
        raise invalid("You must specify either `product` or `product_data`.", "product")
    amount = form.get("unit_amount")
    if amount is None:
        raise invalid("Missing required param: unit_amount.", "unit_amount", "parameter_missing")
    if amount < 0:
        raise invalid("Invalid non-negative integer", "unit_amount", "parameter_invalid_integer")
    recurring = form.get("recurring")
    price = account.create(
        {
            "id": account.ids.next("price"),
            "object": "price",
            **nulls("custom_unit_amount tiers_mode transform_quantity"),
            "active": form.get("active", True),
            "billing_scheme": "per_unit",
            "created": account.now,
            "currency": form["currency"].lower(),
            "livemode": account.livemode,
            "lookup_key": None,
            "metadata": forms.merged({}, form.get("metadata")),
            "nickname": form.get("nickname"),
            "product": product["id"],
            "recurring": recurring
            and {
                "interval": recurring["interval"],
                "interval_count": recurring.get("interval_count") or 1,
                "meter": None,
                "usage_type": "licensed",
            },
            "tax_behavior": form.get("tax_behavior") or "unspecified",
            "type": "recurring" if recurring else "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(Decimal(amount)),
        }
    )
    try:
        previous = _named(account, price, form)
    except RefusedError:
        account.remove(price)
        raise
    account.emit("price.created", price)
    _tell_who_lost_it(account, previous)
    return price


def change_price(account: Account, form: Record, id: str) -> Record:
    price = account.get("price", id)
    lost = _named(account, price, form, is_new=False)
    form = {name: value for name, value in form.items() if name != "transfer_lookup_key"}
    if "metadata" in form:
        form["metadata"] = forms.merged(price["metadata"], form["metadata"])
    account.update("price.updated", price, **form)
    _tell_who_lost_it(account, lost)
    return price


def _named(
    account: Account, price: Record, form: Record, *, is_new: bool = True
) -> tuple[Record, Record] | None:
    """Give the price its lookup key; tells which other one loses it, and what that one had."""
    key = form.get("lookup_key")
    if key is None:
        return None
    holder = next(
        (each for each in account.all("price") if each["lookup_key"] == key and each != price),
        None,
    )
    lost = None
    if holder is not None:
        if not form.get("transfer_lookup_key"):
            raise invalid(
                f"A price (`{holder['id']}`) already uses that lookup key.",
                "lookup_key",
                "resource_already_exists",
            )
        lost = (holder, account.change(holder, lookup_key=None))
    if is_new:
        price["lookup_key"] = key
    return lost


def _tell_who_lost_it(account: Account, lost: tuple[Record, Record] | None) -> None:
    if lost is not None:
        account.emit("price.updated", *lost)


def list_prices(account: Account, form: Record) -> Record:
    keys = form.pop("lookup_keys", None)
    if keys is not None and len(keys) > 10:
        raise invalid("Invalid array: there are at most 10 lookup keys", "lookup_keys")
    interval = (form.pop("recurring", None) or {}).get("interval")
    return page(
        "/v1/prices",
        (
            price
            for price in account.all("price")
            if (keys is None or price["lookup_key"] in keys)
            and (interval is None or (price["recurring"] or {}).get("interval") == interval)
        ),
        form,
    )


def list_products(account: Account, form: Record) -> Record:
    ids = form.pop("ids", None)
    return page(
        "/v1/products",
        (each for each in account.all("product") if ids is None or each["id"] in ids),
        form,
    )


def plan_of(price: Record) -> Record:
    """The price in the older words that subscription items still carry."""
    return {
        "id": price["id"],
        "object": "plan",
        **nulls("meter tiers_mode transform_usage trial_period_days"),
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": dict(price["metadata"]),
        "nickname": price["nickname"],
        "product": price["product"],
        "usage_type": "licensed",
    }


ROUTES = [
    Route("POST", "/v1/products", new_product, _NEW_PRODUCT),
    Route(
        "GET",
        "/v1/products",
        list_products,
        {**PAGE, "active": forms.boolean, "ids": [forms.text], "url": forms.text},
    ),
    Route("GET", "/v1/products/:id", getter("product")),
    Route(
        "POST",
        "/v1/products/:id",
        change_product,
        {
            **{name.rstrip("!"): reader for name, reader in _NEW_PRODUCT.items() if name != "id"},
            "default_price": forms.text,
        },
    ),
    Route("POST", "/v1/prices", new_price, _NEW_PRICE),
    Route(
        "GET",
        "/v1/prices",
        list_prices,
        {
            **PAGE,
            "active": forms.boolean,
            "currency": forms.text,
            "lookup_keys": [forms.text],
            "product": forms.text,
            "recurring": {"interval": forms.text},
            "type": forms.one_of("one_time", "recurring"),
        },
    ),
    Route("GET", "/v1/prices/:id", getter("price")),
    Route(
        "POST",
        "/v1/prices/:id",
        change_price,
        {
            name: _NEW_PRICE[name]
            for name in (
                "active", "lookup_key", "transfer_lookup_key", "metadata", "nickname",
                "tax_behavior",
            )
        },
    ),
]  # fmt: skip
