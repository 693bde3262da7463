"""Whatever people, banks and time do: money is conserved, and every change is told of."""

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from entrypoints.devnet.stripe import Dunning, RefusedError, Request, loopback
from tests.devnet.stripe.in_process import client_of
from tests.devnet.stripe.shapes import complaints
from tests.devnet.stripe.shop import Shop
from tests.strategies import examples

DAY = 86_400
#: Kinds of which Stripe tells every change of what is in the object.
TOLD = [
    "charge", "dispute", "invoice", "payment_intent", "price", "product", "refund", "subscription",
]  # fmt: skip
#: Where a subscription may go, by what Stripe says of its states.
WAYS = {
    None: {"incomplete"},
    "incomplete": {"active", "trialing", "incomplete_expired", "canceled"},
    "trialing": {"active", "past_due", "canceled"},
    "active": {"past_due", "canceled", "unpaid"},
    "past_due": {"active", "canceled", "unpaid", "trialing"},
    "unpaid": {"active", "canceled"},
    "incomplete_expired": set(),
    "canceled": set(),
}


class Histories(RuleBasedStateMachine):
    sessions = Bundle("sessions")

    @initialize(final=st.sampled_from(["canceled", "unpaid", "past_due"]), livemode=st.booleans())
    def open_a_shop(self, final, livemode):
        dunning = Dunning(retries_after=(DAY, 2 * DAY), final=final)
        self.world = loopback(seed=1, livemode=livemode, dunning=dunning)
        self.account, self.control = self.world.account, self.world.control
        self.told = []
        self.account.listeners.append(self)
        self.shop = Shop(client_of(self.world), self.world)

    def wants(self, name):
        return True

    def offer(self, event):
        self.told.append(event)

    def tried(self, call, *arguments, **named):
        """A refusal is an answer too: it must change nothing."""
        before = (len(self.told), {kind: [*self.account.all(kind)] for kind in TOLD})
        try:
            return call(*arguments, **named)
        except RefusedError:
            assert (len(self.told), {kind: [*self.account.all(kind)] for kind in TOLD}) == before
            return None

    @rule(
        target=sessions,
        price=st.sampled_from(["pack", "starter", "professional"]),
        trial=st.sampled_from([0, 0, 0, 3]),
    )
    def checkout(self, price, trial):
        more = {"subscription_data": {"trial_period_days": trial}} if trial else {}
        wanted = getattr(self.shop, price)
        return self.shop.checkout(wanted, **(more if wanted.recurring else {})).id

    @rule(session=sessions, later=st.booleans())
    def pay(self, session, later):
        self.tried(self.control.pay_checkout, session, later=later)

    @rule(session=sessions, succeeded=st.booleans())
    def settle(self, session, succeeded):
        self.tried(self.control.settle_checkout, session, succeeded=succeeded)

    @rule(session=sessions)
    def expire(self, session):
        self.tried(self.control.expire_checkout, session)

    @rule(times=st.sampled_from([1, 2, 5, None]))
    def decline(self, times):
        self.control.decline_payments(self.shop.customer.id, times)

    @rule()
    def accept(self):
        self.control.accept_payments(self.shop.customer.id)

    @rule(seconds=st.sampled_from([60, 3_600, DAY, 3 * DAY, 12 * DAY, 31 * DAY]))
    def time_passes(self, seconds):
        self.control.advance(seconds)

    @rule(data=st.data(), amount=st.sampled_from([None, 1, 1_000, 2_900]))
    def refund(self, data, amount):
        if (intent := self.one_of(data, "payment_intent")) is not None:
            self.tried(self.control.refund, intent, amount)

    @rule(data=st.data())
    def fail_a_refund(self, data):
        if (refund := self.one_of(data, "refund")) is not None:
            self.tried(self.control.fail_refund, refund)

    @rule(data=st.data(), amount=st.sampled_from([None, 500]))
    def dispute(self, data, amount):
        if (intent := self.one_of(data, "payment_intent")) is not None:
            self.tried(self.control.dispute, intent, amount)

    @rule(data=st.data(), won=st.booleans())
    def close_a_dispute(self, data, won):
        if (dispute := self.one_of(data, "dispute")) is not None:
            self.tried(self.control.close_dispute, dispute, won=won)

    @rule(
        data=st.data(),
        price=st.sampled_from(["starter", "professional"]),
        behaviour=st.sampled_from(["always_invoice", "create_prorations", "none"]),
    )
    def change_plan(self, data, price, behaviour):
        if (subscription := self.one_of(data, "subscription")) is not None:
            wanted = getattr(self.shop, price).id
            self.tried(self.control.change_price, subscription, wanted, behaviour)

    @rule(data=st.data(), at_period_end=st.booleans())
    def cancel(self, data, at_period_end):
        if (subscription := self.one_of(data, "subscription")) is not None:
            self.tried(self.control.cancel_subscription, subscription, at_period_end=at_period_end)

    @rule(data=st.data())
    def pay_by_hand(self, data):
        if (invoice := self.one_of(data, "invoice")) is not None:
            self.tried(self.control.pay_invoice, invoice)

    @rule(amount=st.integers(1, 500))
    def add_a_fee(self, amount):
        form = {"customer": self.shop.customer.id, "amount": amount, "currency": "usd"}
        self.shop.api.invoice_items.create(form)

    @rule(data=st.data())
    def ask_again(self, data):
        """A request that was sent before, with its key: the same answer, and nothing else."""
        sent = [each for each in self.world.api.requests if each.method == "POST"]
        request = data.draw(st.sampled_from(sent))
        keyed = Request(
            method=request.method,
            path=request.path,
            form=request.form,
            headers={**request.headers, "Idempotency-Key": "again"},
        )
        first = self.world.answer(keyed)
        before = len(self.told)
        again = self.world.answer(keyed)
        if first.status == 200 or "Idempotent-Replayed" in again.headers:
            assert (again.status, again.body) == (first.status, first.body)
        assert len(self.told) == before

    def one_of(self, data, kind):
        ids = [record["id"] for record in self.account.all(kind)]
        return data.draw(st.sampled_from(ids)) if ids else None

    @invariant()
    def every_change_is_told_of(self):
        latest = {event["data"]["object"].get("id"): event for event in self.told}
        for kind in TOLD:
            for record in self.account.all(kind):
                if record["id"] in latest:
                    assert latest[record["id"]]["data"]["object"] == record
                else:
                    # Made before anybody listened.
                    assert record["livemode"] is self.account.livemode
        for session in self.account.all("checkout.session"):
            told = latest.get(session["id"])
            assert (told is None) == (session["status"] == "open")
            assert told is None or told["data"]["object"] == session

    @invariant()
    def events_are_in_order_and_told_once(self):
        moments = [event["created"] for event in self.told]
        assert moments == sorted(moments)
        assert len({event["id"] for event in self.told}) == len(self.told)
        listed = [event["id"] for event in self.account.events]
        told = [event["id"] for event in self.told if event["id"] in listed]
        assert told == [id for id in listed if id in told]
        since = self.account.now - 30 * DAY
        assert len(told) == sum(event["created"] >= since for event in self.told)

    @invariant()
    def money_is_conserved(self):
        moved = sum(each["amount"] for each in self.account.all("balance_transaction"))
        taken = 0
        for charge in self.account.all("charge"):
            refunds = [
                each["amount"]
                for each in self.account.of("refund", charge["id"])
                if each["status"] == "succeeded"
            ]
            disputed = [
                each["amount"]
                for each in self.account.all("dispute")
                if each["charge"] == charge["id"] and each["status"] != "won"
            ]
            assert sum(refunds) == charge["amount_refunded"]
            assert sum(refunds) + sum(disputed) <= charge["amount"]
            assert charge["refunded"] == (charge["amount_refunded"] == charge["amount"])
            if charge["status"] == "succeeded":
                taken += charge["amount"] - sum(refunds) - sum(disputed)
            else:
                assert (charge["paid"], charge["amount_captured"]) == (False, 0)
        assert moved == taken

    @invariant()
    def a_payment_is_taken_once(self):
        for intent in self.account.all("payment_intent"):
            charges = [
                each
                for each in self.account.all("charge")
                if each["payment_intent"] == intent["id"]
            ]
            succeeded = [each for each in charges if each["status"] == "succeeded"]
            assert len(succeeded) == (intent["status"] == "succeeded")
            assert intent["amount_received"] == sum(each["amount"] for each in succeeded)

    @invariant()
    def an_invoice_is_paid_by_its_payment(self):
        for invoice in self.account.all("invoice"):
            assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
            payments = self.account.of("invoice_payment", invoice["id"])
            paid = sum(each["amount_paid"] or 0 for each in payments)
            assert invoice["amount_paid"] == paid
            if invoice["status"] == "paid":
                assert paid == invoice["amount_due"]
                assert invoice["amount_remaining"] == 0

    @invariant()
    def a_subscription_goes_where_it_may(self):
        states = {}
        for event in self.told:
            record = event["data"]["object"]
            if record["object"] == "subscription":
                states.setdefault(record["id"], [None]).append(record["status"])
        for path in states.values():
            for before, after in itertools.pairwise(path):
                assert before == after or after in WAYS[before], path

    @invariant()
    def periods_join(self):
        for subscription in self.account.all("subscription"):
            periods = [
                (line["period"]["start"], line["period"]["end"])
                for invoice in self.account.of("invoice", subscription["id"])
                for line in invoice["lines"]["data"]
                if line["parent"]["type"] == "subscription_item_details"
                and not line["parent"]["subscription_item_details"]["proration"]
            ]
            for before, after in itertools.pairwise(periods):
                assert before[1] == after[0]
            if subscription["ended_at"] is None:
                assert periods[-1][0] <= self.account.now < periods[-1][1]

    def teardown(self):
        if hasattr(self, "told"):
            found = {each for event in self.told for each in complaints(event)}
            assert not found, found


Histories.TestCase.settings = settings(
    max_examples=examples(60),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestHistories = Histories.TestCase
