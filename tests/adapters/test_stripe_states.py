"""What is read from Stripe's objects, where one tells more than one thing."""

import pytest

from adapters.stripe import states


def invoice(*payments):
    return {
        "id": "in_1",
        "status": "paid",
        "attempted": True,
        "status_transitions": {"paid_at": 1, "finalized_at": 1},
        "payments": {
            "data": [
                {"status": status, "payment": {"payment_intent": intent}}
                for status, intent in payments
            ]
        },
    }


@pytest.mark.parametrize("before", ["open", "canceled"])
def test_paid_invoice_payment_is_the_paid_one(before):
    told = invoice((before, "pi_dead"), ("paid", "pi_paid"))
    assert states.invoice_state(told, [], lambda _: None, None).payment == "pi_paid"


def test_what_a_balance_paid_has_no_payment():
    assert states.invoice_state(invoice(), [], lambda _: None, None).payment is None
