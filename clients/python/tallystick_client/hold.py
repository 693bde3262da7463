"""One hold, from its beginning to its one end."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Any, Self

from tallystick_client.errors import CreditsError, HoldExpiredError, RefusedError
from tallystick_client.line import Line

log = logging.getLogger("tallystick_client")

PATH = "/v1/usage/holds"
#: How often a lease is renewed while it lasts, so that one lost renewal is no loss.
_RENEWALS = 3


class Hold:
    """Made by `Credits.hold`; a context manager that is entered once."""

    def __init__(
        self, line: Line, request: dict[str, object], lease_seconds: int, key: str
    ) -> None:
        self._line = line
        self._request = request
        self._lease_seconds = lease_seconds
        self._key = key
        self._document: dict[str, Any] = {}
        self._is_over = False
        self._is_lost = False
        self._end = threading.Event()
        self._renewing: threading.Thread | None = None

    @property
    def id(self) -> str:
        """``hold_…``."""
        return str(self._document["id"])

    @property
    def credits(self) -> int:
        """How many are held."""
        return int(self._document["credits"])

    @property
    def is_lost(self) -> bool:
        """The lease ended too early.  Nothing can be captured any more; stop working."""
        return self._is_lost

    def capture(self, amount: int | None = None) -> None:
        """Spend *amount* of what is held, or all of it; the rest is given back.  Ends the hold.

        Raises:
            HoldExpiredError: too late; nothing was spent.
            CreditsError: see `Credits.hold`.
        """
        self._finish("capture", {} if amount is None else {"amount": amount})

    def release(self, *, failed: bool = False) -> None:
        """Give back what is held; nothing where it has ended already.

        *failed*: it is not the customer's doing; what would have expired meanwhile lives on.
        """
        if not self._is_over:
            self._finish("release", {"failed": failed})

    def __enter__(self) -> Self:
        self._document = self._line.post(PATH, self._request, self._key)
        if self._document["state"] != "held":
            self._is_over = True
            raise _ended(self._document)
        self._renewing = threading.Thread(target=self._renew, name="tallystick", daemon=True)
        self._renewing.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        if error is None:
            if not self._is_over:
                self.capture()
            return
        try:
            self.release(failed=True)
        except Exception as failure:  # noqa: BLE001 - the caller's own exception matters more
            log.warning("hold %s was not released: %s", self.id, failure)
            error.add_note(f"hold {self.id} was not released and ends with its lease: {failure}")

    def _finish(self, what: str, body: dict[str, object]) -> None:
        self._end.set()
        self._document = self._line.post(f"{PATH}/{self.id}/{what}", body)
        self._is_over = True

    def _renew(self) -> None:
        """Until the end.  A renewal that fails is tried again; what expired stays so."""
        every = self._lease_seconds / _RENEWALS
        while not self._end.wait(every):
            try:
                self._line.post(
                    f"{PATH}/{self.id}/renew",
                    {"lease_seconds": self._lease_seconds},
                    patience_seconds=every,
                )
            except HoldExpiredError:
                self._is_lost = not self._end.is_set()
                return
            except RefusedError as error:
                # It was ended meanwhile, or renewing is not allowed any more.
                log.warning("hold %s is not renewed: %s", self.id, error)
                return
            except CreditsError as error:
                log.warning("hold %s was not renewed, trying again: %s", self.id, error)


def _ended(document: dict[str, Any]) -> CreditsError:
    """Why a hold that this key made before cannot be worked under."""
    state = document["state"]
    if state == "expired":
        return HoldExpiredError("hold_expired", 409, "its lease is over", None)
    return RefusedError("hold_closed", 409, f"the hold of this key is {state} already", None)
