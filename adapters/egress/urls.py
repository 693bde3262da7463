"""What a URL of a member may look like, and what it means."""

import re
from urllib.parse import quote, urlsplit

import idna
from attrs import frozen

from adapters.egress import addresses
from adapters.egress.addresses import Address
from application.ports.egress import EgressRefusedError

LONGEST_URL = 2_048
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Parsers disagree about all others; a backslash is a slash to some.
_PLAIN = re.compile(r"[^\x00-\x20\x7f\\]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
#: What stands in paths and queries as it is (RFC 3986, 3.3 and 3.4).
_SAFE = "/?:@!$&'()*+,;=-._~%"


@frozen(kw_only=True)
class Target:
    is_tls: bool
    #: As it is resolved, and as its certificate is held against it: ASCII, lower case.
    host: str
    #: The host, where it is a number.
    address: Address | None
    port: int
    #: Path and query.
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _DEFAULT_PORTS["https" if self.is_tls else "http"]
        return host if is_default else f"{host}:{self.port}"


def parse(url: str) -> Target:
    """Raises: EgressRefusedError: whatever it is, we do not go there."""
    if len(url) > LONGEST_URL:
        raise _refused("url_too_long", f"the URL has more than {LONGEST_URL} characters")
    if not _PLAIN.fullmatch(url):
        raise _refused("invalid_url", "the URL has blanks, backslashes or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("invalid_url", "the text is not a URL") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise _refused("scheme_refused", "the URL must begin with https://")
    if "@" in parts.netloc:
        raise _refused("credentials_refused", "the URL has a user or a password in it")
    if parts.fragment or url.endswith("#"):
        raise _refused("invalid_url", "the URL has a fragment, which is sent nowhere")
    host = _host(parts.hostname or "")
    return Target(
        is_tls=parts.scheme == "https",
        host=host,
        address=addresses.read(host),
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        path=_path(parts.path, parts.query),
    )


def _host(name: str) -> str:
    if addresses.read(name) is not None:
        return str(addresses.read(name))
    if ":" in name or "%" in name:
        raise _refused("invalid_url", "the URL's host is no name and no address")
    try:
        # UTS 46: full stops of other scripts become ours, and the rules are those of IDNA 2008.
        bare = name.rstrip(".") if name.isascii() else idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise _refused("invalid_url", "the URL's host is no name of the internet") from error
    bare = bare.rstrip(".").lower()
    labels = bare.split(".")
    if len(bare) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("invalid_url", "the URL's host is no name of the internet")
    # 2130706433, 0x7f.1 and 0177.0.0.1 are addresses to some resolvers (WHATWG URL, 3.5).
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        raise _refused("invalid_url", "the URL's host is an address in a form of its own")
    return bare


def _path(path: str, query: str) -> str:
    whole = (path or "/") + (f"?{query}" if query else "")
    return quote(whole, safe=_SAFE)


def _refused(code: str, detail: str) -> EgressRefusedError:
    return EgressRefusedError(code, detail)
