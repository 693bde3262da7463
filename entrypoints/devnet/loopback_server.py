"""An HTTP server on a loopback port that can be stopped at any moment, with all its clients."""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LoopbackServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, connection: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), connection)
        self._open: set[socket.socket] = set()
        self._serving: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._serving = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._serving.start()

    def stop(self) -> None:
        if self._serving is not None:
            self.shutdown()
            self._serving.join()
        self.server_close()
        for connection in list(self._open):
            # A client that kept its connection would else go on talking to a stopped server.
            connection.close()

    def process_request_thread(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)  # noqa: S101 - a TCP server's requests are
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what this server is for; anything else is a mistake here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as handed in
