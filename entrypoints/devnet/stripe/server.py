"""The loopback Stripe on a port: the API under /v1, controls under /_control, and pages."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from entrypoints.devnet.loopback_server import LoopbackServer
from entrypoints.devnet.stripe import pages
from entrypoints.devnet.stripe.api import Answer, Api, LineLostError, Request
from entrypoints.devnet.stripe.control import Control
from entrypoints.devnet.stripe.deliverer import Receiver
from entrypoints.devnet.stripe.errors import RefusedError

CONTROL = "/_control/"


class StripeServer(LoopbackServer):
    """The account is chosen by the secret key; the first one answers those who have none of it.

    Controls are of the account in test mode; of the live one under `/_control/live/`.
    """

    def __init__(self, port: int, accounts: Sequence[tuple[Api, Control]]) -> None:
        super().__init__(port, _Connection)
        self._accounts = tuple(accounts)

    def answer(self, request: Request) -> Answer:
        """Raises: LineLostError."""
        if request.path.startswith(CONTROL):
            return self._controlled(request)
        if request.path.startswith(pages.PREFIXES):
            is_live = "_live_" in request.path
            return pages.answer(self._control_of(livemode=is_live), request)
        key = request.headers.get("authorization", "").partition(" ")[2]
        for api, _ in self._accounts:
            if key == api.secret_key:
                return api.answer(request)
        return self._accounts[0][0].answer(request)

    def _controlled(self, request: Request) -> Answer:
        name = request.path.removeprefix(CONTROL)
        control = self._control_of(livemode=name.startswith("live/"))
        name = name.removeprefix("live/")
        try:
            arguments = json.loads(request.form or "{}") if request.method == "POST" else {}
            told = control.call(name, arguments)
        except RefusedError as error:
            return _json(error.status, error.as_json())
        except ValueError as error:
            return _json(400, {"error": {"message": str(error)}})
        return _json(200, told)

    def _control_of(self, *, livemode: bool) -> Control:
        return next(
            (each for api, each in self._accounts if api.account.livemode is livemode),
            self._accounts[0][1],
        )


def _json(status: int, told: object) -> Answer:
    headers = {"Content-Type": "application/json"}
    return Answer(status=status, body=json.dumps(told).encode(), headers=headers)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: StripeServer  # type: ignore[mutable-override]  # only a StripeServer makes these

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        address = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=address.path,
            form=body if self.command == "POST" else address.query,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        try:
            answer = self.server.answer(request)
        except LineLostError:
            self.close_connection = True
            return
        # Head and body as one write, so that no client waits for the second.
        reason = HTTPStatus(answer.status).phrase
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        length = f"Content-Length: {len(answer.body)}\r\n\r\n"
        line = f"HTTP/1.1 {answer.status} {reason}\r\n"
        self.wfile.write(f"{line}{head}{length}".encode() + answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: requests are kept."""


def posting_to(url: str, timeout_seconds: float = 10.0) -> Receiver:
    """A receiver that posts to an endpoint.  One that does not answer counts as 504."""
    address = urlsplit(url)
    if address.hostname is None:
        raise ValueError(f"not a URL: {url}")
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    host, port = address.hostname, address.port

    def receiver(body: bytes, headers: Mapping[str, str]) -> int:
        connection = kind(host, port, timeout=timeout_seconds)
        try:
            connection.request("POST", address.path or "/", body, dict(headers))
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 504
        finally:
            connection.close()

    return receiver
