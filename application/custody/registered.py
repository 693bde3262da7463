"""A custodian made of somebody who holds keys, and of our own register of them.

The register is among the sealed secrets of the store: what a reference means (whose key, for what
use, under which public key, by which name of the holder's) is pinned when the key is made, and
sealed, so that whoever can write to the database still cannot point a reference at another key, or
enable one again.  A signature costs no question to the holder but the signature itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import evolve, frozen

from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
    FoundKey,
    HeldKey,
    KeyCustodian,
    KeyDescription,
    KeyHolder,
    KeyWrapping,
    Signing,
    Wrapped,
)
from application.ports.storage.work import Scope, Store, StoreUnavailableError, Work
from domain.audit import canonical
from domain.identifiers import (
    AccountId,
    InstallationId,
    KeyRef,
    OrganisationId,
    Prefix,
    public_id,
)
from domain.signing import Curve, KeyPlace, KeyUse, PublicKey, Purpose

_RECORD_VERSION = 1


@frozen(kw_only=True)
class RegisteredCustodian(KeyCustodian):
    """Every call asks the store in short transactions, and the holder between them."""

    #: Its references begin with it.
    scheme: str
    holder: KeyHolder
    store: Store
    #: Seals the register.
    wrapping: KeyWrapping
    #: Part of the names at the holder, which may hold the keys of several installations.
    installation: InstallationId

    def capabilities(self) -> Capabilities:
        return self.holder.capabilities()

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        return self._made(KeyPlace(organisation, account), curve, use).description

    def import_key(
        self,
        organisation: OrganisationId,
        account: AccountId,
        curve: Curve,
        use: KeyUse,
        secret: bytearray,
    ) -> KeyDescription:
        place = KeyPlace(organisation, account)
        taken = self.holder.take(self._name(place, use), place.version, curve, secret)
        entry = self._registered(place, use, taken)
        if entry.held.public_key != taken.public_key:
            raise CustodyRefusedError("key_exists", f"{entry.description.key} is another key")
        return entry.description

    def describe(self, key: KeyRef) -> KeyDescription:
        return self._find(key).description

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        del purpose
        found = self.find(key)
        if not found.description.enabled:
            raise CustodyRefusedError("key_disabled", f"{key} is disabled")
        return found.sign(message)

    def find(self, key: KeyRef) -> FoundKey:
        return _Found(self._find(key), self.holder)

    def rotate(self, key: KeyRef) -> KeyDescription:
        known = self._find(key).description
        place = self._place(key).next
        return self._made(place, known.public_key.curve, known.use).description

    def disable(self, key: KeyRef) -> None:
        entry = self._find(key)
        if entry.description.enabled:
            disabled = evolve(entry, description=evolve(entry.description, enabled=False))
            sealed = disabled.sealed(self.wrapping)
            place = self._place(key)
            with self._begin(place.organisation) as work:
                work.secrets.replace(self._record(place), sealed)
        # Ours first: from here on it signs nothing, even if the holder cannot be told.
        self.holder.disable(entry.held)

    def lacks(self) -> Sequence[str]:
        return self.holder.lacks()

    def _made(self, place: KeyPlace, curve: Curve, use: KeyUse) -> _Entry:
        known = self._load(place)
        if known is not None:
            return known
        return self._registered(
            place, use, self.holder.make(self._name(place, use), place.version, curve)
        )

    def _registered(self, place: KeyPlace, use: KeyUse, held: HeldKey) -> _Entry:
        """The entry of *place*: whoever was first has made the key; another is discarded."""
        reference = place.reference(self.scheme)
        fresh = _Entry(
            description=KeyDescription(
                key=reference, public_key=held.public_key, use=use, enabled=True
            ),
            held=held,
        )
        sealed = fresh.sealed(self.wrapping)
        with self._begin(place.organisation) as work:
            is_new = work.secrets.add(self._record(place), sealed)
        if is_new:
            return fresh
        known = self._find(reference)
        if known.held.handle != held.handle:
            self.holder.discard(held)
        return known

    def _find(self, key: KeyRef) -> _Entry:
        entry = self._load(self._place(key))
        if entry is None:
            raise CustodyRefusedError("unknown_key", f"there is no key {key}")
        return entry

    def _load(self, place: KeyPlace) -> _Entry | None:
        with self._begin(place.organisation) as work:
            record = work.secrets.get(self._record(place))
        if record is None:
            return None
        return _Entry.opened(place.reference(self.scheme), record, self.wrapping)

    def _place(self, key: KeyRef) -> KeyPlace:
        place = KeyPlace.of(self.scheme, key)
        if place is None:
            raise CustodyRefusedError("unknown_key", f"{key} is no key of this custodian")
        return place

    def _record(self, place: KeyPlace) -> str:
        """Its name among the organisation's sealed secrets."""
        return f"{self.scheme}:{place.name}"

    def _name(self, place: KeyPlace, use: KeyUse) -> str:
        """Its name at the holder, less the version."""
        return "/".join(
            [
                public_id(Prefix.INSTALLATION, self.installation),
                public_id(Prefix.ORGANISATION, place.organisation),
                public_id(Prefix.ACCOUNT, place.account),
                use.value,
            ]
        )

    @contextmanager
    def _begin(self, organisation: OrganisationId) -> Iterator[Work]:
        try:
            with self.store.begin(Scope(organisation=organisation)) as work:
                yield work
        except StoreUnavailableError as error:
            raise CustodyUnavailableError("the register of keys does not answer") from error


@frozen(kw_only=True)
class _Entry:
    """What the register knows of one reference."""

    description: KeyDescription
    held: HeldKey

    def sealed(self, wrapping: KeyWrapping) -> Wrapped:
        fields = {
            "record_version": _RECORD_VERSION,
            "curve": self.held.public_key.curve.value,
            "public_key": self.held.public_key.raw.hex(),
            "use": self.description.use.value,
            "enabled": self.description.enabled,
            "handle": self.held.handle,
            "version": self.held.version,
        }
        return wrapping.wrap(canonical(fields), context_of(self.description.key))

    @classmethod
    def opened(cls, key: KeyRef, record: Wrapped, wrapping: KeyWrapping) -> _Entry:
        """Raises: CustodyRefusedError: it was made for another place, or changed."""
        text = wrapping.unwrap(record, context_of(key))
        try:
            fields = _fields(text)
            public_key = PublicKey(Curve(fields["curve"]), bytes.fromhex(fields["public_key"]))
            return cls(
                description=KeyDescription(
                    key=key,
                    public_key=public_key,
                    use=KeyUse(fields["use"]),
                    enabled=fields["enabled"] is True,
                ),
                held=HeldKey(
                    handle=fields["handle"], version=fields["version"], public_key=public_key
                ),
            )
        except (KeyError, TypeError, ValueError):
            raise CustodyRefusedError("wrong_context", f"the record of {key} is damaged") from None


@frozen
class _Found(FoundKey):
    _entry: _Entry
    _holder: KeyHolder

    @property
    def description(self) -> KeyDescription:
        return self._entry.description

    def sign(self, message: bytes) -> Signing:
        return self._holder.sign(self._entry.held, message)


def _fields(text: bytes) -> dict[str, Any]:
    """Raises: ValueError, KeyError."""
    fields: dict[str, Any] = json.loads(text)
    if fields["record_version"] != _RECORD_VERSION:
        raise ValueError(fields["record_version"])
    return fields


def context_of(key: KeyRef) -> bytes:
    return b"tallystick.register\0" + key.encode()
