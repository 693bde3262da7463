"""What is wrong with one object is no reason to leave the others alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.alarms import Alarms
from application.ports.payments import PaymentsUnavailableError
from application.ports.storage.work import StoreUnavailableError


class UnsettledError(Exception):
    """Nothing of it is recorded, and it is to be done again; a person has been told."""


@contextmanager
def settling(alarms: Alarms, subject: str) -> Iterator[None]:
    """Look at one object.

    Raises:
        PaymentsUnavailableError, StoreUnavailableError: nobody answers, also not about others.
        UnsettledError: anything else, with its cause; the alarm ``payment_unsettled`` is sounded.
    """
    try:
        yield
    except (PaymentsUnavailableError, StoreUnavailableError):
        raise
    except Exception as error:
        alarms.sound("payment_unsettled", subject, f"{type(error).__name__}: {error}")
        raise UnsettledError(subject) from error
