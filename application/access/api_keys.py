"""API keys: made, shown once, revoked."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from attrs import evolve, field, frozen

from application.access.authenticate import write_key
from application.access.caller import Caller
from application.audit.personal import KnowPeople, Person
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from application.secret_hash import hash_secret
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, Prefix, public_id
from domain.organisation import OF_PEOPLE, ApiKey, Permission

SECRET_BYTES = 24


@frozen(kw_only=True)
class KeyRequest:
    name: str
    live: bool
    #: None: all that the maker may do.
    scopes: AbstractSet[Permission] | None
    expires_at: datetime | None


@frozen(kw_only=True)
class NewKey:
    key: ApiKey
    #: Shown now and never again.
    text: str = field(repr=False)


@frozen(kw_only=True)
class CreateApiKey:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def __call__(self, caller: Caller, request: KeyRequest) -> NewKey | Refusal:
        if refusal := caller.refusal(Permission.WRITE_API_KEYS, live=request.live):
            return refusal
        most = caller.permissions - OF_PEOPLE
        scopes = frozenset(most if request.scopes is None else request.scopes)
        if excess := scopes - most:
            names = ", ".join(sorted(excess))
            return Refusal(code="forbidden", detail=f"you may not give what you lack: {names}")
        limit = caller.expires_at
        if limit is not None and (request.expires_at is None or request.expires_at > limit):
            return Refusal(
                code="forbidden", detail="a key may not outlive the one it is made with"
            )
        secret = self.identifiers.secret(SECRET_BYTES).hex()
        person = _person(self.people, caller)
        scope = Scope(organisation=caller.organisation, user=caller.user)
        with self.store.begin(scope) as work:
            if caller.user is not None and _is_erased(work):
                # Erased since this request was let in.
                return Refusal(code="invalid_token", detail="this session is over")
            now = self.clock.now()
            if request.expires_at is not None and request.expires_at <= now:
                return Refusal(code="expiry_in_the_past", detail="the key would be dead at once")
            key = ApiKey(
                organisation=caller.organisation,
                id=ApiKeyId(self.identifiers.next()),
                name=request.name,
                live=request.live,
                scopes=scopes,
                secret_hash=hash_secret(secret.encode()),
                hint=secret[-4:],
                created_by=caller.member,
                created_at=now,
                expires_at=request.expires_at,
            )
            work.api_keys.add(key)
            trail = caller.trail(self.identifiers)
            trail.add(
                "api_key.created",
                public_id(Prefix.API_KEY, key.id),
                now,
                live=key.live,
                details={"scopes": sorted(scope.value for scope in scopes)},
                person=person,
            )
            trail.write(work)
        return NewKey(key=key, text=write_key(key.id, secret, live=key.live))


@frozen(kw_only=True)
class RevokeApiKey:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def __call__(self, caller: Caller, id: ApiKeyId) -> ApiKey | Refusal:
        """Revoking twice is no error; the first instant stays."""
        if refusal := caller.refusal(Permission.WRITE_API_KEYS):
            return refusal
        person = _person(self.people, caller)
        with self.store.begin(caller.scope) as work:
            key = work.api_keys.get(id)
            if key is None:
                return Refusal(code="not_found", detail="there is no such API key")
            if refusal := caller.refusal(Permission.WRITE_API_KEYS, live=key.live):
                return refusal
            if key.revoked_at is not None:
                return key
            now = self.clock.now()
            revoked = evolve(key, revoked_at=now)
            work.api_keys.put(revoked)
            trail = caller.trail(self.identifiers)
            name = public_id(Prefix.API_KEY, id)
            trail.add("api_key.revoked", name, now, live=key.live, person=person)
            trail.write(work)
        return revoked


def _person(people: KnowPeople, caller: Caller) -> Person | None:
    """Of a session; an API key is nobody, and its id says which one it was."""
    return None if caller.user is None else people(caller.user, caller.source)


def _is_erased(work: Work) -> bool:
    key = work.subject_keys.lock()
    return key is not None and key.destroyed_at is not None
