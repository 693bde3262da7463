"""Mail over SMTP: ``smtps://`` (TLS from the start) or ``smtp://`` (STARTTLS, or nothing is sent).

``smtp+insecure://`` has neither, and no password: for a server on the same machine.
"""

from adapters.smtp.mail import Account, SmtpMail

__all__ = ["Account", "SmtpMail", "connect"]


def connect(url: str, sender: str) -> SmtpMail:
    """Asks nobody.  *sender* is what ``From`` says.  Raises: ValueError."""
    return SmtpMail(account=Account.read(url), sender=sender)
