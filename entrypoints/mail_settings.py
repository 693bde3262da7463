"""By what mail is sent, and whether addresses are verified: ``[mail]``."""

from urllib.parse import urlsplit

from attrs import field, frozen

from domain.letter import is_plain_address
from entrypoints.network_settings import shown

FOLDER = "folder"
_SERVERS = ("smtps", "smtp", "smtp+insecure")
_URL = "TALLYSTICK_MAIL_URL ([mail] url)"
_FROM = "TALLYSTICK_MAIL_FROM ([mail] from)"
_VERIFY = "TALLYSTICK_MAIL_VERIFY ([mail] verify)"


@frozen(kw_only=True)
class MailSettings:
    #: ``smtps://user:password@host``, or ``folder:`` and a path; None: there is no mail.
    url: str | None = field(default=None, repr=False)
    #: What letters are from.
    sender: str = ""
    #: Whether registering needs an address that mail reaches.
    verifies: bool = True

    @property
    def is_there(self) -> bool:
        return self.url is not None

    @property
    def scheme(self) -> str:
        return (self.url or "").partition(":")[0]

    @property
    def folder(self) -> str:
        """Where scheme is `FOLDER`."""
        return (self.url or "").partition(":")[2].removeprefix("//")

    def redacted(self) -> dict[str, object]:
        url = shown(self.url) if self.scheme != FOLDER else self.url
        return {"url": url, "from": self.sender, "verify": self.verifies}


def read_mail(
    url: str | None, sender: str, environment: str, *, verifies: bool
) -> tuple[MailSettings, list[str]]:
    """The settings, and every fault.  Asks nobody."""
    read = MailSettings(url=url or None, sender=sender, verifies=verifies)
    faults = []
    if not verifies and environment != "development":
        faults.append(f"{_VERIFY} may be false in development only")
    if not read.is_there:
        return read, faults
    if read.scheme == FOLDER:
        if not read.folder:
            faults.append(f"{_URL} must name a folder: folder:/var/mail/tallystick")
        if environment == "production":
            faults.append(f"{_URL}: a folder delivers nothing; it is for development and tests")
    else:
        faults += _server_faults(read, environment)
    if not is_plain_address(sender.rpartition("<")[2].removesuffix(">").strip()):
        faults.append(
            f"{_FROM} must be an address, or a name and one: Tallystick <issue@example.com>"
        )
    elif not sender.isprintable():
        faults.append(f"{_FROM} must be one line")
    return read, faults


def _server_faults(read: MailSettings, environment: str) -> list[str]:
    # What is wrong is said without the URL: it has the password.
    try:
        parts = urlsplit(read.url or "")
        host, _ = parts.hostname, parts.port
    except ValueError:
        return [f"{_URL} is no URL"]
    if read.scheme not in _SERVERS or not host or parts.path.strip("/") or parts.query:
        return [f"{_URL} must be smtps://user:password@host:465, or smtp:// for STARTTLS"]
    if read.scheme != "smtp+insecure":
        return []
    faults = []
    if parts.username:
        faults.append(f"{_URL}: a password does not travel without TLS")
    if environment == "production" and host not in {"localhost", "127.0.0.1", "::1"}:
        faults.append(f"{_URL}: smtp+insecure is for a server on this machine")
    return faults
