from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import evolve, field, frozen

from adapters.local_keys.curves import is_secret, new_secret, public_key_of, sign
from adapters.local_keys.envelope import Envelope
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
    FoundKey,
    KeyCustodian,
    KeyDescription,
    KeyWrapping,
    Signing,
)
from application.ports.storage.work import Scope, Store, StoreUnavailableError, Work
from domain.identifiers import AccountId, KeyRef, OrganisationId
from domain.signing import Curve, KeyPlace, KeyUse, Purpose

_SCHEME = "local-keys"


@frozen
class LocalKeysCustodian(KeyCustodian):
    """Opens an envelope for one signature at a time, and overwrites what was in it.

    What may be signed, and whether the signature is good, a guard in front of it decides.
    Every call is a short transaction of its own: never call it inside another one.
    """

    _store: Store
    _wrapping: KeyWrapping = field(repr=False)

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve), imports=frozenset(Curve))

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        return self._created(KeyPlace(organisation, account), curve, use)

    def import_key(
        self,
        organisation: OrganisationId,
        account: AccountId,
        curve: Curve,
        use: KeyUse,
        secret: bytearray,
    ) -> KeyDescription:
        if not is_secret(curve, secret):
            raise CustodyRefusedError("wrong_length", f"this is no secret of {curve.value}")
        place = KeyPlace(organisation, account)
        sealed = self._sealed(place, curve, use, secret)
        known = self._added(place, sealed).description
        if known.public_key != sealed.description.public_key:
            raise CustodyRefusedError("key_exists", f"{known.key} is another key")
        return known

    def describe(self, key: KeyRef) -> KeyDescription:
        return self._find(key).description

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        del purpose
        found = self.find(key)
        if not found.description.enabled:
            raise CustodyRefusedError("key_disabled", f"{key} is disabled")
        return found.sign(message)

    def find(self, key: KeyRef) -> FoundKey:
        return _Found(self._find(key), self._wrapping)

    def rotate(self, key: KeyRef) -> KeyDescription:
        known = self._find(key).description
        return self._created(_place(key).next, known.public_key.curve, known.use)

    def disable(self, key: KeyRef) -> None:
        envelope = self._find(key)
        if not envelope.description.enabled:
            return
        secret = envelope.open(self._wrapping)
        try:
            # Sealed anew: the seal covers the flag, so nobody can flip it back in the store.
            disabled = Envelope.seal(
                evolve(envelope.description, enabled=False), secret, self._wrapping
            )
        finally:
            _overwrite(secret)
        place = _place(key)
        with self._begin(place.organisation) as work:
            work.secrets.replace(_record(place), disabled.to_record())

    def lacks(self) -> Sequence[str]:
        """Whether the master key is the right one, is tried by whoever has something wrapped."""
        return ()

    def _created(self, place: KeyPlace, curve: Curve, use: KeyUse) -> KeyDescription:
        known = self._load(place)
        if known is None:
            secret = new_secret(curve)
            try:
                sealed = self._sealed(place, curve, use, secret)
            finally:
                _overwrite(secret)
            known = self._added(place, sealed)
        return known.description

    def _sealed(self, place: KeyPlace, curve: Curve, use: KeyUse, secret: bytearray) -> Envelope:
        description = KeyDescription(
            key=place.reference(_SCHEME),
            public_key=public_key_of(curve, secret),
            use=use,
            enabled=True,
        )
        return Envelope.seal(description, secret, self._wrapping)

    def _added(self, place: KeyPlace, sealed: Envelope) -> Envelope:
        """What is in *place*: whoever was first has made the key; another was never used."""
        with self._begin(place.organisation) as work:
            is_new = work.secrets.add(_record(place), sealed.to_record())
        return sealed if is_new else self._find(place.reference(_SCHEME))

    def _find(self, key: KeyRef) -> Envelope:
        envelope = self._load(_place(key))
        if envelope is None:
            raise CustodyRefusedError("unknown_key", f"there is no key {key}")
        return envelope

    def _load(self, place: KeyPlace) -> Envelope | None:
        with self._begin(place.organisation) as work:
            record = work.secrets.get(_record(place))
        if record is None:
            return None
        return Envelope.from_record(place.reference(_SCHEME), record)

    @contextmanager
    def _begin(self, organisation: OrganisationId) -> Iterator[Work]:
        try:
            with self._store.begin(Scope(organisation=organisation)) as work:
                yield work
        except StoreUnavailableError as error:
            raise CustodyUnavailableError("the store of keys does not answer") from error


@frozen
class _Found(FoundKey):
    _envelope: Envelope
    _wrapping: KeyWrapping = field(repr=False)

    @property
    def description(self) -> KeyDescription:
        return self._envelope.description

    def sign(self, message: bytes) -> Signing:
        described = self.description
        secret = self._envelope.open(self._wrapping)
        try:
            signature = sign(described.public_key.curve, secret, message)
        finally:
            _overwrite(secret)
        return Signing(signature=signature, key_version=described.key.rpartition("/")[2])


def _place(key: KeyRef) -> KeyPlace:
    """Raises: CustodyRefusedError: not a reference of ours."""
    place = KeyPlace.of(_SCHEME, key)
    if place is None:
        raise CustodyRefusedError("unknown_key", f"{key} is no key of this custodian")
    return place


def _record(place: KeyPlace) -> str:
    """Its name among the organisation's sealed secrets."""
    return f"{_SCHEME}:{place.name}"


def _overwrite(secret: bytearray) -> None:
    """As far as Python lets us: copies that libraries made are theirs to forget."""
    secret[:] = bytes(len(secret))
