"""HTTP/1.1 for clients that are slow on purpose: a request's head has a deadline.

uvicorn waits for ever for the rest of a head, so a few thousand half-sent ones would take every
place there is.  The body has its own deadline (`entrypoints.http.edge`).
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientProtocol(H11Protocol):
    """Closes a connection that has not sent a whole head in time."""

    head_seconds = 10.0

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # narrowed as uvicorn does
    ) -> None:
        super().connection_made(transport)
        self._expect_a_head()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif not self._is_answering():
            self._expect_a_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_a_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.close()

    def _is_answering(self) -> bool:
        # None until the first request, whatever uvicorn's annotation says.
        return bool(self.cycle) and not self.cycle.response_complete
