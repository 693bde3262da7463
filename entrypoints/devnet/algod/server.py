"""A node on a loopback port.  Faults of the line happen here, control routes are never faulty."""

import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from entrypoints.devnet.algod.api import CATCHING_UP, Answer, Api, Request, as_problem
from entrypoints.devnet.algod.control import Control
from entrypoints.devnet.algod.faults import LINE
from entrypoints.devnet.loopback_server import LoopbackServer

_TOKEN = "X-Algo-API-Token"  # noqa: S105 - the header's name


class LineDead(Exception):  # noqa: N818 - what the client sees, not a mistake of ours
    """Close the connection now.  With an answer: after the first half of it."""

    def __init__(self, answer: Answer | None = None) -> None:
        super().__init__()
        self.answer = answer


class NodeServer(LoopbackServer):
    def __init__(self, port: int, api: Api, control: Control, token: str | None) -> None:
        super().__init__(port, _Connection)
        self.api = api
        self.control = control
        self.token = token

    def respond(self, request: Request, token: str) -> Answer:
        """Raises: LineDead."""
        if request.path.startswith("/devnet"):
            return self.control.answer(request)
        if self.token is not None and token != self.token:
            return as_problem(401, "Invalid API Token")
        faults = self.api.node.faults
        with self.api.world.lock:
            fault = faults.take(LINE, self.api.kind_of(request))
        if fault is None:
            return self._answer(request)
        if fault.name == "unavailable":
            return as_problem(503, CATCHING_UP)
        if fault.name == "drop_before":
            time.sleep(fault.seconds)
            raise LineDead
        answer = self._answer(request)
        time.sleep(fault.seconds)
        if fault.name == "accept_then_drop":
            raise LineDead
        if fault.name == "truncate":
            raise LineDead(answer)
        return answer

    def _answer(self, request: Request) -> Answer:
        answer = self.api.answer(request)
        with self.api.world.lock:
            self.api.node.count_standing_faults()
        return answer


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: NodeServer  # type: ignore[mutable-override]  # only a NodeServer makes these

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.path)
        request = Request(self.command, address.path, dict(parse_qsl(address.query)), body)
        try:
            answer = self.server.respond(request, self.headers.get(_TOKEN, ""))
        except LineDead as death:
            self.close_connection = True
            if death.answer is not None:
                self.wfile.write(_written(death.answer, cut_at=len(death.answer.body) // 2))
            return
        self.wfile.write(_written(answer))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: what struck is counted."""


def _written(answer: Answer, cut_at: int | None = None) -> bytes:
    """Head and body as one write, so that no client waits for the second."""
    reason = HTTPStatus(answer.status).phrase
    head = (
        f"HTTP/1.1 {answer.status} {reason}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n\r\n"
    )
    return head.encode() + answer.body[:cut_at]
