"""The port: where somebody logs in, and who it was that came back."""

import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from attrs import define, field, frozen
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client

from adapters.oidc.claims import Expected, key_named, subject_of, verified, verified_email
from adapters.oidc.exchange import Exchange
from adapters.oidc.keys import Keys
from adapters.oidc.metadata import WELL_KNOWN, Metadata
from application.ports.clock import Clock
from application.ports.egress import Egress
from application.ports.identity_provider import (
    Answer,
    Handshake,
    Identified,
    IdentityProvider,
    IdentityRefusedError,
    IdentityUnavailableError,
)

KEPT_SECONDS = 600.0
SCOPE = "openid email"


@frozen(kw_only=True)
class Client:
    """Who we are there."""

    issuer: str
    id: str
    #: None: the provider knows us by our name only.
    secret: str | None = field(default=None, repr=False)
    #: Where people are sent back to.
    redirect_url: str


def connect(client: Client, egress: Egress, clock: Clock) -> "OidcProvider":
    """Asks nobody."""
    return OidcProvider(client, Exchange(egress), clock)


@define(eq=False)
class OidcProvider(IdentityProvider):
    _client: Client
    _exchange: Exchange
    _clock: Clock
    _now: Callable[[], float] = time.monotonic
    _keys: Keys = field(init=False)
    _metadata: Metadata | None = field(default=None, init=False)
    _read_at: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._keys = Keys(self._exchange, self._now)

    @property
    def issuer(self) -> str:
        return self._client.issuer

    def page(self, handshake: Handshake) -> str:
        metadata = self.metadata()
        url, _ = self._session(metadata).create_authorization_url(
            metadata.authorization_endpoint,
            state=handshake.state,
            code_verifier=handshake.verifier,
            nonce=handshake.nonce,
        )
        return str(url)

    def identify(self, answer: Answer, handshake: Handshake) -> Identified:
        metadata = self.metadata()
        # RFC 9207, 2.4: an answer of another provider's is not taken to this one.
        if answer.issuer != self.issuer and (answer.issuer is not None or metadata.names_itself):
            raise IdentityRefusedError("issuer")
        tokens = self._exchanged(metadata, answer.code, handshake)
        text, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(text, str):
            raise IdentityRefusedError("token:missing")
        if not isinstance(access_token, str):
            access_token = None
        expected = Expected(
            issuer=self.issuer,
            client_id=self._client.id,
            nonce=handshake.nonce,
            algorithms=metadata.algorithms,
            now=self._clock.now(),
        )
        keys = self._keys.holding(key_named(text), metadata.jwks_uri)
        claims = verified(text, keys, expected, access_token)
        subject = subject_of(claims)
        if "email" not in claims and metadata.userinfo_endpoint and access_token:
            claims = self._told_of(metadata.userinfo_endpoint, access_token, subject)
        return Identified(
            issuer=self.issuer, subject=subject, verified_email=verified_email(claims)
        )

    def metadata(self) -> Metadata:
        """What the provider says of itself, of the last few minutes.

        Raises: IdentityRefusedError, IdentityUnavailableError.
        """
        known = self._metadata
        if known is not None and self._now() - self._read_at < KEPT_SECONDS:
            return known
        found = self._exchange.get(self.issuer.rstrip("/") + WELL_KNOWN)
        read = Metadata.read(found, self.issuer, has_secret=self._client.secret is not None)
        self._exchange.may_be_shown(read.authorization_endpoint)
        self._metadata, self._read_at = read, self._now()
        return read

    def _exchanged(self, metadata: Metadata, code: str, handshake: Handshake) -> dict[str, object]:
        try:
            found: dict[str, object] = self._session(metadata).fetch_token(
                metadata.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=handshake.verifier,
            )
        except OAuth2Error as error:
            known = {"invalid_grant": "code", "invalid_client": "client"}
            raise IdentityRefusedError(known.get(str(error.error), "token_endpoint")) from error
        except ValueError as error:
            raise IdentityUnavailableError("the provider's answer is no token") from error
        return found

    def _told_of(self, url: str, access_token: str, subject: str) -> dict[str, object]:
        """What the provider says of whoever the token is of (Core, 5.3)."""
        found = self._exchange.get(url, bearer=access_token)
        # Core, 5.3.2: it may be somebody else's.
        if found.get("sub") != subject:
            raise IdentityRefusedError("userinfo:sub")
        return found

    def _session(self, metadata: Metadata) -> Any:
        client = OAuth2Client(
            self._exchange,
            client_id=self._client.id,
            client_secret=self._client.secret,
            token_endpoint_auth_method=metadata.client_auth,
            scope=SCOPE,
            redirect_uri=self._client.redirect_url,
            code_challenge_method="S256",
        )
        client.register_client_auth_method(("client_secret_basic", _basic))
        return client


def _basic(
    client: Any, _method: str, url: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    # RFC 6749, 2.3.1: both are form-encoded first; Authlib leaves that out.
    pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    return url, {**headers, "Authorization": f"Basic {b64encode(pair.encode()).decode()}"}, body
