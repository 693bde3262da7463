"""Every request that the adapter makes is one that Stripe's own description knows.

Where stripe-mock is on the path it judges them; elsewhere there is nothing to run.
"""

import random

from entrypoints.devnet.stripe import loopback
from tests.billing.histories import History
from tests.billing.house import BillingHouse
from tests.devnet.stripe import stripe_mock

if stripe_mock.PROGRAM is not None:

    def test_what_histories_ask_for_is_in_stripes_description():
        seed = "judged"
        history = History(BillingHouse(stripe=loopback(seed=seed)), random.Random(seed))
        for _ in range(3):
            history.live()
        requests = history.house.stripe.control.requests()
        asked = {(each["method"], each["path"].split("/")[2]) for each in requests}
        assert {
            ("POST", "products"),
            ("POST", "prices"),
            ("POST", "customers"),
            ("GET", "events"),
            ("GET", "payment_intents"),
        } <= asked
        assert [path for _, path in asked if path == "checkout"]
        assert stripe_mock.complaints_of(requests) == []
