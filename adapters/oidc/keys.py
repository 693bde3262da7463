"""What a provider signs with: its key set, as it publishes it and nowhere else.

A key that is not in the set may have been put there since: the set is fetched again, though not
more often than `AT_MOST_EVERY`, because anybody may name any key.
"""

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable

from attrs import define, field
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from adapters.oidc.exchange import Document, Exchange

KEPT_SECONDS = 600.0
AT_MOST_EVERY = 10.0
#: RFC 7518, 3.3.
LEAST_RSA_BITS = 2048
#: Kinds that verify and cannot sign.  ``oct`` is a shared secret, and none of these.
_KINDS = frozenset({"RSA", "EC", "OKP"})
#: As many as are looked at.
_MOST_KEYS = 64


@define(eq=False)
class Keys:
    _exchange: Exchange
    _now: Callable[[], float] = time.monotonic
    _known: KeySet | None = field(default=None, repr=False)
    _fetched_at: float = 0.0

    def holding(self, kid: str | None, url: str) -> KeySet:
        """The set, of now if *kid* is not in the one that was known.

        Raises: IdentityRefusedError, IdentityUnavailableError.
        """
        known, age = self._known, self._now() - self._fetched_at
        if known is not None and age < KEPT_SECONDS:
            has_it = kid is None or any(key.kid == kid for key in known)
            if has_it or age < AT_MOST_EVERY:
                return known
        fetched = read_keys(self._exchange.get(url))
        self._known, self._fetched_at = fetched, self._now()
        return fetched


def read_keys(found: Document) -> KeySet:
    """Those that can verify what we accept; what cannot be read is not there."""
    listed = found.get("keys")
    entries = listed[:_MOST_KEYS] if isinstance(listed, list) else []
    return KeySet([key for entry in entries if (key := _key(entry)) is not None])


def _key(entry: object) -> Key | None:
    if not isinstance(entry, dict) or entry.get("kty") not in _KINDS:
        return None
    if entry.get("use", "sig") != "sig":
        return None
    if (entry["kty"] == "RSA" and not _is_long(entry)) or (
        entry["kty"] == "OKP" and entry.get("crv") != "Ed25519"
    ):
        return None
    # What could sign has no business there, and is not kept.
    public = {name: value for name, value in entry.items() if name not in _PRIVATE}
    try:
        return JWKRegistry.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


#: RFC 7518, 6.2.2 and 6.3.2.
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def _is_long(entry: Document) -> bool:
    modulus = entry.get("n")
    if not isinstance(modulus, str):
        return False
    try:
        raw = urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    except ValueError:
        return False
    return int.from_bytes(raw).bit_length() >= LEAST_RSA_BITS
