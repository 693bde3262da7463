"""What the provider's word must be like: signature first, then every claim (Core 1.0, 3.1.3.7)."""

import json
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from application.ports.identity_provider import IdentityRefusedError

#: Between their clock and ours.
LEEWAY = timedelta(seconds=30)
#: Since it was signed: a sign-in takes no longer.
OLDEST = timedelta(minutes=10)
#: Core, 2: at most 255 ASCII letters.
LONGEST_SUBJECT = 255
_LONGEST_HEADER = 8 * 1024


@frozen(kw_only=True)
class Expected:
    issuer: str
    client_id: str
    nonce: str
    algorithms: tuple[str, ...]
    now: datetime


class _Registry(JWSRegistry):
    """joserfc's, for headers that have more members than it knows: none of them is used.  What
    ``crit`` says must be understood is refused.
    """

    max_header_length = _LONGEST_HEADER

    def get_alg(self, name: str) -> Any:
        # It warns of EdDSA, which is the name that providers know Ed25519 by.
        if name == "EdDSA" and name in (self.allowed or ()):
            return self.algorithms[name]
        return super().get_alg(name)


def key_named(text: str) -> str | None:
    """Which key a token says it is signed with; nothing else of it is believed yet.

    Raises: IdentityRefusedError.
    """
    if text.count(".") != 2:
        # Encrypted tokens have four; whatever has fewer is not signed.
        raise IdentityRefusedError("token:form")
    head = text.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(head[:_LONGEST_HEADER] + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError) as error:
        raise IdentityRefusedError("token:form") from error
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None


def verified(
    text: str, keys: KeySet, expected: Expected, access_token: str | None
) -> dict[str, Any]:
    """The claims of a good ID token.  Raises: IdentityRefusedError."""
    registry = _Registry(algorithms=list(expected.algorithms), strict_check_header=False)
    try:
        token = jwt.decode(text, keys, algorithms=list(expected.algorithms), registry=registry)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise IdentityRefusedError("token:signature") from error
    # Authlib does not know which hash belongs to the newer name (RFC 9864, 2.2).
    is_hash_known = token.header["alg"] != "Ed25519"
    claims = CodeIDToken(
        token.claims,
        token.header,
        {
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
        },
        {
            "client_id": expected.client_id,
            "nonce": expected.nonce,
            "access_token": access_token if is_hash_known else None,
        },
    )
    now = int(expected.now.timestamp())
    try:
        claims.validate(now, int(LEEWAY.total_seconds()))
    except JoseError as error:
        raise IdentityRefusedError(f"token:{_claim(error)}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise IdentityRefusedError("token:claims") from error
    if now - token.claims["iat"] > (OLDEST + LEEWAY).total_seconds():
        raise IdentityRefusedError("token:iat")
    return token.claims


def subject_of(claims: dict[str, Any]) -> str:
    """Raises: IdentityRefusedError."""
    subject = claims["sub"]
    is_plain = isinstance(subject, str) and subject.isascii() and subject.isprintable()
    if not is_plain or not 1 <= len(subject) <= LONGEST_SUBJECT:
        raise IdentityRefusedError("token:sub")
    return str(subject)


def verified_email(claims: dict[str, Any]) -> str | None:
    """Core, 5.1: ``email_verified`` is true, and no text that says so."""
    email = claims.get("email")
    return email if claims.get("email_verified") is True and isinstance(email, str) else None


def _claim(error: JoseError) -> str:
    """Which claim is wrong: a name of ours, never what stands in it."""
    named = getattr(error, "claim_name", None) or getattr(error, "claim", None)
    return named if named in _NAMED else "claims"


_NAMED = frozenset(
    {"iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "sub", "at_hash", "auth_time", "amr"}
)
