"""An algod that answers what a test has told it to, and remembers what it was asked.

with canned() as node:
    node.answers["GET /v2/status"] = {"last-round": 7}
    node.answers["GET /v2/blocks/1/hash"] = 404, {"message": "no such block"}
    node.answers["GET /v2/assets/1"] = b"not JSON"
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from attrs import define, field

from adapters.algorand.applications import Programs
from application.ports.nodes import Endpoint

GENESIS = "SGO1GKSzyE7IEPItTxCByw9x8FmnrCDexi9/cOUJOiI="
NETWORK = "algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe"
#: As nodes call it; AVM 11.
V40 = "https://github.com/algorandfoundation/specs/tree/236dcc18c9c507d794813ab768e467ea42d1b4d9"
#: Of a block, and of a transaction.
HASH, ID = "H" * 52, "T" * 52
PARAMETERS = "GET /v2/transactions/params"
SUBMIT = "POST /v2/transactions"


def parameters(last_round: int = 100, **changes: object) -> dict[str, object]:
    return {
        "consensus-version": V40,
        "fee": 0,
        "genesis-hash": GENESIS,
        "genesis-id": "testnet-v1.0",
        "last-round": last_round,
        "min-fee": 1000,
    } | {name.replace("_", "-"): value for name, value in changes.items()}


def account(amount: int = 0, **changes: object) -> dict[str, object]:
    told = {"amount": amount, "min-balance": 100_000, "round": 100, "created-assets": []} | {
        name.replace("_", "-"): value for name, value in changes.items()
    }
    count = len(told["created-assets"])
    return {"total-created-assets": count, "total-created-apps": 0} | told


def application(creator: str, programs: Programs, **state: int | bytes) -> dict[str, object]:
    """As a node tells one with these programs; *state* by the keys of its global state."""

    def base64_text(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    values = [
        {
            "key": base64_text(key.encode()),
            "value": {"type": 2, "uint": value, "bytes": ""}
            if isinstance(value, int)
            else {"type": 1, "uint": 0, "bytes": base64_text(value)},
        }
        for key, value in state.items()
    ]
    return {
        "approval-program": base64_text(programs.approval),
        "clear-state-program": base64_text(programs.clear),
        "creator": creator,
        "extra-program-pages": programs.extra_pages,
        "global-state": values,
        "global-state-schema": {
            "num-uint": programs.uints,
            "num-byte-slice": programs.byte_strings,
        },
    }


def box_question(application: int | str, name: bytes) -> str:
    text = base64.b64encode(name).decode()
    return f"GET /v2/applications/{application}/box?name=b64:{text}"


@define
class Canned:
    url: str
    answers: dict[str, Any] = field(factory=lambda: {PARAMETERS: parameters()})
    #: Method and path of every question, in order.
    asked: list[str] = field(factory=list)
    tokens: list[str | None] = field(factory=list)
    bodies: list[bytes] = field(factory=list)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(url=self.url)

    def answer(self, question: str) -> tuple[int, bytes]:
        found = self.answers.get(question, (404, {"message": "not canned"}))
        if callable(found):
            found = found()
        status, content = found if isinstance(found, tuple) else (200, found)
        return status, content if isinstance(content, bytes) else json.dumps(content).encode()


@contextmanager
def canned() -> Iterator[Canned]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            question = f"{self.command} {urlsplit(self.path).path}"
            node.asked.append(question)
            node.tokens.append(self.headers.get("X-Algo-API-Token"))
            node.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            # An answer for one box is by the whole of its question.
            whole = f"{question}?{unquote(urlsplit(self.path).query)}"
            status, content = node.answer(whole if whole in node.answers else question)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node = Canned(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
