"""A message as it travels: RFC 5322, plain text in UTF-8."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from application.ports.mail import Message


def as_bytes(message: Message, sender: str) -> bytes:
    """With CRLF at the ends of lines; *sender* is ``Name <address>`` or an address."""
    email = EmailMessage(policy=SMTP)
    email["From"] = sender
    # As an address, not as text: nothing in it is read as syntax.
    email["To"] = Address(addr_spec=message.to)
    email["Subject"] = message.subject
    email["Date"] = format_datetime(message.written_at)
    email["Message-ID"] = f"<{message.id}@{host_of(sender)}>"
    # RFC 3834: no vacation notes in answer.
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(message.text)
    return email.as_bytes()


def address_of(sender: str) -> str:
    """The bare address of *sender*."""
    return sender.rpartition("<")[2].removesuffix(">").strip()


def host_of(sender: str) -> str:
    return address_of(sender).rpartition("@")[2]
