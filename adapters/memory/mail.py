from attrs import define, field

from application.ports.mail import (
    Mail,
    MailRefusedError,
    MailUnavailableError,
    MailUnknownError,
    Message,
)


@define(eq=False)
class MemoryMail(Mail):
    """Keeps what it is given; answers badly as often as it is told to."""

    sent: list[Message] = field(factory=list, repr=False)
    #: What the next ones come to: ``refused``, ``unavailable``, ``lost`` (nothing arrives, and
    #: nobody knows) or ``arrived`` (it does, and nobody knows).
    faults: list[str] = field(factory=list)

    def send(self, message: Message) -> None:
        match self.faults.pop(0) if self.faults else None:
            case "refused":
                raise MailRefusedError("nobody here by that name")
            case "unavailable":
                raise MailUnavailableError("try again later")
            case "lost":
                raise MailUnknownError("the connection broke")
            case "arrived":
                self.sent.append(message)
                raise MailUnknownError("the connection broke")
            case _:
                self.sent.append(message)
