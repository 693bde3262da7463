"""The guard, with receivers on this machine; whatever else is private stays so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import define, field

from adapters.egress import Guard, Rules
from application.ports.egress import Reply
from tests.adapters.egress.receivers import Receiver, receiving, saying, status

RULES = Rules(allows_plain=True, allows_loopback=True, connect_seconds=1, total_seconds=2)


@define(slots=False)
class Receivers:
    port: Guard = field(factory=lambda: Guard(RULES))
    private: str = "https://169.254.169.254/latest/meta-data/"
    nobody: str = "http://127.0.0.1:1/"
    _receivers: list[Receiver] = field(factory=list)

    @property
    def requests(self) -> Sequence[tuple[str, bytes]]:
        return [
            (_id_of(request), request.partition(b"\r\n\r\n")[2])
            for receiver in self._receivers
            for request in receiver.requests
        ]

    @contextmanager
    def answering(self, reply: Reply) -> Iterator[str]:
        headers = [f"{name}: {value}" for name, value in reply.headers.items()]
        text = status(reply.status, *headers, body=reply.body)
        with receiving(saying(text)) as receiver:
            self._receivers.append(receiver)
            yield receiver.url()


def _id_of(request: bytes) -> str:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    found = [line.partition(": ")[2] for line in lines if line.startswith("webhook-id")]
    return found[0] if found else ""


@contextmanager
def egress() -> Iterator[Receivers]:
    yield Receivers()
