"""Sending somebody to the provider, and knowing them again when they come back.

Whoever starts gets a token, and keeps it: in a cookie, or where a program keeps such things.  What
travels by way of the provider is derived from its secret, each part on its own, so that neither
the provider nor whoever sees the URL can finish what somebody else has begun; and there is nothing
in the store from which it could be made.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.identity_provider import (
    Answer,
    Handshake,
    Identified,
    IdentityProvider,
    IdentityRefusedError,
    IdentityUnavailableError,
)
from application.ports.storage.work import Scope, Store
from application.secret_hash import hash_secret, is_same
from domain.abuse import LoginFailures, counted
from domain.errors import Refusal
from domain.identifiers import FlowId, OrganisationId, SessionId, UserId
from domain.sign_in import FLOW_LIFE, MOST_STARTS_FROM_A_NETWORK, Flow

SECRET_BYTES = 32
_ID = 16

NOT_CONFIGURED = Refusal(
    code="sso_not_configured", detail="this installation has no single sign-on"
)
WRONG_FLOW = Refusal(
    code="sso_failed", detail="this sign-in was not started here, is over, or was finished before"
)


@frozen(kw_only=True)
class FlowToken:
    flow: FlowId
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "FlowToken | None":
        """None for whatever is not a token of ours."""
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (NotBase64, ValueError):
            return None
        if len(raw) != _ID + SECRET_BYTES:
            return None
        return cls(flow=FlowId(UUID(bytes=raw[:_ID])), secret=raw[_ID:])

    @property
    def text(self) -> str:
        return _text(self.flow.bytes + self.secret)

    @property
    def handshake(self) -> Handshake:
        # RFC 7636, 4.1: a verifier has 43 to 128 letters of this alphabet.
        return Handshake(
            state=self._derived("state"),
            nonce=self._derived("nonce"),
            verifier=self._derived("verifier"),
        )

    def _derived(self, purpose: str) -> str:
        about = f"sign-in {purpose}\0".encode() + self.flow.bytes
        return _text(hmac.digest(self.secret, about, hashlib.sha256))


@frozen(kw_only=True)
class Started:
    #: Where to log in.
    url: str
    #: For whoever started only.
    token: str = field(repr=False)
    expires_at: datetime


@frozen(kw_only=True)
class ComingBack:
    """What somebody has brought back from the provider."""

    token: str = field(repr=False)
    state: str
    answer: Answer
    #: The network that it came from.
    source: str
    request_id: str


@frozen(kw_only=True)
class StartFlow:
    store: Store
    clock: Clock
    identifiers: Identifiers
    #: None: there is none.
    provider: IdentityProvider | None

    def __call__(
        self,
        source: str,
        *,
        organisation: OrganisationId | None = None,
        name: str | None = None,
        user: UserId | None = None,
        session: SessionId | None = None,
    ) -> Started | Refusal:
        if self.provider is None:
            return NOT_CONFIGURED
        token = FlowToken(
            flow=FlowId(self.identifiers.next()), secret=self.identifiers.secret(SECRET_BYTES)
        )
        try:
            url = self.provider.page(token.handshake)
        except (IdentityRefusedError, IdentityUnavailableError) as error:
            return _unavailable(error)
        with self.store.begin(Scope.installation()) as work:
            key = _network_key(source)
            before = work.login_attempts.lock(key)
            now = self.clock.now()
            after = counted(before, MOST_STARTS_FROM_A_NETWORK, now)
            if not isinstance(after, LoginFailures):
                return Refusal(
                    code="rate_limited",
                    detail="too many sign-ins were started from this network",
                    retry_after=after,
                )
            work.login_attempts.put(key, after)
            flow = Flow(
                id=token.flow,
                secret_hash=hash_secret(token.secret),
                issuer=self.provider.issuer,
                organisation=organisation,
                name=name,
                user=user,
                session=session,
                started_at=now,
                expires_at=now + FLOW_LIFE,
            )
            work.sign_in_flows.add(flow)
        return Started(url=url, token=token.text, expires_at=flow.expires_at)


@frozen(kw_only=True)
class FinishFlow:
    store: Store
    clock: Clock
    provider: IdentityProvider | None

    def __call__(
        self, back: ComingBack, *, session: SessionId | None = None
    ) -> tuple[Flow, Identified] | Refusal:
        """Which flow it was, and who has come.  *session*: in which one an identity is linked;
        None: somebody signs in.  Neither can be finished as the other.
        """
        if self.provider is None:
            return NOT_CONFIGURED
        token = FlowToken.parse(back.token)
        if token is None:
            return WRONG_FLOW
        with self.store.begin(Scope.installation()) as work:
            flow = work.sign_in_flows.get(token.flow)
            now = self.clock.now()
            if flow is None or not is_same(hash_secret(token.secret), flow.secret_hash):
                return WRONG_FLOW
            state = back.state.encode(errors="surrogatepass")
            if not hmac.compare_digest(state, token.handshake.state.encode()):
                return WRONG_FLOW
            # The provider may be another one by now.
            if flow.issuer != self.provider.issuer or flow.session != session:
                return WRONG_FLOW
            # Used up before the provider is asked, so that nothing is asked twice.
            if not work.sign_in_flows.take(flow.id, now):
                return WRONG_FLOW
        try:
            return flow, self.provider.identify(back.answer, token.handshake)
        except IdentityRefusedError as error:
            return Refusal(code="sso_failed", detail=str(error))
        except IdentityUnavailableError as error:
            return _unavailable(error)


def _unavailable(error: Exception) -> Refusal:
    return Refusal(code="sso_unavailable", detail=str(error))


def _network_key(source: str) -> bytes:
    text = f"sign-ins from\0{source}"
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
