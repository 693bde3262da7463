"""Spends Tallystick credits from another service: ``with credits.hold("premium_call"): …``.

A hold ends once: captured at the end of the block, released where the block raises, or freed by
its lease where nobody is left to do either.
"""

from tallystick_client.credits import Credits
from tallystick_client.errors import (
    CreditsError,
    HoldExpiredError,
    RefusedError,
    UnavailableError,
)
from tallystick_client.hold import Hold

__all__ = [
    "Credits",
    "CreditsError",
    "Hold",
    "HoldExpiredError",
    "RefusedError",
    "UnavailableError",
]
