"""``GET /metrics`` and ``GET /healthz``, on a port of this process's own.

A worker and a sealer have no other: that it answers says that the process runs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

PATH = "/metrics"
HEALTH = "/healthz"
#: How long somebody who asks may take for it.
_PATIENCE_SECONDS = 5.0


@contextmanager
def serving(registry: CollectorRegistry, host: str, port: int) -> Iterator[int]:
    """Until the block ends, on the port that it gives: *port*, or a free one for 0.

    Raises:
        OSError: somebody else listens there.
    """
    server = _Server((host, port), _handler(registry))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Whoever scrapes late is not waited for.
    block_on_close = False


def _handler(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout: ClassVar[float | None] = _PATIENCE_SECONDS
        server_version = "Tallystick"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == HEALTH:
                self._answer(200, "application/json", b'{"status": "ok"}\n')
                return
            if path != PATH:
                self._answer(404, "text/plain; charset=utf-8", b"figures are at /metrics\n")
                return
            encode, media_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, media_type, encode(registry))

        def _answer(self, status: int, media_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - theirs
            """Nothing: somebody asks every few seconds."""

    return Handler
