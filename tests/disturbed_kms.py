"""A KMS between us and MiniStack, which is busy, ill or silent when it is told to be.

    with DisturbedKms() as kms:
        kms.disturb(busy, times=3)              # the next three signatures
        kms.disturb(deaf_after, after=1)        # all but the first, until it is well again
        kms.recover()

What disturbs is asked before MiniStack is, or after it has signed: an answer that is lost then was
a signature.
"""

import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self

from adapters.aws_kms import connect
from application.ports.custody import KeyHolder
from entrypoints.devnet import ministack
from entrypoints.devnet.loopback_server import LoopbackServer
from tests.ministack import ministack_or_skip

_FOREVER = 10**9

Answer = tuple[int, bytes]
Forward = Callable[[], Answer]
#: None: the connection ends without an answer.
Trouble = Callable[[Forward], Answer | None]


def _error(status: int, code: str) -> Trouble:
    body = json.dumps({"__type": code, "message": "for the test"}).encode()
    return lambda _: (status, body)


#: As KMS says it when a quota of the region is used up (docs.aws.amazon.com, kms, throttling).
busy = _error(400, "ThrottlingException")
ill = _error(500, "KMSInternalException")
slow_inside = _error(503, "DependencyTimeoutException")
no_key_now = _error(500, "KeyUnavailableException")


def deaf(_: Forward) -> None:
    """Nobody is there."""


def deaf_after(forward: Forward) -> None:
    """It signs, and the answer is lost."""
    forward()


class DisturbedKms:
    def __init__(self) -> None:
        self._upstream = ministack_or_skip().port
        self._lock = threading.Lock()
        self._trouble: Trouble | None = None
        self._after = self._times = 0
        #: Signatures that were asked for, and how many of them were disturbed.
        self.asked = self.disturbed = 0
        self._server = LoopbackServer(0, _connection_of(self))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    def holder(self) -> KeyHolder:
        return connect(f"{ministack.REGION}?endpoint={self._server.url}", {})

    def disturb(self, trouble: Trouble, *, after: int = 0, times: int = _FOREVER) -> None:
        """*times* signatures, behind the next *after* ones, which are left alone."""
        with self._lock:
            self._trouble, self._after, self._times = trouble, after, times
            self.asked = self.disturbed = 0

    def recover(self) -> None:
        with self._lock:
            self._trouble = None

    def answer(self, action: str, forward: Forward) -> Answer | None:
        with self._lock:
            trouble = self._trouble if action.endswith(".Sign") else None
            if trouble is not None:
                self.asked += 1
                if not self._after < self.asked <= self._after + self._times:
                    trouble = None
                else:
                    self.disturbed += 1
        return forward() if trouble is None else trouble(forward)

    def forward(self, headers: dict[str, str], body: bytes) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=30)
        try:
            line.request("POST", "/", body, headers)
            answered = line.getresponse()
            return answered.status, answered.read()
        finally:
            line.close()


def _connection_of(kms: DisturbedKms) -> type[BaseHTTPRequestHandler]:
    class Connection(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = ("authorization", "content-type", "x-amz-target", "x-amz-date")
            headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
            answered = kms.answer(
                self.headers.get("X-Amz-Target", ""), lambda: kms.forward(headers, body)
            )
            if answered is None:
                self.close_connection = True
                return
            status, answer = answered
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """A test's output has room for what went wrong, not for what was asked."""

    return Connection
