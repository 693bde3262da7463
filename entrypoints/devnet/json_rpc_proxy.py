"""An HTTP proxy before a JSON-RPC node that breaks what passes, as told.

    with JsonRpcProxy(anvil.url) as proxy:
        proxy.add("eth_sendRawTransaction", drop_after_forward(), times=1)
        ...                     # the node has the transaction, its sender saw the line go dead

A rule applies to its method ("*" is any) while its times last and its predicate, given the call's
parameters, agrees.  The first rule that applies is used up by one; others wait.  In a batch, the
first call that meets a rule decides for all of them.
"""

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from entrypoints.devnet.processes import free_port

#: As Geth says them; anvil's and other nodes' words differ, which is the point of a test.
ALREADY_KNOWN = (-32000, "already known")
NONCE_TOO_LOW = (-32000, "nonce too low")
UNDERPRICED = (-32000, "replacement transaction underpriced")

_UPSTREAM_SECONDS = 60.0


class LineDead(Exception):  # noqa: N818 - what the client sees, not a mistake of ours
    """Close the connection now, without an answer or in the middle of one."""


@dataclass(frozen=True)
class Exchange:
    """What a fault may do: ask the node, and answer or not."""

    body: bytes
    #: The calls in the body, one unless it is a batch.
    calls: list[dict[str, Any]]
    #: Sends a body to the node; returns status and body, or raises LineDead when it is silent.
    forward: Callable[[bytes], tuple[int, bytes]]

    def replies(self, **content: object) -> bytes:
        """The same answer to each call."""
        answers = [{"jsonrpc": "2.0", "id": call.get("id"), **content} for call in self.calls]
        return json.dumps(answers if self.body.lstrip().startswith(b"[") else answers[0]).encode()


#: Returns status and body, or raises LineDead.
Fault = Callable[[Exchange], tuple[int, bytes]]


@dataclass
class Rule:
    method: str
    fault: Fault
    #: How often it may still apply; None: always.
    remaining: int | None
    when: Callable[[list[Any]], bool]
    #: How often it did.
    hits: int = 0
    #: Set when it first applied; wait on it instead of sleeping.
    struck: threading.Event = field(default_factory=threading.Event)

    def applies_to(self, call: dict[str, Any]) -> bool:
        return (
            self.method in {"*", call.get("method")}
            and self.remaining != 0
            and self.when(call.get("params", []))
        )

    def use(self) -> None:
        self.hits += 1
        if self.remaining is not None:
            self.remaining -= 1
        self.struck.set()


def drop_before_forward(hang_seconds: float = 0.0) -> Fault:
    """The node never hears of it.  The line goes dead at once, or after a silence."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        del exchange
        time.sleep(hang_seconds)
        raise LineDead

    return fault


def drop_after_forward(hang_seconds: float = 0.0) -> Fault:
    """The node did it, and nobody is told."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        exchange.forward(exchange.body)
        time.sleep(hang_seconds)
        raise LineDead

    return fault


def delay(seconds: float) -> Fault:
    """Late to the node, and so late back."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        time.sleep(seconds)
        return exchange.forward(exchange.body)

    return fault


def answer_error(code: int, message: str, *, after_forward: bool = False) -> Fault:
    """A JSON-RPC error instead of the node's answer; the node has heard it only if told so."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        if after_forward:
            exchange.forward(exchange.body)
        return 200, exchange.replies(error={"code": code, "message": message})

    return fault


def answer_result(value: object) -> Fault:
    """A lie: this result, and the node is not asked."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        return 200, exchange.replies(result=value)

    return fault


def answer_status(status: int = 503, *, after_forward: bool = False) -> Fault:
    """An HTTP status without JSON, as a load balancer answers."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        if after_forward:
            exchange.forward(exchange.body)
        return status, b"upstream unavailable"

    return fault


def duplicate() -> Fault:
    """The node hears it twice; the second answer is passed on."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        exchange.forward(exchange.body)
        return exchange.forward(exchange.body)

    return fault


def disconnect_mid_answer() -> Fault:
    """The node did it; half of its answer arrives."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        _, body = exchange.forward(exchange.body)
        raise LineDead(body)

    return fault


def mutate(change: Callable[[Any], Any]) -> Fault:
    """The node's answer, decoded, passed through `change`."""

    def fault(exchange: Exchange) -> tuple[int, bytes]:
        status, body = exchange.forward(exchange.body)
        return status, json.dumps(change(json.loads(body))).encode()

    return fault


class JsonRpcProxy:
    def __init__(self, upstream_url: str, port: int | None = None) -> None:
        self.upstream_url = upstream_url
        self.port = port or free_port()
        #: Calls that arrived, and calls that the node was sent, by method.
        self.received: Counter[str] = Counter()
        self.forwarded: Counter[str] = Counter()
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(
        self,
        method: str,
        fault: Fault,
        *,
        times: int | None = None,
        when: Callable[[list[Any]], bool] = lambda _parameters: True,
    ) -> Rule:
        rule = Rule(method, fault, times, when)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything pass again."""
        with self._lock:
            self._rules.clear()

    @contextlib.contextmanager
    def broken(self, method: str, fault: Fault) -> Iterator[Rule]:
        """A rule for the length of a block."""
        rule = self.add(method, fault)
        try:
            yield rule
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._rules.remove(rule)

    def start(self) -> Self:
        self._server = _Server(("127.0.0.1", self.port), self)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def respond(self, body: bytes) -> tuple[int, bytes]:
        """What the client gets; raises LineDead when that is nothing, or half of something."""
        decoded = json.loads(body)
        calls = decoded if isinstance(decoded, list) else [decoded]

        def forward(sent: bytes) -> tuple[int, bytes]:
            with self._lock:
                self.forwarded.update(call["method"] for call in calls)
            return self._ask_upstream(sent)

        rule = self._next_rule(calls)
        fault = rule.fault if rule else _pass_on
        return fault(Exchange(body, calls, forward))

    def _next_rule(self, calls: list[dict[str, Any]]) -> Rule | None:
        with self._lock:
            self.received.update(call["method"] for call in calls)
            for call in calls:
                for rule in self._rules:
                    if rule.applies_to(call):
                        rule.use()
                        return rule
        return None

    def _ask_upstream(self, body: bytes) -> tuple[int, bytes]:
        address = urlsplit(self.upstream_url).netloc
        connection = http.client.HTTPConnection(address, timeout=_UPSTREAM_SECONDS)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise LineDead from error
        finally:
            connection.close()


def _pass_on(exchange: Exchange) -> tuple[int, bytes]:
    return exchange.forward(exchange.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], proxy: JsonRpcProxy) -> None:
        super().__init__(address, _Connection)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what this server is for."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in two writes; Nagle's algorithm would add 40 ms to each answer.
    disable_nagle_algorithm = True
    server: _Server  # type: ignore[mutable-override]  # only a _Server makes these

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            status, answer = self.server.proxy.respond(body)
        except LineDead as death:
            self.close_connection = True
            if death.args:
                self._write(200, death.args[0], cut_at=len(death.args[0]) // 2)
            return
        self._write(status, answer)

    def _write(self, status: int, answer: bytes, cut_at: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[:cut_at])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: tests assert on counters."""
