"""What must never be written, whoever tries: taken out of every line before it is one.

Three nets, one behind the other: names of fields that hold secrets, the secrets of this very
configuration, and the forms that secrets have.  None of them excuses whoever hands a secret to a
log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

from entrypoints.settings import Settings

NOT_SHOWN = "[not shown]"

#: Names of fields, in lower case: what stands under one of them is not shown, whatever it is.
SECRETS = frozenset(
    {
        "password",
        "passphrase",
        "secret",
        "token",
        "refresh_token",
        "access_token",
        "authorization",
        "key",
    }
    | {"master_key", "private_key", "email", "body", "mnemonic", "cookie", "dsn", "api_key"}
    | {"client_secret", "webhook_secret", "secret_id", "pin", "x-algo-api-token", "x-vault-token"}
)

#: Ids of ours, of traces and spans, and instants: no form of a secret is one of these.
_PLAIN = re.compile(r"[a-z]{2,5}_[0-9a-z]{26}|[0-9a-f]{16}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z?")
_LONGEST_WORD = 64
_REMEMBERED = 2_048
#: Shorter values of a configuration are words that other lines may have, too.
_SHORTEST = 8

_NAMES = (
    "password|passwd|passphrase|secret|client_secret|refresh_token|access_token|api_key|private_key|"
    "secret_key|secret_id|mnemonic|signature|x-algo-api-token|x-vault-token"
)
#: However they are spelt.
_NAMED = (
    # What stands behind a name, in a URL, a header, JSON, or a connection string of libpq.
    rf"(?P<kept>(?:{_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"'&,;}}\\]+",
    r"(?P<kept>[?&](?:token|key|code|sig|auth|apikey)=)[^\s&\"']+",
    r"(?P<kept>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{6,}",
    # The password of a URL; who logs in, and where, is no secret.
    r"(?P<kept>\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)[^\s/@]+(?=@)",
)
_FORMS = (
    # Ours: API keys.  Refresh tokens and links of letters have no form; their fields are above.
    r"\btsk_(?:live|test)_\w+",
    # Of others: JWTs, Stripe, Standard Webhooks, Vault, AWS.
    r"\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*",
    r"\b(?:sk|rk)_(?:live|test)_\w+",
    r"\bwhs(?:ec|k)_[\w+/=-]+",
    r"\bhv[sbr]\.[\w-]{6,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    # A mnemonic: no sentence has so many words in a row that are neither short nor long.
    r"\b(?:[a-z]{3,8}[ ,]+){11,}[a-z]{3,8}\b",
)


class Redaction:
    def __init__(self, known: Iterable[str] = ()) -> None:
        # The longest first: one may begin another.
        secrets = sorted(set(known), key=lambda each: (-len(each), each))
        forms = [re.escape(each) for each in secrets]
        self._known = re.compile("|".join(forms)) if forms else None
        self._secrets = frozenset(secrets)
        self._remembered = lru_cache(_REMEMBERED)(self._searched)
        self._forms = [re.compile(form, re.IGNORECASE) for form in _NAMED]
        self._forms += [re.compile(form, re.DOTALL) for form in _FORMS]

    def text(self, text: str) -> str:
        if len(text) > _LONGEST_WORD:
            return self._searched(text)
        # Most of what lines have: an id, an instant, or what other lines have too.
        if _PLAIN.fullmatch(text) and text not in self._secrets:
            return text
        return self._remembered(text)

    def _searched(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(NOT_SHOWN, text)
        for form in self._forms:
            text = form.sub(_kept, text)
        return text

    def fields(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: NOT_SHOWN if _is_secret(name) else self.value(value)
            for name, value in event.items()
        }

    def value(self, value: Any) -> Any:
        """*value* as it may be written: numbers as they are, anything else by its text."""
        if type(value) is str:  # most of them, and the match below asks slowly
            return self.text(value)
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case Mapping():
                return self.fields({str(name): each for name, each in value.items()})
            case list() | tuple() | set() | frozenset():
                return [self.value(each) for each in value]
        return self.text(str(value))


@lru_cache(_REMEMBERED)
def _is_secret(name: str) -> bool:
    return name.lower() in SECRETS


def _kept(found: re.Match[str]) -> str:
    return (found.groupdict().get("kept") or "") + NOT_SHOWN


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret that *settings* hold: what is in no `repr` is secret, or has one in it."""
    return frozenset(each for each in _secret_in(settings) if len(each) >= _SHORTEST)


def _secret_in(value: Any) -> Iterator[str]:
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            inner = getattr(value, field.name)
            yield from _secret_in(inner) if field.repr else _spelt(inner)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secret_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secret_in(each)


def _spelt(secret: Any) -> Iterator[str]:
    """As it may turn up: whole, line by line, and what a URL has of it."""
    if isinstance(secret, Mapping):
        for each in secret.values():
            yield from _spelt(each)
    elif isinstance(secret, list | tuple | frozenset | set):
        for each in secret:
            yield from _spelt(each)
    elif isinstance(secret, str):
        if "://" in secret:
            yield from _in_url(secret)
            return
        for part in (secret, *re.split(r"[\s,]+", secret)):
            yield part
            # ``<version>:<base64>`` of master keys.
            yield part.partition(":")[2]


def _in_url(url: str) -> Iterator[str]:
    """Its password; and what hosted nodes have as a key in the path or the query."""
    parts = urlsplit(url)
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    yield from (each for each in parts.path.split("/") if len(each) >= 2 * _SHORTEST)
    yield from (each for _, each in parse_qsl(parts.query) if len(each) >= 2 * _SHORTEST)
