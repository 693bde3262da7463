"""The requests that the loopback understands are requests that Stripe would understand.

Where stripe-mock is on the path it judges them; elsewhere there is nothing to run.
"""

from tests.devnet.stripe import stripe_mock
from tests.devnet.stripe.test_shapes import everything_that_can_happen

if stripe_mock.PROGRAM is not None:

    def test_what_the_shop_asks_for_is_in_stripes_description(shop):
        everything_that_can_happen(shop)
        assert stripe_mock.complaints_of(shop.control.requests()) == []

    def test_the_judge_sees_what_is_wrong():
        wrong = {"method": "POST", "path": "/v1/refunds", "form": "amount=much"}
        unknown = {"method": "POST", "path": "/v1/gifts", "form": ""}
        right = {"method": "GET", "path": "/v1/prices", "form": "lookup_keys[0]=pack"}
        told = stripe_mock.complaints_of([wrong, unknown, right])
        assert [each.split()[1] for each in told] == ["/v1/refunds", "/v1/gifts"]
