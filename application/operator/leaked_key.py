"""Revoke one API key that has leaked, whoever's it is: nobody of its organisation need be reached.

Somebody who found a key shows it.  Its id and its checksum anybody could make up, so the secret is
compared: a made-up key revokes nobody's.
"""

from attrs import evolve, frozen

from application.access.authenticate import parse_key
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from application.secret_hash import hash_secret, is_same
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, Prefix, public_id
from domain.organisation import ApiKey


@frozen(kw_only=True)
class Revoked:
    key: ApiKey
    #: It was revoked before; the first instant stays.
    is_repeated: bool


@frozen(kw_only=True)
class RevokeLeakedKey:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def by_text(self, text: str, reason: str) -> Revoked | Refusal:
        """*text*: the whole key, as it was found."""
        parsed = parse_key(text)
        if parsed is None:
            return Refusal(
                code="invalid_api_key",
                detail="this is no API key of this software, or not all of it: the checksum in "
                "its last eight letters does not match",
            )
        id, secret = parsed
        return self._revoke(id, reason, hash_secret(secret.encode()))

    def by_id(self, id: ApiKeyId, reason: str) -> Revoked | Refusal:
        return self._revoke(id, reason, None)

    def _revoke(self, id: ApiKeyId, reason: str, shown: bytes | None) -> Revoked | Refusal:
        """*reason* is kept for seven years, in clear.  *shown*: the hash of the secret."""
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        name = public_id(Prefix.API_KEY, id)
        unknown = Refusal(code="not_found", detail=f"there is no API key {name} here")
        with self.store.begin(Scope()) as work:
            found = work.api_keys.find(id)
        if found is None:
            return unknown
        with self.store.begin(Scope(organisation=found.organisation)) as work:
            key = work.api_keys.get(id)
            if key is None:
                return unknown
            if shown is not None and not is_same(shown, key.secret_hash):
                return Refusal(
                    code="invalid_api_key",
                    detail=f"there is a {name}, but this is not its secret: it did not leak by "
                    "this.  To revoke it all the same, give its id",
                )
            if key.revoked_at is not None:
                return Revoked(key=key, is_repeated=True)
            now = self.clock.now()
            revoked = evolve(key, revoked_at=now)
            work.api_keys.put(revoked)
            trail = Trail(
                identifiers=self.identifiers, organisation=key.organisation, actor=OPERATOR
            )
            trail.add("api_key.revoked", name, now, live=key.live, details={"reason": reason})
            trail.write(work)
        return Revoked(key=revoked, is_repeated=False)
