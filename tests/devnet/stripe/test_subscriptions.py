"""Subscriptions through the months: cycles, failures, recoveries, changes, ends."""

import datetime as dt

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.devnet.stripe import TEST_KEY, Dunning, RefusedError, stripe_loopback
from entrypoints.devnet.stripe.periods import period_end
from tests.devnet.stripe.in_process import client_of
from tests.devnet.stripe.shop import Shop, refusal

DAY = 86_400


def now_of(shop, subscription):
    id = subscription if isinstance(subscription, str) else subscription.id
    return shop.api.subscriptions.retrieve(id, {"expand": ["latest_invoice"]})


def period_of(subscription):
    item = subscription["items"].data[0]
    return item.current_period_start, item.current_period_end


def moment(year, month, day):
    return int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp())


def test_a_month_is_paid_for_when_it_begins(shop):
    subscription = shop.subscribe()
    start, end = period_of(subscription)
    assert (start, end) == (moment(2026, 1, 1), moment(2026, 2, 1))
    shop.control.advance(end - shop.account.now)
    drafted = now_of(shop, subscription)
    assert period_of(drafted) == (end, moment(2026, 3, 1))
    assert drafted.latest_invoice.status == "draft"
    before = len(shop.account.events)
    shop.control.advance(3_600)
    paid = now_of(shop, subscription).latest_invoice
    assert (paid.status, paid.billing_reason) == ("paid", "subscription_cycle")
    line = paid.lines.data[0]
    assert (line.amount, line.period.start, line.period.end) == (
        9_900, end, moment(2026, 3, 1),
    )  # fmt: skip
    assert line.pricing.price_details.price == shop.starter.id
    assert shop.told(after=before) == [
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_a_year_has_twelve_payments(shop):
    subscription = shop.subscribe()
    shop.control.advance(moment(2027, 1, 1) - shop.account.now + 3_600)
    listed = shop.api.invoices.list({"subscription": subscription.id, "limit": 100}).data
    assert [each.status for each in listed] == ["paid"] * 13
    assert len({each.number for each in listed}) == 13


def test_a_failed_payment_is_tried_again_on_the_third_eighth_and_fifteenth_day(shop):
    subscription = shop.subscribe()
    shop.control.decline_payments(shop.customer.id)
    shop.control.advance(31 * DAY + 3_600)
    first_failure = shop.account.now
    failing = now_of(shop, subscription)
    assert failing.status == "past_due"
    assert shop.api.customers.retrieve(shop.customer.id).delinquent is True
    attempts = []
    while failing.latest_invoice.next_payment_attempt is not None:
        due = failing.latest_invoice.next_payment_attempt
        attempts.append((due - first_failure) // DAY)
        assert failing.status == "past_due"
        shop.control.advance(due - shop.account.now)
        failing = now_of(shop, subscription)
    assert attempts == [3, 8, 15]
    assert failing.latest_invoice.attempt_count == 4
    assert (failing.status, failing.cancellation_details.reason) == ("canceled", "payment_failed")
    assert shop.told()[-1] == "customer.subscription.deleted"
    shop.control.advance(60 * DAY)
    assert len(shop.api.invoices.list({"subscription": subscription.id}).data) == 2


@pytest.mark.parametrize("final", ["unpaid", "past_due"])
def test_what_follows_the_last_attempt_is_a_setting(final):
    with stripe_loopback(seed=1, dunning=Dunning(retries_after=(DAY,), final=final)) as running:
        client = stripe.StripeClient(TEST_KEY, base_addresses={"api": running.url})
        shop = Shop(client, running.test)
        subscription = shop.subscribe()
        shop.control.decline_payments(shop.customer.id)
        shop.control.advance(33 * DAY)
        assert now_of(shop, subscription).status == final
        shop.control.advance(30 * DAY)
        newest = now_of(shop, subscription)
        assert newest.status == final
        assert newest.latest_invoice.status == ("draft" if final == "unpaid" else "open")


def test_a_late_payment_recovers_the_subscription(shop):
    subscription = shop.subscribe()
    shop.control.decline_payments(shop.customer.id, 2)
    shop.control.advance(31 * DAY + 3_600)
    assert now_of(shop, subscription).status == "past_due"
    shop.control.advance(3 * DAY)
    assert now_of(shop, subscription).status == "past_due"
    shop.control.advance(5 * DAY)
    recovered = now_of(shop, subscription)
    assert (recovered.status, recovered.latest_invoice.status) == ("active", "paid")
    assert shop.told()[-3:] == [
        "invoice.payment_succeeded", "customer.updated", "customer.subscription.updated",
    ]  # fmt: skip


def test_a_customer_pays_the_open_invoice_by_hand(shop):
    subscription = shop.subscribe()
    shop.control.decline_payments(shop.customer.id, 2)
    shop.control.advance(31 * DAY + 3_600)
    invoice = now_of(shop, subscription).latest_invoice
    error = refusal(shop.api.invoices.pay, invoice.id)
    assert (error.http_status, error.code) == (402, "card_declined")
    again = shop.api.invoices.retrieve(invoice.id)
    assert (again.attempt_count, again.next_payment_attempt) == (1, invoice.next_payment_attempt)
    assert shop.api.invoices.pay(invoice.id).status == "paid"
    assert now_of(shop, subscription).status == "active"
    assert refusal(shop.api.invoices.pay, invoice.id).http_status == 400
    shop.control.advance(10 * DAY)
    assert shop.api.invoices.retrieve(invoice.id).attempt_count == 1


def test_a_subscription_is_canceled_now(shop):
    subscription = shop.subscribe()
    canceled = shop.api.subscriptions.cancel(
        subscription.id, {"cancellation_details": {"comment": "too dear"}}
    )
    assert (canceled.status, canceled.ended_at) == ("canceled", shop.account.now)
    assert canceled.cancellation_details.reason == "cancellation_requested"
    assert canceled.cancellation_details.comment == "too dear"
    assert shop.told()[-1] == "customer.subscription.deleted"
    assert refusal(shop.api.subscriptions.cancel, subscription.id).code == "resource_missing"
    assert not shop.api.subscriptions.list({"customer": shop.customer.id}).data
    listed = shop.api.subscriptions.list({"customer": shop.customer.id, "status": "all"}).data
    assert [each.id for each in listed] == [subscription.id]


def test_a_subscription_is_canceled_at_the_end_of_its_period(shop):
    subscription = shop.subscribe()
    end = period_of(subscription)[1]
    shop.api.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    leaving = now_of(shop, subscription)
    assert (leaving.status, leaving.cancel_at_period_end, leaving.cancel_at) == (
        "active", True, end,
    )  # fmt: skip
    assert leaving.canceled_at == shop.account.now
    shop.control.advance(end - shop.account.now - 1)
    assert now_of(shop, subscription).status == "active"
    shop.control.advance(1)
    gone = now_of(shop, subscription)
    assert (gone.status, gone.ended_at) == ("canceled", end)
    assert len(shop.api.invoices.list({"subscription": subscription.id}).data) == 1


def test_nothing_more_is_collected_of_a_subscription_that_has_ended(shop):
    subscription = shop.subscribe()
    shop.control.advance(31 * DAY)
    draft = now_of(shop, subscription).latest_invoice
    assert (draft.status, draft.auto_advance) == ("draft", True)
    shop.control.cancel_subscription(subscription.id)
    shop.control.advance(10 * DAY)
    left = shop.api.invoices.retrieve(draft.id)
    assert (left.status, left.auto_advance) == ("draft", False)
    # By hand it is still possible, and failing does not end the subscription once more.
    shop.control.decline_payments(shop.customer.id, 1)
    ended = now_of(shop, subscription).ended_at
    assert refusal(shop.api.invoices.pay, draft.id).http_status == 402
    assert now_of(shop, subscription).ended_at == ended
    assert shop.told().count("customer.subscription.deleted") == 1
    assert shop.api.invoices.pay(draft.id).status == "paid"
    assert now_of(shop, subscription).status == "canceled"


def test_an_open_invoice_of_a_subscription_that_has_ended_is_not_tried_again(shop):
    subscription = shop.subscribe()
    shop.control.decline_payments(shop.customer.id)
    shop.control.advance(31 * DAY + 3_600)
    shop.control.cancel_subscription(subscription.id)
    invoice = now_of(shop, subscription).latest_invoice
    assert (invoice.status, invoice.next_payment_attempt) == ("open", None)
    shop.control.advance(20 * DAY)
    assert shop.api.invoices.retrieve(invoice.id).attempt_count == 1


def test_only_the_latest_invoice_recovers_a_subscription():
    dunning = Dunning(retries_after=(), final="past_due")
    with stripe_loopback(seed=1, dunning=dunning) as running:
        client = stripe.StripeClient(TEST_KEY, base_addresses={"api": running.url})
        shop = Shop(client, running.test)
        subscription = shop.subscribe()
        shop.control.decline_payments(shop.customer.id)
        shop.control.advance(62 * DAY)
        shop.control.accept_payments(shop.customer.id)
        newest, older, _ = shop.api.invoices.list({"subscription": subscription.id}).data
        assert [newest.status, older.status] == ["open", "open"]
        shop.control.pay_invoice(older.id)
        assert now_of(shop, subscription).status == "past_due"
        shop.control.pay_invoice(newest.id)
        assert now_of(shop, subscription).status == "active"


def test_a_cancellation_is_taken_back(shop):
    subscription = shop.subscribe()
    shop.control.cancel_subscription(subscription.id, at_period_end=True)
    shop.control.resume_subscription(subscription.id)
    shop.control.advance(32 * DAY)
    stayed = now_of(shop, subscription)
    assert (stayed.status, stayed.cancel_at, stayed.canceled_at) == ("active", None, None)


def test_an_upgrade_is_billed_at_once_for_what_is_left_of_the_month(shop):
    subscription = shop.subscribe()
    start, end = period_of(subscription)
    shop.control.advance((end - start) // 2)
    shop.api.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": subscription["items"].data[0].id, "price": shop.professional.id}],
            "proration_behavior": "always_invoice",
        },
    )
    upgraded = now_of(shop, subscription)
    invoice = upgraded.latest_invoice
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    assert [line.amount for line in invoice.lines.data] == [-4_950, 24_950]
    assert invoice.amount_paid == 20_000
    assert all(line.parent.subscription_item_details.proration for line in invoice.lines.data)
    assert period_of(upgraded) == (start, end)
    shop.control.advance(end - shop.account.now + 3_600)
    assert now_of(shop, subscription).latest_invoice.amount_paid == 49_900


def test_an_upgrade_can_wait_for_the_next_invoice(shop):
    subscription = shop.subscribe()
    start, end = period_of(subscription)
    shop.control.advance((end - start) // 2)
    shop.control.change_price(subscription.id, shop.professional.id, "create_prorations")
    assert len(shop.api.invoice_items.list({"pending": True}).data) == 2
    shop.control.advance(end - shop.account.now + 3_600)
    assert now_of(shop, subscription).latest_invoice.amount_paid == 20_000 + 49_900
    assert not shop.api.invoice_items.list({"pending": True}).data


def test_a_downgrade_leaves_a_balance_that_later_invoices_use_up(shop):
    subscription = shop.subscribe(shop.professional)
    start, end = period_of(subscription)
    shop.control.advance((end - start) // 2)
    shop.control.change_price(subscription.id, shop.starter.id)
    invoice = now_of(shop, subscription).latest_invoice
    assert (invoice.total, invoice.amount_due, invoice.status) == (-20_000, 0, "paid")
    assert shop.api.customers.retrieve(shop.customer.id).balance == -20_000
    shop.control.advance(end - shop.account.now + 3_600)
    following = now_of(shop, subscription).latest_invoice
    assert (following.total, following.amount_due) == (9_900, 0)
    shop.control.advance(62 * DAY)
    assert shop.api.customers.retrieve(shop.customer.id).balance == 0
    charged = shop.api.charges.list({"customer": shop.customer.id}).data
    # 99 × 3 was owed for three months, and 200 of it were there.
    assert sum(each.amount for each in charged) == 49_900 + 3 * 9_900 - 20_000


def test_a_change_within_a_trial_costs_nothing_yet(shop):
    subscription = shop.subscribe(subscription_data={"trial_period_days": 14})
    shop.control.advance(DAY)
    shop.control.change_price(subscription.id, shop.professional.id)
    assert not shop.api.invoice_items.list({}).data
    changed = now_of(shop, subscription)
    assert (changed.status, changed.latest_invoice.total) == ("trialing", 0)
    assert changed["items"].data[0].price.id == shop.professional.id
    shop.control.advance(14 * DAY)
    assert now_of(shop, subscription).latest_invoice.amount_paid == 49_900


def test_an_upgrade_that_is_declined_makes_the_subscription_past_due(shop):
    subscription = shop.subscribe()
    shop.control.decline_payments(shop.customer.id, 1)
    shop.control.advance(DAY)
    shop.control.change_price(subscription.id, shop.professional.id)
    assert now_of(shop, subscription).status == "past_due"
    shop.control.advance(3 * DAY)
    assert now_of(shop, subscription).status == "active"


def test_an_upgrade_may_cost_nothing_until_the_next_month(shop):
    subscription = shop.subscribe()
    shop.control.advance(DAY)
    shop.control.change_price(subscription.id, shop.professional.id, "none")
    assert not shop.api.invoice_items.list({}).data
    changed = now_of(shop, subscription)
    assert changed["items"].data[0].price.id == shop.professional.id
    assert changed.latest_invoice.amount_paid == 9_900


def test_without_a_change_of_price_nothing_is_prorated(shop):
    subscription = shop.subscribe()
    shop.control.change_price(subscription.id, shop.starter.id)
    assert not shop.api.invoice_items.list({}).data


def test_a_test_clock_moves_its_own_customers_only(shop):
    clock = shop.api.test_helpers.test_clocks.create(
        {"frozen_time": moment(2030, 1, 31), "name": "months"}
    )
    customer = shop.api.customers.create({"test_clock": clock.id, "email": "t@example.com"})
    ours = shop.subscribe()
    theirs = shop.subscribe(customer=customer.id)
    assert period_of(theirs) == (moment(2030, 1, 31), moment(2030, 2, 28))
    advanced = shop.api.test_helpers.test_clocks.advance(
        clock.id, {"frozen_time": moment(2030, 3, 30)}
    )
    assert (advanced.status, advanced.frozen_time) == ("ready", moment(2030, 3, 30))
    assert period_of(now_of(shop, theirs)) == (moment(2030, 2, 28), moment(2030, 3, 31))
    told = {event.type: event for event in shop.api.events.list({"limit": 5}).data}
    # Somebody asked for the time to pass, nobody for what it did.
    assert told["test_helpers.test_clock.ready"].request.id is not None
    assert told["invoice.paid"].request.id is None
    assert period_of(now_of(shop, ours)) == period_of(ours)
    assert shop.account.now == moment(2026, 1, 1)
    for refused in (moment(2030, 3, 1), moment(2030, 3, 30)):
        error = refusal(
            shop.api.test_helpers.test_clocks.advance, clock.id, {"frozen_time": refused}
        )
        assert error.param == "frozen_time"


def test_a_subscription_is_opened_without_checkout(shop):
    error = refusal(
        shop.api.subscriptions.create,
        {"customer": shop.customer.id, "items": [{"price": shop.starter.id}]},
    )
    assert error.http_status == 400
    subscription = shop.api.subscriptions.create(
        {
            "customer": shop.customer.id,
            "items": [{"price": shop.starter.id, "quantity": 2}],
            "default_payment_method": "pm_card_visa",
            "metadata": {"org": "org_1"},
            "expand": ["latest_invoice"],
        }
    )
    assert (subscription.status, subscription.latest_invoice.amount_paid) == ("active", 19_800)


def test_a_customer_who_is_deleted_has_no_subscription_any_more(shop):
    subscription = shop.subscribe()
    shop.api.customers.delete(shop.customer.id)
    assert now_of(shop, subscription).status == "canceled"
    assert shop.api.customers.retrieve(shop.customer.id).deleted is True
    assert refusal(shop.checkout).code == "resource_missing"


def test_what_has_ended_is_not_changed(shop):
    subscription = shop.subscribe()
    shop.control.cancel_subscription(subscription.id)
    with pytest.raises(RefusedError):
        shop.control.cancel_subscription(subscription.id)
    error = refusal(shop.api.subscriptions.update, subscription.id, {"description": "x"})
    assert error.code == "subscription_canceled"


def test_the_portal_sends_a_customer_to_a_page(shop):
    session = shop.api.billing_portal.sessions.create(
        {"customer": shop.customer.id, "return_url": "https://shop.example"}
    )
    assert session.url.startswith("http")
    assert refusal(shop.api.billing_portal.sessions.create, {}).param == "customer"


@pytest.mark.parametrize(
    ("anchor", "start", "interval", "count", "end"),
    [
        ((2026, 1, 31), (2026, 1, 31), "month", 1, (2026, 2, 28)),
        ((2026, 1, 31), (2026, 2, 28), "month", 1, (2026, 3, 31)),
        ((2024, 1, 31), (2024, 1, 31), "month", 1, (2024, 2, 29)),
        ((2024, 2, 29), (2024, 2, 29), "year", 1, (2025, 2, 28)),
        ((2024, 2, 29), (2027, 2, 28), "year", 1, (2028, 2, 29)),
        ((2026, 1, 15), (2026, 1, 15), "month", 3, (2026, 4, 15)),
        ((2026, 1, 1), (2026, 1, 1), "week", 2, (2026, 1, 15)),
        ((2026, 1, 1), (2026, 1, 5), "day", 1, (2026, 1, 6)),
    ],
)
def test_a_period_ends_on_the_day_of_its_anchor(anchor, start, interval, count, end):
    assert period_end(moment(*anchor), moment(*start), interval, count) == moment(*end)


@given(
    st.integers(0, 4_000_000_000),
    st.integers(0, 200),
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 6),
)
def test_periods_follow_one_another_without_a_gap(anchor, turns, interval, count):
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * count * DAY
    start = anchor
    for _ in range(min(turns, 30)):
        end = period_end(anchor, start, interval, count)
        assert start < end <= start + longest
        start = end


def test_months_pass_without_a_socket():
    from entrypoints.devnet.stripe import loopback

    world = loopback(seed=1)
    shop = Shop(client_of(world), world)
    subscription = shop.subscribe()
    shop.control.advance(365 * DAY)
    assert now_of(shop, subscription).status == "active"
