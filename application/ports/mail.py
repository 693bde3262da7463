"""Sending mail."""

from datetime import datetime
from typing import Protocol

from attrs import Attribute, field, frozen, validators

from domain.letter import is_plain_address

#: A name that is good in a header and in a folder.
_NAME = validators.matches_re(r"[A-Za-z0-9_]+")


class MailRefusedError(Exception):
    """This message will never be taken."""


class MailUnavailableError(Exception):
    """Nothing was sent; try again later."""


class MailUnknownError(Exception):
    """The answer got lost: the message may have been taken, or not."""


def _is_one_line(_: object, attribute: "Attribute[str]", value: str) -> None:
    # A header ends with its line: what contains another one would say more than it should.
    if not value or not value.isprintable():
        raise ValueError(f"{attribute.name} is not one line of text")


@frozen(kw_only=True)
class Message:
    """One mail in plain text, to one address."""

    #: The same at every attempt: whoever gets it twice can tell.
    id: str = field(validator=_NAME)
    to: str = field(repr=False)
    subject: str = field(validator=_is_one_line)
    #: May carry a token.
    text: str = field(repr=False)
    #: What its date says.
    written_at: datetime

    @to.validator
    def _is_one_address(self, _: object, value: str) -> None:
        if not is_plain_address(value):
            raise ValueError("to is not one plain address")


class Mail(Protocol):
    def send(self, message: Message) -> None:
        """Hand *message* over, once.

        Raises:
            MailRefusedError, MailUnavailableError, MailUnknownError.
        """
        ...
