"""Requests that are repeated until they are answered: the same one, under the same key."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from tallystick_client.errors import HoldExpiredError, RefusedError, UnavailableError

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_EXPIRED = "hold_expired"
#: 409, and yet only a matter of time.
_IN_FLIGHT = "request_in_flight"


class Line:
    """To one installation, as one API key."""

    def __init__(
        self,
        http: httpx.Client,
        api_key: str,
        patience_seconds: float,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._now = now

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        key: str | None = None,
        patience_seconds: float | None = None,
    ) -> dict[str, Any]:
        """The answer's body.

        Raises:
            RefusedError: also for what may be repeated, but not within our patience.
            UnavailableError: no answer.
        """
        headers = self._headers | ({"Idempotency-Key": key} if key is not None else {})
        patience = self._patience_seconds if patience_seconds is None else patience_seconds
        deadline = self._now() + patience
        pause = _FIRST_PAUSE_SECONDS
        while True:
            trouble: RefusedError | UnavailableError
            try:
                answered = self._http.post(path, json=dict(body), headers=headers)
            except httpx.TransportError as error:
                trouble, wanted = UnavailableError(f"{type(error).__name__}: {error}"), 0.0
                trouble.__cause__ = error
            else:
                if answered.is_success:
                    content: dict[str, Any] = answered.json()
                    return content
                refused = _refusal_of(answered)
                if not _may_pass(refused):
                    raise refused
                trouble, wanted = refused, refused.retry_after_seconds or 0.0
            # Half of the pause is left to chance, so that many who were refused at once come
            # back one by one.
            wait = max(wanted, pause * random.uniform(0.5, 1))
            if self._now() + wait > deadline:
                raise trouble
            self._sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _may_pass(refused: RefusedError) -> bool:
    return refused.status == 429 or refused.status >= 500 or refused.code == _IN_FLIGHT


def _refusal_of(answered: httpx.Response) -> RefusedError:
    """From an RFC 9457 document; a proxy's answer may be none."""
    try:
        document = answered.json()
        code, detail = str(document["code"]), str(document["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "unknown", answered.reason_phrase
    kind = HoldExpiredError if code == _EXPIRED else RefusedError
    return kind(code, answered.status_code, detail, _seconds(answered))


def _seconds(answered: httpx.Response) -> float | None:
    """Retry-After in seconds; the form with a date is not used by the API."""
    try:
        return max(0.0, float(answered.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
