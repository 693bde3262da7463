"""A loopback Stripe on a port, the real SDK that talks to it, and a shop."""

import pytest
import stripe

from entrypoints.devnet.stripe import TEST_KEY, stripe_loopback
from tests.devnet.stripe.shop import Shop


@pytest.fixture
def running():
    with stripe_loopback(seed=1) as running:
        yield running


@pytest.fixture
def client(running):
    return stripe.StripeClient(
        TEST_KEY, base_addresses={"api": running.url}, max_network_retries=0
    )


@pytest.fixture
def control(running):
    return running.test.control


@pytest.fixture
def account(running):
    return running.test.account


@pytest.fixture
def shop(running, client):
    return Shop(client, running.test)
