"""A node of IPFS on this machine, as far as two questions of its HTTP API go.

It reckons content ids by itself, from the bytes that arrive, and can be told to misbehave.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from attrs import define, field

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def content_id(block):
    """CIDv1, raw, sha2-256, base32: reckoned as one number in groups of five bits."""
    raw = bytes([1, 0x55, 0x12, 32]) + hashlib.sha256(block).digest()
    bits = "".join(f"{byte:08b}" for byte in raw)
    bits += "0" * (-len(bits) % 5)
    return "b" + "".join(ALPHABET[int(bits[i : i + 5], 2)] for i in range(0, len(bits), 5))


@define
class Node:
    blocks: dict[str, bytes] = field(factory=dict)
    #: Path and query of every request.
    asked: list[tuple[str, dict[str, list[str]]]] = field(factory=list)
    #: Answers in the node's stead, if it is there.
    misbehave: Callable[[BaseHTTPRequestHandler], None] | None = None
    url: str = ""
    #: Set when the node goes, so that nobody waits on in a thread of it.
    is_over: threading.Event = field(factory=threading.Event)

    def answer(self, path, query, file):
        if path == "/api/v0/add":
            # Other options would make it another block, with another id.
            wanted = {"cid-version": ["1"], "raw-leaves": ["true"], "hash": ["sha2-256"]}
            assert wanted.items() <= query.items(), query
            assert int(query["chunker"][0].removeprefix("size-")) >= len(file)
            assert query["pin"] == ["true"]
            name = content_id(file)
            self.blocks[name] = file
            return 200, json.dumps({"Name": "document", "Hash": name, "Size": str(len(file))})
        if path == "/api/v0/block/get":
            assert query["offline"] == ["true"], "it would look all over the world"
            if query["arg"][0] in self.blocks:
                return 200, self.blocks[query["arg"][0]]
            message = "block was not found locally (offline): ipld: could not find block"
            return 500, json.dumps({"Message": message, "Code": 0, "Type": "error"})
        return 404, "404 page not found"


@contextmanager
def running() -> Iterator[Node]:
    node = Node()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            node.asked.append((parts.path, query))
            if node.misbehave is not None:
                self.close_connection = True
                node.misbehave(self)
                return
            status, content = node.answer(parts.path, query, self._file(body))
            tell(self, status, content)

        def do_GET(self):
            # As Kubo's: its API takes nothing but POST.
            node.asked.append((f"GET {self.path}", {}))
            tell(self, 405, "405 - Method Not Allowed")

        def _file(self, body):
            header = f"Content-Type: {self.headers.get('Content-Type')}\r\n\r\n".encode()
            message = message_from_bytes(header + body)
            if not message.is_multipart():
                return b""
            (part,) = message.get_payload()
            return part.get_payload(decode=True)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def tell(handler, status, content, **headers):
    raw = content.encode() if isinstance(content, str) else content
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)
