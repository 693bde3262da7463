"""What the SDK raises, in the words of the port.

::

    PaymentsUnavailableError   no answer, 409 (the key is being worked on), 429, 5xx
    RequestChangedError        the key was used for a different request
    NoSuchObjectError          404: of refused ones, the one that somebody asks about
    PaymentsRefusedError       whatever else
"""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from application.ports.payments import (
    PaymentsRefusedError,
    PaymentsUnavailableError,
    RequestChangedError,
)


class NoSuchObjectError(PaymentsRefusedError):
    pass


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing of the SDK out; what it says may name objects, never a key or a card."""
    try:
        yield
    except stripe.IdempotencyError as error:
        raise RequestChangedError(_said(error)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise PaymentsUnavailableError(_said(error)) from error
    except stripe.StripeError as error:
        status = error.http_status or 500
        if status == 409 or status >= 500:
            raise PaymentsUnavailableError(_said(error)) from error
        if status == 404:
            raise NoSuchObjectError(_said(error)) from error
        raise PaymentsRefusedError(_said(error)) from error


def _said(error: stripe.StripeError) -> str:
    return f"{type(error).__name__} {error.http_status or ''} {error.code or ''}".strip()
