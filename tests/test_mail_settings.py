"""``[mail]``: by what mail is sent, and every fault of it, without its password."""

import pytest

from entrypoints.commands.doctor import mail
from entrypoints.diagnosis import Grade
from entrypoints.mail_settings import MailSettings, read_mail

SENDER = "Tallystick <issue@example.com>"
SERVER = "smtps://ada:s3cret@mail.example.com"


def faults(url, sender=SENDER, environment="production", *, verifies=True):
    _, found = read_mail(url, sender, environment, verifies=verifies)
    assert all("s3cret" not in fault for fault in found)
    return found


@pytest.mark.parametrize(
    "url",
    [SERVER, "smtp://ada:s3cret@mail.example.com:2525", "smtp+insecure://127.0.0.1:25", None],
)
def test_what_may_be_used_in_production(url):
    assert faults(url) == []


@pytest.mark.parametrize("environment", ["development", "test"])
def test_a_folder_is_for_everywhere_else(environment):
    assert faults("folder:/var/mail/tallystick", environment=environment) == []
    assert "delivers nothing" in faults("folder:/var/mail/tallystick")[0]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://ada:s3cret@mail.example.com", "must be smtps://"),
        ("smtps://", "must be smtps://"),
        ("smtps://ada:s3cret@mail.example.com/inbox", "must be smtps://"),
        ("smtps://ada:s3cret@mail.example.com:port", "is no URL"),
        ("smtp+insecure://ada:s3cret@127.0.0.1", "does not travel without TLS"),
        ("smtp+insecure://mail.example.com", "on this machine"),
        ("folder:", "must name a folder"),
    ],
)
def test_what_may_not(url, fault):
    assert any(fault in each for each in faults(url))


@pytest.mark.parametrize(
    "sender", ["", "Tallystick", "Tallystick <>", "a@b, c@d", "T <a@b>\r\nBcc: eve@example.org"]
)
def test_letters_are_from_one_address(sender):
    assert any("TALLYSTICK_MAIL_FROM" in each for each in faults(SERVER, sender))


def test_addresses_go_unverified_in_development_only():
    assert faults(None, environment="development", verifies=False) == []
    for environment in ("test", "production"):
        assert "in development only" in faults(None, environment=environment, verifies=False)[0]


def test_what_is_shown_has_no_password():
    shown = MailSettings(url=SERVER, sender=SENDER)
    assert "s3cret" not in f"{shown.redacted()} {shown!r}"


def test_the_doctor_tells_who_cannot_come_in():
    missing = mail(MailSettings())
    assert missing.grade is Grade.WARNING
    assert "nobody can register" in (missing.problem or "")
    assert mail(MailSettings(url=SERVER, sender=SENDER)).grade is Grade.OK
    assert mail(MailSettings(verifies=False)).grade is Grade.OK
