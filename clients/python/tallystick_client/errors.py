"""What can go wrong.

::

    CreditsError
     ├── RefusedError             the API said no; it stays no for this request
     │    └── HoldExpiredError    the lease was over before the capture; nothing was spent
     └── UnavailableError         no answer in time; the hold, if there is one, frees itself
"""


class CreditsError(Exception):
    """Never raised itself."""


class RefusedError(CreditsError):
    """*code* is for programs and never changes its meaning: ``insufficient_credits``."""

    def __init__(
        self, code: str, status: int, detail: str, retry_after_seconds: float | None
    ) -> None:
        super().__init__(f"{code} ({status}): {detail}")
        self.code = code
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class HoldExpiredError(RefusedError):
    pass


class UnavailableError(CreditsError):
    pass
