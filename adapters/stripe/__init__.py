"""Stripe takes the money.  https://docs.stripe.com/api

What is read is read whole and now; what a webhook's body says of an object is never used, only
which object it is about.  Every change carries an idempotency key.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.stripe.payments import StripePayments

API = "https://api.stripe.com"
#: How long one request may take, and how often it is sent again with its key.
SECONDS = 20
RETRIES = 2


def connect(
    secret_key: str, webhook_secrets: Sequence[str], *, api_base: str = API
) -> "StripePayments":
    """Asks nobody yet.  A key of live mode begins with ``sk_live_`` or ``rk_live_``."""
    # Imported here: whoever takes no money need not load the SDK.
    import stripe  # noqa: PLC0415

    from adapters.stripe.payments import StripePayments  # noqa: PLC0415

    client = stripe.StripeClient(
        secret_key,
        base_addresses={"api": api_base},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=SECONDS),
    )
    return StripePayments(client, tuple(webhook_secrets), live=is_live(secret_key))


def is_live(secret_key: str) -> bool:
    """By the key's prefix.  https://docs.stripe.com/keys"""
    return secret_key.startswith(("sk_live_", "rk_live_"))
