"""What every way of sending mail promises: one message arrives once, as it was written."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from application.ports.mail import Message

MESSAGE = Message(
    id="ltr_01k",
    to="ada@example.org",
    subject="Finish your registration",
    text="A line.\n.\n..two dots\nwith a name: Ådå, “quoted”\n" + "x" * 300 + "\n",
    written_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
)


def test_a_message_arrives_as_it_was_written(mailing):
    mailing.mail.send(MESSAGE)
    assert mailing.arrived() == [MESSAGE]


def test_each_message_arrives_once(mailing):
    others = [evolve(MESSAGE, id=f"ltr_{number}", to=f"{number}@example.org") for number in "12"]
    for message in others:
        mailing.mail.send(message)
    assert sorted(mailing.arrived(), key=lambda message: message.id) == others


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "ada@example.org\r\nBcc: eve@example.org"},
        {"to": "ada@example.org\n"},
        {"to": "ada@example.org, eve@example.org"},
        {"to": "Ada <ada@example.org>"},
        {"to": "ada@example.org@example.com"},
        {"to": "@example.org"},
        {"to": ""},
        {"subject": "Hello\r\nBcc: eve@example.org"},
        {"subject": "Hello\x0bthere"},
        {"subject": ""},
        {"id": "../../etc/passwd"},
        {"id": "a>\r\nX: y"},
    ],
)
def test_what_says_more_than_it_should_is_no_message(changes):
    with pytest.raises(ValueError):
        evolve(MESSAGE, **changes)


def test_a_token_is_not_shown_by_accident():
    assert "A line" not in repr(MESSAGE)
    assert "ada@example.org" not in repr(MESSAGE)
