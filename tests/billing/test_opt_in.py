"""The adapter on Stripe's test mode: only where STRIPE_API_KEY names a key of it.

Everywhere else the same tests ask the loopback over a socket, so that they are known to work.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from adapters.stripe import API, connect
from adapters.stripe.payments import StripePayments
from application.ports.payments import Fee, Order, Priced, RequestChangedError
from domain.payment import About, Subject
from domain.settlement import PackState
from entrypoints.devnet.stripe import TEST_KEY, stripe_loopback

KEY = os.environ.get("STRIPE_API_KEY", "")
IS_NAMED = KEY.startswith(("sk_test_", "rk_test_"))
#: Fresh in every run: the account outlives it.
RUN = uuid4().hex[:12]
PACK = Priced(
    key=f"tallystick_run_{RUN}", name=RUN, amount_minor=2_900, currency="USD", is_recurring=False
)


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripePayments]:
    if IS_NAMED:
        yield connect(KEY, ["whsec_unused"], api_base=API)
        return
    with stripe_loopback(seed=1, uses_wall_clock=True) as running:
        yield connect(TEST_KEY, ["whsec_unused"], api_base=running.url)


@pytest.fixture(scope="module")
def order(stripe) -> Order:
    stripe.publish(PACK)
    return Order(
        customer=stripe.create_customer("org_1", "Ada & Co", f"customer-{RUN}"),
        price=PACK.key,
        is_recurring=False,
        reference="org_1",
        success_url="https://issue.example.com/done",
        cancel_url="https://issue.example.com/left",
    )


def test_it_is_of_test_mode(stripe):
    assert stripe.live is False


def test_what_is_published_is_there(stripe, order):
    assert not stripe.publish(PACK)


def test_a_page_is_opened_once_for_a_key(stripe, order):
    page = stripe.checkout(order, f"page-{RUN}")
    assert stripe.checkout(order, f"page-{RUN}") == page
    assert page.expires_at > datetime.now(UTC)
    state = stripe.state_of(Subject(About.CHECKOUT, page.id))
    assert isinstance(state, PackState)
    assert (state.customer, state.price.key, state.money) == (order.customer, PACK.key, None)
    with pytest.raises(RequestChangedError):
        stripe.checkout(evolve(order, reference="org_2"), f"page-{RUN}")


def test_a_fee_is_billed_once(stripe, order):
    fee = Fee(customer=order.customer, amount_minor=125, currency="USD", description="Deployment")
    assert stripe.bill(fee, f"fee-{RUN}") == stripe.bill(fee, f"fee-{RUN}")


def test_lists_are_told_as_we_expect_them(stripe, order):
    since = datetime.now(UTC) - timedelta(hours=1)
    assert all(event.live is False for event in stripe.events_since(since))
    assert all(subject.id for subject in stripe.paid_since(since))
    assert stripe.invoices(order.customer, 10, None) == ([], False)
    assert stripe.state_of(Subject(About.PAYMENT, "pi_unknown")) is None
