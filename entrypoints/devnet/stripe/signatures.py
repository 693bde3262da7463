"""How a webhook is signed.  https://docs.stripe.com/webhooks#verify-manually"""

import hmac
from collections.abc import Sequence
from hashlib import sha256


def signed(body: bytes, secrets: Sequence[str], moment: int) -> str:
    """The header Stripe-Signature: a v1 for each secret that is in force, and a v0."""
    message = f"{moment}.".encode() + body
    marks = [hmac.new(secret.encode(), message, sha256).hexdigest() for secret in secrets]
    fake = sha256(message).hexdigest()
    return ",".join([f"t={moment}", *(f"v1={mark}" for mark in marks), f"v0={fake}"])
