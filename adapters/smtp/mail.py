"""One connection for each message; what each answer means.

| When | Answer | Means |
|---|---|---|
| before the text has left | none, or 4xx, or any to log-in and TLS | not sent; later |
| sender, recipient or DATA | 5xx | refused for ever |
| after the text has left | 250 | sent |
| after the text has left | 4xx | not sent; later |
| after the text has left | 5xx | refused for ever |
| after the text has left | none | unknown |
"""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from application.mail.form import address_of, as_bytes
from application.ports.mail import (
    Mail,
    MailRefusedError,
    MailUnavailableError,
    MailUnknownError,
    Message,
)

SCHEMES = {"smtps": 465, "smtp": 587, "smtp+insecure": 25}
#: Of each single answer.
TIMEOUT_SECONDS = 20.0
_MOST_REASON = 200

# RFC 5321, 4.5.2: a line that begins with a dot gets another one.
_DOTS = re.compile(rb"^\.", re.MULTILINE)


@frozen(kw_only=True)
class Account:
    """A server, and who we are there."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, url: str) -> "Account":
        """Raises: ValueError: it is none; says what is wrong, and nothing of the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("it is no URL") from None
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError("it must be smtps://, smtp:// or smtp+insecure:// with a host")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("it ends with the port")
        if parts.scheme == "smtp+insecure" and parts.username:
            raise ValueError("a password does not travel without TLS")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or SCHEMES[parts.scheme],
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or "") if parts.username else None,
        )


@frozen(kw_only=True)
class SmtpMail(Mail):
    account: Account
    #: ``Name <address>``, or an address.
    sender: str
    #: Which certificates are believed; tests have one of their own.
    trust: ssl.SSLContext = field(factory=ssl.create_default_context, repr=False, eq=False)
    timeout_seconds: float = TIMEOUT_SECONDS

    def send(self, message: Message) -> None:
        body = as_bytes(message, self.sender)
        with self._connected() as server:
            with _before_the_text():
                _expect(server.mail(address_of(self.sender)))
                _expect(server.rcpt(message.to))
                _expect(server.docmd("DATA"), 354)
            try:
                server.send(_DOTS.sub(b"..", body).removesuffix(b"\r\n") + b"\r\n.\r\n")
                answer = server.getreply()
            except (OSError, smtplib.SMTPException) as error:
                raise MailUnknownError("the connection broke after the text had left") from error
            _expect(answer)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        with _before_the_text():
            server = self._greeted()
        try:
            yield server
        finally:
            # What was answered counts, however the connection ends.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _greeted(self) -> smtplib.SMTP:
        account = self.account
        if account.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                account.host, account.port, timeout=self.timeout_seconds, context=self.trust
            )
        else:
            server = smtplib.SMTP(account.host, account.port, timeout=self.timeout_seconds)
        try:
            server.ehlo_or_helo_if_needed()
            if account.scheme == "smtp":
                server.starttls(context=self.trust)
                server.ehlo()
            if account.user is not None:
                server.login(account.user, account.password or "")
        except BaseException:
            server.close()
            raise
        return server


@contextmanager
def _before_the_text() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        # Its text may quote what was sent.
        raise MailUnavailableError(f"the log-in was answered {error.smtp_code}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise MailUnavailableError(f"{type(error).__name__}: {_shown(str(error))}") from error


def _expect(answer: tuple[int, bytes], good: int = 250) -> None:
    """Raises: MailRefusedError, MailUnavailableError."""
    code, text = answer
    # RFC 5321, 4.2.2: a recipient may also be forwarded (251).
    if code == good or (good == 250 and code == 251):
        return
    reason = f"{code} {_shown(text.decode('ascii', 'replace'))}"
    if 500 <= code < 600:
        raise MailRefusedError(reason)
    raise MailUnavailableError(reason)


def _shown(text: str) -> str:
    """On one line, and not too much of it: it was written by a stranger."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_MOST_REASON]
