"""What a provider says of itself (OpenID Connect Discovery 1.0, 3 and 4)."""

from collections.abc import Sequence

from attrs import frozen

from adapters.oidc.exchange import Document
from application.ports.identity_provider import IdentityRefusedError

#: As ID tokens may be signed; RFC 9864 calls EdDSA on that curve by its own name.
ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")

WELL_KNOWN = "/.well-known/openid-configuration"


@frozen(kw_only=True)
class Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    #: How we say at the token endpoint who we are, of what both can.
    client_auth: str
    #: RFC 9207: whoever comes back says from whom.
    names_itself: bool

    @classmethod
    def read(cls, found: Document, issuer: str, *, has_secret: bool) -> "Metadata":
        """Raises: IdentityRefusedError: it is somebody else's, or cannot be talked to."""
        # Discovery, 4.3: exactly the issuer that was asked for.
        if found.get("issuer") != issuer:
            raise IdentityRefusedError("metadata:issuer")
        # Discovery, 3: without the member, RS256 is what it signs with.
        signs = _names(found, "id_token_signing_alg_values_supported", ("RS256",))
        algorithms = tuple(each for each in ALGORITHMS if each in signs)
        if not algorithms:
            raise IdentityRefusedError("metadata:algorithms")
        if "code" not in _names(found, "response_types_supported", ("code",)):
            raise IdentityRefusedError("metadata:response_types")
        if "S256" not in _names(found, "code_challenge_methods_supported", ("S256",)):
            raise IdentityRefusedError("metadata:pkce")
        return cls(
            authorization_endpoint=_url(found, "authorization_endpoint"),
            token_endpoint=_url(found, "token_endpoint"),
            jwks_uri=_url(found, "jwks_uri"),
            userinfo_endpoint=_url(found, "userinfo_endpoint")
            if "userinfo_endpoint" in found
            else None,
            algorithms=algorithms,
            client_auth=_client_auth(found, has_secret=has_secret),
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )


def _client_auth(found: Document, *, has_secret: bool) -> str:
    if not has_secret:
        return "none"
    known = _names(found, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    for method in ("client_secret_basic", "client_secret_post"):
        if method in known:
            return method
    raise IdentityRefusedError("metadata:client_auth")


def _names(found: Document, name: str, default: Sequence[str]) -> Sequence[str]:
    value = found.get(name, default)
    return value if isinstance(value, list | tuple) else ()


def _url(found: Document, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise IdentityRefusedError(f"metadata:{name}")
    return value
