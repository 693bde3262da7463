"""Somebody who sells a pack and two plans, through the real SDK."""


class Shop:
    def __init__(self, client, loopback):
        self.client = client
        self.api = client.v1
        self.control = loopback.control
        self.account = loopback.account
        self.pack = self.price("pack", 2_900, recurring=False)
        self.starter = self.price("starter", 9_900)
        self.professional = self.price("professional", 49_900)
        self.customer = self.api.customers.create({"email": "ann@example.com"})

    def price(self, name, amount, *, recurring=True):
        every_month = {"recurring": {"interval": "month"}} if recurring else {}
        return self.api.prices.create(
            {
                "currency": "usd",
                "unit_amount": amount,
                "product_data": {"name": name.title()},
                "lookup_key": name,
                **every_month,
            }
        )

    def checkout(self, price=None, **more):
        price = price or self.pack
        return self.api.checkout.sessions.create(
            {
                "mode": "subscription" if price.recurring else "payment",
                "customer": self.customer.id,
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "https://shop.example/thanks",
                **more,
            }
        )

    def sell(self, price=None, **more):
        """A checkout that was paid, as it is then."""
        session = self.checkout(price, **more)
        self.control.pay_checkout(session.id)
        return self.api.checkout.sessions.retrieve(session.id)

    def subscribe(self, price=None, **more):
        session = self.sell(price or self.starter, **more)
        return self.api.subscriptions.retrieve(session.subscription)

    def told(self, *, after=0):
        """The types of the events so far, oldest first."""
        return [event["type"] for event in self.account.events][after:]


def refusal(call, *arguments, **named):
    """The error that the SDK raises for this call."""
    import pytest
    import stripe

    with pytest.raises(stripe.StripeError) as caught:
        call(*arguments, **named)
    return caught.value
