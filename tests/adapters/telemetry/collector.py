"""A collector on loopback: OTLP over HTTP, as far as traces go (opentelemetry-proto 1)."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from attrs import define, field, frozen
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATH = "/v1/traces"


@frozen(kw_only=True)
class Span:
    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    nanoseconds: int
    attributes: Mapping[str, object]
    #: 2 is an error (`Status.StatusCode`).
    status: int
    message: str


@define(eq=False)
class Collector:
    url: str
    #: As they came, for whoever looks for what must not be in them.
    bodies: list[bytes] = field(factory=list)
    headers: list[Mapping[str, str]] = field(factory=list)
    spans: list[Span] = field(factory=list)
    #: What the next requests are answered; then 200.
    answers: list[int] = field(factory=list)

    def until(self, condition: Callable[[list[Span]], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition(self.spans):
            assert time.monotonic() < deadline, sorted({each.name for each in self.spans})
            time.sleep(0.05)


@contextmanager
def collecting() -> Iterator[Collector]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}{PATH}")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            is_ours = (
                self.path == PATH and self.headers["Content-Type"] == "application/x-protobuf"
            )
            status = 404 if not is_ours else collector.answers.pop(0) if collector.answers else 200
            if status == 200:
                collector.bodies.append(body)
                collector.headers.append(dict(self.headers))
                collector.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            """Nothing."""

    server.RequestHandlerClass = Handler
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service=str(service),
                    name=span.name,
                    kind=span.kind,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    status=span.status.code,
                    message=span.status.message,
                )


def _attributes(given) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in given}
