from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve, field, frozen

from adapters.local_keys.curves import new_secret, public_key_of, sign, verifies
from adapters.local_keys.envelope import Envelope
from application.ports.custody import (
    Capabilities,
    Custodian,
    CustodyRefusedError,
    CustodyUnavailableError,
    KeyDescription,
    KeyWrapping,
    Signing,
)
from application.ports.storage.work import Scope, Store, StoreUnavailableError, Work
from domain.identifiers import AccountId, KeyRef, OrganisationId, Prefix, parse_id, public_id
from domain.signing import PURPOSES, Curve, KeyUse, Purpose

_SCHEME = "local-keys:"
_VERSION = "1"
_DIGEST_BYTES = 32
#: "Program" and the one template of 38 bytes that may be signed (spec/custody.md).
_PROGRAM_BYTES = 7 + 38
_CURVES = {
    KeyUse.EVM_ACCOUNT: Curve.SECP256K1,
    KeyUse.ALGORAND_ACCOUNT: Curve.ED25519,
    KeyUse.CHECKPOINT: Curve.ED25519,
}


@frozen
class LocalKeysCustodian(Custodian):
    """Opens an envelope for one signature at a time, and overwrites what was in it.

    Every call is a short transaction of its own: never call it inside another one.
    """

    _store: Store
    _wrapping: KeyWrapping = field(repr=False)

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve))

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        if _CURVES[use] is not curve:
            msg = f"a key for {use.value} is not made on {curve.value}"
            raise CustodyRefusedError("curve_not_offered", msg)
        place = _Place(organisation, account)
        known = self._load(place)
        if known is None:
            sealed = self._made(place.reference, curve, use)
            with self._begin(organisation) as work:
                is_new = work.secrets.add(place.name, sealed.to_record())
            # Whoever was first has made the account's key; ours was never used.
            known = sealed if is_new else self._find(place.reference)
        if known.description.use is not use:
            msg = f"{place.reference} is for {known.description.use.value}"
            raise CustodyRefusedError("wrong_purpose", msg)
        return known.description

    def describe(self, key: KeyRef) -> KeyDescription:
        return self._find(key).description

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        envelope = self._find(key)
        _guard(envelope.description, message, purpose)
        secret = envelope.open(self._wrapping)
        try:
            signature = sign(envelope.description.public_key.curve, secret, message)
        finally:
            _overwrite(secret)
        if not verifies(envelope.description.public_key, message, signature):
            msg = f"{key} made a signature that does not verify under its public key"
            raise CustodyRefusedError("wrong_context", msg)
        return Signing(signature=signature, key_version=_VERSION)

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
        place = _Place.of(key)
        with self._begin(place.organisation) as work:
            work.secrets.replace(place.name, disabled.to_record())

    def _made(self, reference: KeyRef, curve: Curve, use: KeyUse) -> Envelope:
        secret = new_secret(curve)
        try:
            description = KeyDescription(
                key=reference, public_key=public_key_of(curve, secret), use=use, enabled=True
            )
            return Envelope.seal(description, secret, self._wrapping)
        finally:
            _overwrite(secret)

    def _find(self, key: KeyRef) -> Envelope:
        envelope = self._load(_Place.of(key))
        if envelope is None:
            raise CustodyRefusedError("unknown_key", f"there is no key {key}")
        return envelope

    def _load(self, place: _Place) -> Envelope | None:
        with self._begin(place.organisation) as work:
            record = work.secrets.get(place.name)
        return None if record is None else Envelope.from_record(place.reference, record)

    @contextmanager
    def _begin(self, organisation: OrganisationId) -> Iterator[Work]:
        try:
            with self._store.begin(Scope(organisation=organisation)) as work:
                yield work
        except StoreUnavailableError as error:
            raise CustodyUnavailableError("the store of keys does not answer") from error


@frozen
class _Place:
    """Whose key it is: what its reference says."""

    organisation: OrganisationId
    account: AccountId

    @classmethod
    def of(cls, key: KeyRef) -> _Place:
        """Raises: CustodyRefusedError: not a reference of ours."""
        head, _, version = key.removeprefix(_SCHEME).rpartition("/")
        organisation, _, account = head.partition("/")
        organisation_id = parse_id(Prefix.ORGANISATION, organisation)
        account_id = parse_id(Prefix.ACCOUNT, account)
        is_ours = key.startswith(_SCHEME) and version == _VERSION
        if not is_ours or organisation_id is None or account_id is None:
            raise CustodyRefusedError("unknown_key", f"{key} is no key of this custodian")
        return cls(OrganisationId(organisation_id), AccountId(account_id))

    @property
    def reference(self) -> KeyRef:
        organisation = public_id(Prefix.ORGANISATION, self.organisation)
        return KeyRef(f"{_SCHEME}{organisation}/{self.name.removeprefix(_SCHEME)}")

    @property
    def name(self) -> str:
        """Its name among the organisation's sealed secrets."""
        return f"{_SCHEME}{public_id(Prefix.ACCOUNT, self.account)}/{_VERSION}"


def _guard(key: KeyDescription, message: bytes, purpose: Purpose) -> None:
    """Refuse what the key is not for, before its envelope is opened."""
    if not key.enabled:
        raise CustodyRefusedError("key_disabled", f"{key.key} is disabled")
    if purpose not in PURPOSES[key.use]:
        msg = f"{key.key} is for {key.use.value}, not for {purpose.value}"
        raise CustodyRefusedError("wrong_purpose", msg)
    if key.public_key.curve is Curve.SECP256K1 and len(message) != _DIGEST_BYTES:
        msg = f"a digest has {_DIGEST_BYTES} bytes, not {len(message)}"
        raise CustodyRefusedError("wrong_length", msg)
    if purpose is Purpose.ALGORAND_TRANSACTION and not message.startswith(b"TX"):
        raise CustodyRefusedError("wrong_purpose", "an Algorand transaction begins with TX")
    if purpose is Purpose.ALGORAND_PROGRAM and not (
        message.startswith(b"Program") and len(message) == _PROGRAM_BYTES
    ):
        raise CustodyRefusedError("wrong_purpose", "this is not the program that may be signed")


def _overwrite(secret: bytearray) -> None:
    """As far as Python lets us: copies that libraries made are theirs to forget."""
    secret[:] = bytes(len(secret))
