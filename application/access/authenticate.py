"""Who is calling: from a session or an API key to what they may do, read afresh each time."""

import binascii
from datetime import timedelta

from attrs import frozen

from application.access.caller import Caller
from application.ports.clock import Clock
from application.ports.storage.work import Scope, Store
from application.secret_hash import hash_secret, is_same
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, Prefix, SessionId, UserId, parse_id, public_id
from domain.organisation import PERMISSIONS, ApiKey

KEY_PREFIX = "tsk"
USE_REMEMBERED_EVERY = timedelta(minutes=5)

_WRONG_SESSION = Refusal(code="invalid_token", detail="this session is over; log in again")
_WRONG_KEY = Refusal(code="invalid_api_key", detail="this API key is not good (any more)")
_NOT_ENABLED = Refusal(
    code="api_key_not_enabled",
    detail="the operator has ended all access since this API key was made or last enabled",
)


@frozen(kw_only=True)
class Authenticate:
    store: Store
    clock: Clock

    def session(self, id: SessionId, user: UserId, request_id: str) -> Caller | Refusal:
        """The caller behind an access token that was verified to name this session."""
        standing = self.store.ask(Scope(user=user), lambda work: work.sessions.standing(id))
        if standing is None:
            return _WRONG_SESSION
        session, organisation, member = standing
        if session.is_over(self.clock.now()):
            return _WRONG_SESSION
        return Caller(
            organisation=organisation.id,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            permissions=PERMISSIONS[member.role],
            live=None,
            request_id=request_id,
            member=member.id,
            tariff=organisation.tariff,
            user=user,
            session=session.id,
        )

    def api_key(self, text: str, request_id: str) -> Caller | Refusal:
        parsed = parse_key(text)
        if parsed is None:
            return _WRONG_KEY
        id, secret = parsed
        standing = self.store.ask(Scope(), lambda work: work.api_keys.recognise(id))
        if standing is None:
            return _WRONG_KEY
        key, organisation, maker = standing.key, standing.organisation, standing.maker
        is_right = is_same(hash_secret(secret.encode()), key.secret_hash)
        if not is_right or key.is_over(self.clock.now()) or maker.removed_at is not None:
            return _WRONG_KEY
        if key.needs_enabling(standing.epoch):
            # Told to whoever has the secret only.
            return _NOT_ENABLED
        self._remember_use(key)
        return Caller(
            organisation=organisation.id,
            actor=Actor("api_key", public_id(Prefix.API_KEY, key.id)),
            # Never more than its maker may by now.
            permissions=key.scopes & PERMISSIONS[maker.role],
            live=key.live,
            request_id=request_id,
            member=key.created_by,
            expires_at=key.expires_at,
            networks=key.networks,
            tariff=organisation.tariff,
            requests_per_minute=key.requests_per_minute,
            api_version=key.api_version,
        )

    def _remember_use(self, key: ApiKey) -> None:
        """Not each one: a use is a read for most, and would be a write for all."""
        now = self.clock.now()
        if key.last_used_at is None or now - key.last_used_at >= USE_REMEMBERED_EVERY:
            with self.store.begin(Scope(organisation=key.organisation)) as work:
                work.api_keys.used(key.id, now)


def write_key(id: ApiKeyId, secret: str, *, live: bool) -> str:
    """``tsk_<mode>_<id>_<secret><crc>``: scanners can tell a leaked one without asking us."""
    mode = "live" if live else "test"
    letters = public_id(Prefix.API_KEY, id).rpartition("_")[2]
    return f"{KEY_PREFIX}_{mode}_{letters}_{secret}{_crc(mode, letters, secret)}"


def parse_key(text: str) -> tuple[ApiKeyId, str] | None:
    """Id and secret, or None for whatever is not a key of ours."""
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != KEY_PREFIX or parts[1] not in {"live", "test"}:
        return None
    id = parse_id(Prefix.API_KEY, f"{Prefix.API_KEY}_{parts[2]}")
    secret, crc = parts[3][:-8], parts[3][-8:]
    if id is None or not secret.isascii() or crc != _crc(parts[1], parts[2], secret):
        return None
    return ApiKeyId(id), secret


def _crc(*parts: str) -> str:
    """Over the mode too: a key that says another one than it was made for is no key."""
    return f"{binascii.crc32('_'.join(parts).encode()):08x}"
