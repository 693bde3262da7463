"""Where mail arrives in tests, and how it is read back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from socket import create_server
from typing import Any

from aiosmtpd.controller import Controller
from attrs import define, field, frozen

from application.ports.mail import Mail, Message

SENDER = "Tallystick <issue@tallystick.example>"


@frozen
class Mailing:
    mail: Mail
    #: What has arrived so far.
    arrived: Callable[[], list[Message]]


def as_message(raw: bytes) -> Message:
    """What a reader of mail makes of it; the headers are all that there are."""
    found = message_from_bytes(raw, policy=policy.default)
    assert sorted(found.keys()) == [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ], found.keys()
    assert found["From"] == SENDER
    id, _, host = found["Message-ID"].strip("<>").partition("@")
    assert host == "tallystick.example"
    return Message(
        id=id,
        to=found["To"],
        subject=found["Subject"],
        text=found.get_content().replace("\r\n", "\n"),
        written_at=parsedate_to_datetime(found["Date"]),
    )


@define(eq=False)
class Postbox:
    """A real server's handler, which answers badly where it is told to."""

    #: Each as it came: recipients and bytes.
    taken: list[tuple[list[str], bytes]] = field(factory=list)
    #: What is answered instead of taking the next one.
    answers: list[str] = field(factory=list)
    refused_recipients: dict[str, str] = field(factory=dict)

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, server: Any, session: Any, envelope: Any, address: str, options: Iterable[str]
    ) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the server's name for it
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250") or answer == "hang up":
            self.taken.append((envelope.rcpt_tos, envelope.content))
        if answer == "hang up":
            server.transport.abort()
        return answer

    def messages(self) -> list[Message]:
        found = []
        for recipients, raw in self.taken:
            message = as_message(raw)
            assert recipients == [message.to]
            found.append(message)
        return found


@contextmanager
def server(postbox: Postbox, **options: Any) -> Iterator[Controller]:
    """Listening on a free port of this machine."""
    # Named, not left to the system: the controller looks whether it is there under that name.
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(postbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()


def port_of(controller: Controller) -> int:
    return int(controller.port)
