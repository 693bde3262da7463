"""Amounts are sent in units that Stripe and ISO 4217 agree on, or not at all."""

import pytest

from application.ports.payments import Fee, PaymentsRefusedError, Priced
from domain.money import DIGITS
from entrypoints.devnet.stripe import loopback
from tests.billing.sdk import payments_on

#: docs.stripe.com/currencies: "Zero-decimal currencies"; UGX is one whose amounts have two all the
#: same, as ISK's have.
WHOLE = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
         "XOF", "XPF")  # fmt: skip
THOUSANDTHS = ("BHD", "JOD", "KWD", "OMR", "TND")
#: Not to be charged in at all.
UNKNOWN = ("CLF", "IQD", "LYD", "UYI", "UYW")


def stripes(currency):
    return 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2


@pytest.mark.parametrize("currency", sorted(DIGITS.keys() - {*UNKNOWN}))
def test_what_stripe_counts_otherwise_is_neither_billed_nor_sold(currency):
    stripe = loopback(seed=1)
    payments = payments_on(stripe)
    customer = payments.create_customer("org_1", "Ada & Co", "customer")
    fee = Fee(customer=customer, amount_minor=500, currency=currency, description="a fee")
    item = Priced(key="k", name="k", amount_minor=500, currency=currency, is_recurring=False)
    if stripes(currency) == DIGITS[currency]:
        assert payments.bill(fee, "fee")
        assert payments.publish(item)
        return
    for ask in (lambda: payments.bill(fee, "fee"), lambda: payments.publish(item)):
        with pytest.raises(PaymentsRefusedError, match=currency):
            ask()
    assert not [*stripe.account.all("invoiceitem"), *stripe.account.all("price")]
