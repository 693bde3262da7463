"""What people and banks do: pay, decline, dispute.  And what tests do: let time pass.

Every function here is also a route: `POST /_control/<name>` with its arguments as JSON.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entrypoints.devnet.stripe import (
    checkout,
    clocks,
    collection,
    completion,
    plan_changes,
    reversals,
    standing,
)
from entrypoints.devnet.stripe.account import Account, Refusals
from entrypoints.devnet.stripe.api import Api
from entrypoints.devnet.stripe.deliverer import Deliverer, Receiver
from entrypoints.devnet.stripe.errors import invalid
from entrypoints.devnet.stripe.faults import KINDS, Plan
from entrypoints.devnet.stripe.outages import KINDS as OUTAGES
from entrypoints.devnet.stripe.payments import DECLINES
from entrypoints.devnet.stripe.records import Record, copied


class Control:
    """Answers with copies of the objects that changed.  Raises: RefusedError, as the API would."""

    def __init__(self, account: Account, api: Api, post: Callable[[str], Receiver]) -> None:
        """`post` makes a receiver out of an endpoint's URL."""
        self.account = account
        self.api = api
        self.endpoints: list[Deliverer] = []
        self._post = post

    # The customer

    def pay_checkout(self, session: str, *, later: bool = False) -> Record:
        """Pay what is asked for; `later` by a bank transfer, which `settle_checkout` ends."""
        record = self._get("checkout.session", session)
        with self.account.lock:
            completion.pay(self.account, record, later=later)
        return copied_record(record)

    def settle_checkout(self, session: str, *, succeeded: bool = True) -> Record:
        """The bank transfer has come, or has failed."""
        record = self._get("checkout.session", session)
        with self.account.lock:
            completion.finish(self.account, record, succeeded=succeeded)
        return copied_record(record)

    def expire_checkout(self, session: str) -> Record:
        record = self._get("checkout.session", session)
        with self.account.lock:
            return copied_record(checkout.expire(self.account, record))

    def decline_payments(
        self, customer: str, times: int | None = None, code: str = "card_declined"
    ) -> None:
        """The bank refuses this customer's next payments; all of them without a number."""
        if code not in DECLINES:
            raise invalid(f"no such code: {code}; there are {', '.join(DECLINES)}")
        self._get("customer", customer)
        with self.account.lock:
            self.account.refusals[customer] = Refusals(code, times)

    def accept_payments(self, customer: str) -> None:
        with self.account.lock:
            self.account.refusals.pop(customer, None)

    def pay_invoice(self, invoice: str) -> Record:
        """On the invoice's page, whatever the next attempt would be."""
        record = self._get("invoice", invoice)
        with self.account.lock:
            if record["status"] != "open":
                raise invalid(f"Invoice is {record['status']}")
            collection.attempt(self.account, record, by_hand=True)
        return copied_record(record)

    def change_price(
        self, subscription: str, price: str, proration_behavior: str = "always_invoice"
    ) -> Record:
        """In the billing portal."""
        record = self._get("subscription", subscription)
        items = [{"id": record["items"]["data"][0]["id"], "price": price}]
        form = {"items": items, "proration_behavior": proration_behavior}
        with self.account.lock:
            return copied_record(plan_changes.change(self.account, form, subscription))

    def cancel_subscription(self, subscription: str, *, at_period_end: bool = False) -> Record:
        record = self._get("subscription", subscription)
        with self.account.lock:
            if at_period_end:
                form = {"cancel_at_period_end": True}
                return copied_record(plan_changes.change(self.account, form, subscription))
            if record["ended_at"] is not None:
                raise invalid(f"Subscription {subscription} has ended")
            return copied_record(standing.end(self.account, record))

    def resume_subscription(self, subscription: str) -> Record:
        """Take back a cancellation at the period's end."""
        form = {"cancel_at_period_end": False}
        with self.account.lock:
            return copied_record(plan_changes.change(self.account, form, subscription))

    # The bank, and the account's owner in the dashboard

    def refund(self, payment_intent: str, amount: int | None = None) -> Record:
        charge = self._charge_of(payment_intent)
        with self.account.lock:
            return copied_record(reversals.refund(self.account, charge, amount))

    def fail_refund(self, refund: str) -> Record:
        record = self._get("refund", refund)
        with self.account.lock:
            return copied_record(reversals.fail_refund(self.account, record))

    def dispute(
        self, payment_intent: str, amount: int | None = None, reason: str = "fraudulent"
    ) -> Record:
        charge = self._charge_of(payment_intent)
        with self.account.lock:
            return copied_record(reversals.open_dispute(self.account, charge, amount, reason))

    def close_dispute(self, dispute: str, *, won: bool) -> Record:
        record = self._get("dispute", dispute)
        with self.account.lock:
            return copied_record(reversals.close_dispute(self.account, record, won=won))

    # Time

    def now(self) -> int:
        with self.account.lock:
            self.account.catch_up()
            return self.account.now

    def advance(self, seconds: int) -> int:
        """Let time pass, with deliveries as they fall due; tells what time it is then.

        With several endpoints each is served when the time is over.
        """
        if len(self.endpoints) == 1:
            self.endpoints[0].run(seconds)
        else:
            with self.account.lock:
                self.account.advance(seconds)
            self.deliver()
        return self.now()

    def advance_test_clock(self, clock: str, seconds: int) -> Record:
        record = self._get("test_helpers.test_clock", clock)
        with self.account.lock:
            moment = record["frozen_time"] + seconds
            return copied_record(clocks.advance(self.account, clock, moment))

    # Webhooks

    def add_endpoint(
        self,
        url: str,
        secrets: Sequence[str],
        types: Sequence[str] = ("*",),
        seed: int = 0,
        likelihood: float = 0,
        *,
        signs_by_wall_clock: bool = False,
    ) -> None:
        """Send events there from now on; `likelihood` is the chance that one meets a fault.

        `signs_by_wall_clock`: for an endpoint that goes on taking events when `advance` has let
        the account's time run ahead of the machine's.
        """
        self.add_receiver(
            self._post(url),
            secrets,
            types=types,
            plan=Plan(seed=seed, likelihood=likelihood),
            signing_clock=time.time if signs_by_wall_clock else None,
        )

    def add_receiver(
        self,
        receiver: Receiver,
        secrets: Sequence[str],
        *,
        types: Sequence[str] = ("*",),
        plan: Plan | None = None,
        signing_clock: Callable[[], float] | None = None,
    ) -> Deliverer:
        """Hand events to a function from now on: `receiver(body, headers) -> status`."""
        deliverer = Deliverer(
            self.account,
            receiver,
            secrets,
            plan=plan,
            types=types,
            signing_clock=signing_clock,
        )
        self.endpoints.append(deliverer)
        return deliverer

    def set_secrets(self, secrets: Sequence[str]) -> None:
        """Sign with these from now on; two of them during a rotation."""
        for endpoint in self.endpoints:
            endpoint.secrets = tuple(secrets)

    def script(self, type: str, kinds: Sequence[str], times: int = 1) -> None:  # noqa: A002
        """The next events of a type meet these faults, of `faults.KINDS`."""
        for endpoint in self.endpoints:
            endpoint.plan.script(type, *kinds, times=times)

    def deliver(self) -> int:
        """Send what is due now; tells how many attempts that were."""
        return sum(endpoint.deliver() for endpoint in self.endpoints)

    def finish(self) -> None:
        """Let time pass until everything has arrived or was given up."""
        for endpoint in self.endpoints:
            endpoint.finish()

    def counts(self) -> dict[str, int]:
        """How often each kind of fault has struck."""
        return {kind: sum(endpoint.counts[kind] for endpoint in self.endpoints) for kind in KINDS}

    # The API

    def break_requests(self, kind: str, times: int = 1, where: str = "") -> None:
        """The next requests meet an outage, of `outages.KINDS`; `where`: "POST /v1/refunds"."""
        if kind not in OUTAGES:
            raise invalid(f"no such outage: {kind}; there are {', '.join(OUTAGES)}")
        with self.account.lock:
            self.api.outages.plan(kind, times, where)

    # Looking

    def requests(self) -> list[dict[str, str]]:
        """What was asked with a valid key, oldest first: method, path and form."""
        with self.account.lock:
            asked = [*self.api.requests]
        return [{"method": each.method, "path": each.path, "form": each.form} for each in asked]

    def _get(self, kind: str, id: str) -> Record:
        with self.account.lock:
            return self.account.get(kind, id)

    def _charge_of(self, payment_intent: str) -> Record:
        intent = self._get("payment_intent", payment_intent)
        if intent["latest_charge"] is None:
            raise invalid(f"PaymentIntent {payment_intent} has no charge")
        return self._get("charge", intent["latest_charge"])

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Raises: RefusedError, also for a name or arguments that there are not."""
        if name not in NAMES:
            raise invalid(f"no such control: {name}; there are {', '.join(NAMES)}")
        try:
            return getattr(self, name)(**arguments)
        except TypeError as error:
            raise invalid(f"{name}: {error}") from error


def copied_record(record: Record) -> Record:
    copy: Record = copied(record)
    return copy


#: What can be asked for over HTTP.
NAMES = (
    "pay_checkout", "settle_checkout", "expire_checkout", "decline_payments", "accept_payments",
    "pay_invoice", "change_price", "cancel_subscription", "resume_subscription", "refund",
    "fail_refund", "dispute", "close_dispute", "now", "advance", "advance_test_clock",
    "add_endpoint", "set_secrets", "script", "deliver", "break_requests", "finish",
    "counts", "requests",
)  # fmt: skip
