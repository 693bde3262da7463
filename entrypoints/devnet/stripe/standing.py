"""Where a subscription stands, by what became of its invoices; and how it ends.

    incomplete ─ first invoice paid ─▶ active | trialing ─ a cycle's invoice fails ─▶ past_due
        │ 23 hours                        ▲                                             │
        ▼                                 └──────── the latest invoice is paid ─────────┤
    incomplete_expired                                          the last try fails      ▼
                                                               canceled | unpaid | past_due

https://docs.stripe.com/billing/subscriptions/overview
"""

from entrypoints.devnet.stripe import invoices
from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.records import Record


def of(account: Account, invoice: Record) -> Record | None:
    """The subscription of which this is the latest invoice."""
    id = invoices.subscription_of(invoice)
    subscription = account.get("subscription", id) if id is not None else None
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return None
    return subscription


def is_dunned(account: Account, invoice: Record) -> bool:
    """A first invoice is not tried again by itself: its subscription waits, and expires."""
    subscription = of(account, invoice)
    return subscription is None or subscription["status"] != "incomplete"


def paid(account: Account, invoice: Record) -> None:
    clock = invoice["test_clock"]
    customer = account.get("customer", invoice["customer"])
    account.update("customer.updated", customer, clock=clock, delinquent=False)
    subscription = of(account, invoice)
    if subscription is None or subscription["status"] not in {"incomplete", "past_due", "unpaid"}:
        return
    trial_end = subscription["trial_end"]
    is_trial = trial_end is not None and trial_end > account.time_of(clock)
    account.update(
        "customer.subscription.updated",
        subscription,
        clock=clock,
        status="trialing" if is_trial else "active",
    )


def failed(account: Account, invoice: Record) -> None:
    clock = invoice["test_clock"]
    subscription = of(account, invoice)
    if subscription is None or subscription["ended_at"] or subscription["status"] == "incomplete":
        return
    customer = account.get("customer", invoice["customer"])
    account.update("customer.updated", customer, clock=clock, delinquent=True)
    final = account.dunning.final
    if invoice["next_payment_attempt"] is not None or final == "past_due":
        status = "past_due"
    elif final == "canceled":
        end(account, subscription, reason="payment_failed")
        return
    else:
        status = final
    account.update("customer.subscription.updated", subscription, clock=clock, status=status)


def end(
    account: Account, subscription: Record, *, reason: str = "cancellation_requested"
) -> Record:
    """It is over now.  Nothing is given back, and nothing more is collected by itself."""
    clock = subscription["test_clock"]
    now = account.time_of(clock)
    account.change(
        subscription,
        status="canceled",
        ended_at=now,
        canceled_at=subscription["canceled_at"] or now,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
    )
    invoices.stop(account, subscription["id"])
    account.emit("customer.subscription.deleted", subscription, clock=clock)
    return subscription


def expire_when_due(account: Account, id: str) -> None:
    """The first invoice was never paid."""
    subscription = account.get("subscription", id)
    if subscription["status"] != "incomplete":
        return
    invoice = account.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        invoices.void(account, invoice)
    clock = subscription["test_clock"]
    account.update(
        "customer.subscription.updated",
        subscription,
        clock=clock,
        status="incomplete_expired",
        ended_at=account.time_of(clock),
    )
