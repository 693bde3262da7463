"""Events as an endpoint that was made years ago still gets them: an older API version's shapes.

In 2025-03-31.basil periods moved from subscriptions to their items, and an invoice's links to its
subscription and its payment into `parent` and `payments`.  Here they are where they were before.
https://docs.stripe.com/changelog/basil
"""

from entrypoints.devnet.stripe import invoices
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.records import Record, copied

VERSION = "2024-06-20"


def as_before(account: Account, event: Record) -> Record:
    event = copied(event)
    event["api_version"] = VERSION
    record = event["data"]["object"]
    if record["object"] == "subscription":
        _subscription(record)
    elif record["object"] == "invoice":
        _invoice(account, record)
    elif record["object"] in {"charge", "payment_intent"}:
        intent = record["id"] if record["object"] == "payment_intent" else record["payment_intent"]
        payment = next(iter(account.of("invoice_payment", intent)), None)
        record["invoice"] = payment and payment["invoice"]
    return event


def _subscription(record: Record) -> None:
    items = record["items"]["data"]
    for name in ("current_period_end", "current_period_start"):
        record[name] = items[0][name]
        for item in items:
            del item[name]
    record["plan"] = items[0]["plan"]
    record["quantity"] = items[0]["quantity"]


def _invoice(account: Account, record: Record) -> None:
    record["subscription"] = invoices.subscription_of(record)
    del record["parent"]
    payment = invoices.payment_of(account, record)
    intent = payment and account.get("payment_intent", payment["payment"]["payment_intent"])
    record["payment_intent"] = intent and intent["id"]
    record["charge"] = intent and intent["latest_charge"]
    record["paid"] = record["status"] == "paid"
    for line in record["lines"]["data"]:
        parent = line.pop("parent")
        pricing = line.pop("pricing")
        details = parent[parent["type"]]
        line["proration"] = details["proration"]
        line["type"] = "subscription" if details["subscription"] else "invoiceitem"
        price = pricing.get("price_details", {}).get("price")
        line["price"] = price and copied(account.get("price", price))
