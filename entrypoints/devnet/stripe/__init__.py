"""A Stripe of our own on the loopback interface, which the real SDK talks to.

    records ─ errors ─ forms ─ routing ─ listing         JSON, and what a request may say
    account                                              objects, events, time
    catalogue ─ customers ─ payments ─ reversals         products … disputes
    periods ─ invoice_lines ─ invoices ─ standing ─ collection ─ subscriptions ─ plan_changes
    checkout ─ completion ─ clocks ─ events ─ expansion
    outages ─ api                                        keys, idempotency, answers
    signatures ─ old_version ─ faults ─ deliverer        webhooks, as badly as they may come
    control ─ pages ─ server ─ running                   people, banks, tests; the port

Written from Stripe's documentation of the API version `account.API_VERSION`; it imports neither
the SDK nor anything of ours, and it knows nothing of credits or tariffs.  What it does not know
it refuses with 501 and the name of the route or parameter.
"""

from entrypoints.devnet.stripe.account import API_VERSION, START, Account, Dunning
from entrypoints.devnet.stripe.api import Answer, LineLostError, Request
from entrypoints.devnet.stripe.control import Control
from entrypoints.devnet.stripe.deliverer import Deliverer, Receiver
from entrypoints.devnet.stripe.errors import RefusedError
from entrypoints.devnet.stripe.faults import KINDS, Plan
from entrypoints.devnet.stripe.running import (
    LIVE_KEY,
    TEST_KEY,
    Loopback,
    RunningStripe,
    loopback,
    stripe_loopback,
)
from entrypoints.devnet.stripe.signatures import signed

__all__ = [
    "API_VERSION",
    "KINDS",
    "LIVE_KEY",
    "START",
    "TEST_KEY",
    "Account",
    "Answer",
    "Control",
    "Deliverer",
    "Dunning",
    "LineLostError",
    "Loopback",
    "Plan",
    "Receiver",
    "RefusedError",
    "Request",
    "RunningStripe",
    "loopback",
    "signed",
    "stripe_loopback",
]
