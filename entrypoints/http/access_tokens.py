"""Access tokens: who is logged in, for ten minutes, without asking the database who signed.

EdDSA JWTs.  The algorithm is pinned to its fully specified name, ``Ed25519`` (RFC 9864), and the
type to ``at+jwt`` (RFC 9068), so that no other token of anybody passes for one.  They name the
session only: what it may do is read afresh at every request.
"""

from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from domain.audit import JsonValue
from domain.identifiers import InstallationId, Prefix, SessionId, UserId, parse_id, public_id

LIFE = timedelta(minutes=10)
#: How far the clocks of two processes may be apart.
LEEWAY = timedelta(seconds=5)

_ALGORITHM: Final = "Ed25519"
_TYPE: Final = "at+jwt"
#: RFC 8410: what stands before the seed in the PKCS #8 form of an Ed25519 key.
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
_SEED_BYTES = 32


@frozen(kw_only=True)
class Bearer:
    """What a good token says."""

    user: UserId
    session: SessionId
    expires_at: datetime


@define
class AccessTokens:
    """Issues and verifies.  Every process of an installation has the same *seed*."""

    seed: bytes = field(repr=False)
    installation: InstallationId
    _key: OKPKey = field(init=False, repr=False)
    _kid: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        if len(self.seed) != _SEED_BYTES:
            raise ValueError(f"the seed of the token key has {_SEED_BYTES} bytes")
        self._kid = OKPKey.import_key(_PKCS8 + self.seed).thumbprint()
        self._key = OKPKey.import_key(_PKCS8 + self.seed, {"kid": self._kid})

    @property
    def issuer(self) -> str:
        return public_id(Prefix.INSTALLATION, self.installation)

    def issue(self, user: UserId, session: SessionId, now: datetime) -> str:
        header = {"alg": _ALGORITHM, "kid": self._kid, "typ": _TYPE}
        claims = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": public_id(Prefix.USER, user),
            "sid": public_id(Prefix.SESSION, session),
            "iat": int(now.timestamp()),
            "exp": int((now + LIFE).timestamp()),
        }
        return jwt.encode(header, claims, self._key, algorithms=[_ALGORITHM])

    def verify(self, text: str, now: datetime) -> Bearer | None:
        """What *text* says, or None for whatever is not a good token of ours."""
        expected = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.issuer},
            sub={"essential": True},
            sid={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            token = jwt.decode(text, self._key, algorithms=[_ALGORITHM])
            if (token.header.get("typ"), token.header.get("kid")) != (_TYPE, self._kid):
                return None
            expected.validate(token.claims)
            expires_at = datetime.fromtimestamp(token.claims["exp"], now.tzinfo)
        except (JoseError, ValueError, OverflowError, OSError):
            return None
        user = parse_id(Prefix.USER, str(token.claims["sub"]))
        session = parse_id(Prefix.SESSION, str(token.claims["sid"]))
        if user is None or session is None:
            return None
        return Bearer(user=UserId(user), session=SessionId(session), expires_at=expires_at)

    def jwks(self) -> dict[str, JsonValue]:
        """The public key, as RFC 7517 has it."""
        public = {name: str(value) for name, value in self._key.as_dict(private=False).items()}
        return {"keys": [{**public, "alg": _ALGORITHM, "use": "sig"}]}
