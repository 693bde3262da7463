"""Receivers that are as a test says: no socket, no name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from attrs import define, field, frozen

from application.ports.egress import (
    Egress,
    EgressRefusedError,
    EgressUnavailableError,
    Line,
    Reply,
)


@frozen
class Received:
    url: str
    headers: Mapping[str, str]
    body: bytes


#: What a receiver makes of a request.  May raise what the port raises.
Receiver = Callable[[Received], Reply]


@define(eq=False)
class MemoryEgress(Egress):
    #: By URL; whoever is not here does not answer.
    receivers: dict[str, Receiver] = field(factory=dict)
    #: What leads somewhere private.
    private: set[str] = field(factory=set)
    #: Whatever was sent, in its order.
    received: list[Received] = field(factory=list)

    def check(self, url: str) -> None:
        if not url.startswith("https://"):
            raise EgressRefusedError("scheme_refused", "the URL must begin with https://")
        if url in self.private:
            raise EgressRefusedError("address_refused", "it does not lead to the public internet")

    def fetch(self, url: str, headers: Mapping[str, str], longest: int) -> Reply:
        reply = self.ask(Received(url, headers, b""))
        return Reply(
            status=reply.status,
            headers=reply.headers,
            body=reply.body[:longest],
            is_cut=len(reply.body) > longest,
        )

    @contextmanager
    def line(self, url: str) -> Iterator[Line]:
        yield _MemoryLine(self, url)

    def ask(self, request: Received) -> Reply:
        self.check(request.url)
        self.received.append(request)
        receiver = self.receivers.get(request.url)
        if receiver is None:
            raise EgressUnavailableError("not_connected", "nobody answers there")
        return receiver(request)


@define
class _MemoryLine(Line):
    _egress: MemoryEgress
    _url: str

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        return self._egress.ask(Received(self._url, headers, body))
