"""The client: one installation, one API key."""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self

import httpx

from tallystick_client.hold import Hold
from tallystick_client.line import Line


class Credits:
    """May be shared by threads.  Close it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        patience_seconds: float = 30.0,
        http: httpx.Client | None = None,
    ) -> None:
        """*api_key* needs the scope ``usage:write``.

        *patience_seconds*: for how long a request is repeated before its error is raised.
        *http*: a client of your own (proxies, certificates); *base_url* is not used then.
        """
        self._http = http or httpx.Client(base_url=base_url, timeout=10.0)
        self._line = Line(self._http, api_key, patience_seconds)

    def hold(
        self,
        operation: str,
        *,
        units: int | None = None,
        output_units: int | None = None,
        lease_seconds: int = 30,
        key: str | None = None,
    ) -> Hold:
        """A hold for *operation* of the installation's catalogue, times *units*.

        *output_units*: the most that the call may put out, where the installation limits that.
        *key*: names the hold; whoever uses it again gets the same one.  A fresh one by default.

        Entering it raises:
            RefusedError: no credits, not allowed, too often, or the key is another request's.
            UnavailableError: no answer in time; a hold that was made all the same frees itself.
        """
        request: dict[str, object] = {"operation": operation, "lease_seconds": lease_seconds}
        if units is not None:
            request["units"] = units
        if output_units is not None:
            request["output_units"] = output_units
        return Hold(self._line, request, lease_seconds, key or secrets.token_urlsafe(24))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
