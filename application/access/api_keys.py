"""API keys: made, shown once, revoked; enabled again after all access was ended."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from attrs import evolve, field, frozen, validators

from application.access.authenticate import write_key
from application.access.caller import Caller
from application.audit.personal import KnowPeople, Person
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from application.secret_hash import hash_secret
from domain.audit import API_VERSION, JsonValue
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, NetworkId, Prefix, parse_id, public_id
from domain.organisation import OF_PEOPLE, ApiKey, Permission
from domain.quota import Quota, Subject, Window

SECRET_BYTES = 24

_NO_KEY = Refusal(code="not_found", detail="there is no such API key")


@frozen(kw_only=True)
class KeyRequest:
    name: str
    live: bool
    #: None: all that the maker may do.
    scopes: AbstractSet[Permission] | None
    expires_at: datetime | None
    #: None: all of its mode.
    networks: frozenset[NetworkId] | None = None
    #: Credits that it may spend, ever; None: as much as its maker.
    spend_cap: int | None = field(default=None, validator=validators.optional(validators.ge(0)))


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
        if caller.networks is not None and not caller.networks.issuperset(
            caller.networks if request.networks is None else request.networks
        ):
            return Refusal(
                code="forbidden",
                detail="a key may not reach further than the one it is made with",
            )
        secret = self.identifiers.secret(SECRET_BYTES).hex()
        person = _person(self.people, caller)
        scope = Scope(organisation=caller.organisation, user=caller.user)
        with self.store.begin(scope) as work:
            if caller.user is not None and _is_erased(work):
                # Erased since this request was let in.
                return Refusal(code="invalid_token", detail="this session is over")
            if caller.user is None and _is_capped(work, caller):
                return Refusal(
                    code="forbidden", detail="a key that may spend so much makes no others"
                )
            # Read before the caller is looked at again: of the epoch that let them in.
            epoch, now = work.access_epoch.current(), self.clock.now()
            if refusal := _out(work, caller, epoch, now):
                return refusal
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
                networks=caller.networks if request.networks is None else request.networks,
                api_version=API_VERSION,
                auth_epoch=epoch,
            )
            work.api_keys.add(key)
            details: dict[str, JsonValue] = {"scopes": sorted(each.value for each in scopes)}
            if key.networks is not None:
                details["networks"] = sorted(key.networks)
            if request.spend_cap is not None:
                details["spend_cap"] = request.spend_cap
                _cap(work, key, request.spend_cap, now)
            trail = caller.trail(self.identifiers)
            trail.add(
                "api_key.created",
                public_id(Prefix.API_KEY, key.id),
                now,
                live=key.live,
                details=details,
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
                return _NO_KEY
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


@frozen(kw_only=True)
class EnableApiKey:
    """One that is in the right hands, after the operator has ended all access."""

    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def __call__(self, caller: Caller, id: ApiKeyId) -> ApiKey | Refusal:
        """Enabling one that is enabled is no error.  Nobody enables what may do more than they."""
        if caller.user is None:
            return Refusal(code="session_required", detail="no API key enables another one")
        if refusal := caller.refusal(Permission.WRITE_API_KEYS):
            return refusal
        person = _person(self.people, caller)
        with self.store.begin(Scope(organisation=caller.organisation, user=caller.user)) as work:
            epoch, now = work.access_epoch.current(), self.clock.now()
            if refusal := _out(work, caller, epoch, now):
                return refusal
            key = work.api_keys.get(id)
            if key is None:
                return _NO_KEY
            if excess := key.scopes - caller.permissions:
                names = ", ".join(sorted(excess))
                detail = f"you may not enable what may do more than you: {names}"
                return Refusal(code="forbidden", detail=detail)
            if not key.is_over(now) and work.api_keys.enable(id, epoch):
                trail = caller.trail(self.identifiers)
                name = public_id(Prefix.API_KEY, id)
                trail.add("api_key.enabled", name, now, live=key.live, person=person)
                trail.write(work)
            enabled = work.api_keys.get(id)
        if enabled is None or not enabled.is_good(now, epoch):
            return Refusal(
                code="api_key_over", detail="it is revoked or expired: make another one"
            )
        return enabled


def _cap(work: Work, key: ApiKey, limit: int, now: datetime) -> None:
    """A quota of the key's own, without a window; quotas change under the wallet's lock."""
    work.ledger.stand_in_line()
    work.quotas.put(
        Quota(
            organisation=key.organisation,
            subject=Subject.key(key.id),
            window=Window.EVER,
            limit=limit,
            set_at=now,
        )
    )


def _is_capped(work: Work, caller: Caller) -> bool:
    id = parse_id(Prefix.API_KEY, caller.name)
    return id is not None and any(
        quota.subject == Subject.key(ApiKeyId(id)) for quota in work.quotas.all()
    )


def _out(work: Work, caller: Caller, epoch: int, now: datetime) -> Refusal | None:
    """Why whoever was let in a moment ago is out by now; None: they are not."""
    if caller.session is not None:
        standing = work.sessions.standing(caller.session)
        if standing is None or standing[0].is_over(now):
            return Refusal(code="invalid_token", detail="this session is over; log in again")
    id = parse_id(Prefix.API_KEY, caller.name)
    key = None if id is None else work.api_keys.get(ApiKeyId(id))
    if key is not None and not key.is_good(now, epoch):
        return Refusal(code="invalid_api_key", detail="this API key is not good (any more)")
    return None


def _person(people: KnowPeople, caller: Caller) -> Person | None:
    """Of a session; an API key is nobody, and its id says which one it was."""
    return None if caller.user is None else people(caller.user, caller.source)


def _is_erased(work: Work) -> bool:
    key = work.subject_keys.lock()
    return key is not None and key.destroyed_at is not None
