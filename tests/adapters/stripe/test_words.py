"""Stripe's words in ours, where the loopback does not say them."""

import pytest
import stripe

from adapters.stripe import is_live
from adapters.stripe.errors import NoSuchObjectError, translated
from adapters.stripe.states import money
from application.ports.payments import (
    PaymentsRefusedError,
    PaymentsUnavailableError,
    RequestChangedError,
)

INTENT = {
    "id": "pi_1",
    "status": "succeeded",
    "amount_received": 100,
    "currency": "usd",
    "latest_charge": {"created": 1, "balance_transaction": None, "amount_refunded": 0},
}


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (stripe.APIConnectionError("no"), PaymentsUnavailableError),
        (stripe.RateLimitError("no", http_status=429), PaymentsUnavailableError),
        (stripe.APIError("no", http_status=500), PaymentsUnavailableError),
        (stripe.APIError("no", http_status=409), PaymentsUnavailableError),
        (stripe.IdempotencyError("no", http_status=400), RequestChangedError),
        (stripe.InvalidRequestError("no", "id", http_status=404), NoSuchObjectError),
        (stripe.InvalidRequestError("no", "id", http_status=400), PaymentsRefusedError),
        (stripe.AuthenticationError("sk_test_secret", http_status=401), PaymentsRefusedError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_an_error_is_told_in_the_ports_words_and_without_secrets(error, meaning):
    with pytest.raises(meaning) as told, translated():
        raise error
    assert type(told.value) is meaning
    assert "sk_test" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("needs_response", [None]),
        ("under_review", [None]),
        ("won", [True]),
        ("lost", [False]),
        ("warning_needs_response", []),
        ("warning_closed", []),
        ("prevented", []),
    ],
)
def test_an_inquiry_is_no_dispute(status, told):
    found = money(INTENT, [{"id": "du_1", "status": status, "created": 1}])
    assert found is not None
    assert [each.is_won for each in found.disputes] == told


def test_the_mode_is_the_keys():
    assert [is_live(key) for key in ("sk_live_1", "rk_live_1", "sk_test_1", "rk_test_live_1")] == [
        True, True, False, False,
    ]  # fmt: skip
