"""Keys in process memory: they die with it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from threading import RLock

from attrs import define, evolve, field, frozen
from coincurve import PrivateKey as Secp256k1PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
    FoundKey,
    KeyCustodian,
    KeyDescription,
    Signing,
)
from application.ports.derivation import PublicKeys
from domain.identifiers import AccountId, KeyRef, OrganisationId
from domain.signing import PURPOSES, Curve, KeyPlace, KeyUse, PublicKey, Purpose, Signature

_Private = Secp256k1PrivateKey | Ed25519PrivateKey


class DevelopmentOnlyWarning(UserWarning):
    """Something that must never run in production has been started."""


@frozen
class _Key:
    description: KeyDescription
    private: _Private = field(repr=False)


@define(eq=False)
class MemoryCustodian(KeyCustodian):
    #: Its references begin with it.
    scheme: str = "memory"
    is_down: bool = False
    #: The code with which every signature is refused.
    refuses: str | None = None
    #: Signs with another key than the one it was asked for.
    lies: bool = False
    #: How many signatures it has made.
    signatures: int = 0
    #: So many bytes that nobody knows; a simulation knows them.
    chance: Callable[[int], bytes] = field(default=os.urandom, repr=False)
    _keys: dict[KeyRef, _Key] = field(factory=dict, repr=False)
    _lock: RLock = field(factory=RLock)

    def __attrs_post_init__(self) -> None:
        warnings.warn(
            "keys are held in memory: for development only", DevelopmentOnlyWarning, stacklevel=3
        )

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve), imports=frozenset(Curve))

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        with self._lock:
            self._answer()
            return self._kept(KeyPlace(organisation, account), self._new(curve), use)

    def import_key(
        self,
        organisation: OrganisationId,
        account: AccountId,
        curve: Curve,
        use: KeyUse,
        secret: bytearray,
    ) -> KeyDescription:
        with self._lock:
            self._answer()
            private = _read(curve, bytes(secret))
            known = self._kept(KeyPlace(organisation, account), private, use)
            if known.public_key != _public(private):
                raise CustodyRefusedError("key_exists", f"{known.key} is another key")
            return known

    def describe(self, key: KeyRef) -> KeyDescription:
        with self._lock:
            self._answer()
            return self._find(key).description

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        with self._lock:
            self._answer()
            if self.refuses is not None:
                raise CustodyRefusedError(self.refuses, "it was told to refuse")
            described = self._find(key).description
            if not described.enabled:
                raise CustodyRefusedError("key_disabled", f"{key} is disabled")
            if purpose not in PURPOSES[described.use]:
                msg = f"{key} is for {described.use.value}, not for {purpose.value}"
                raise CustodyRefusedError("wrong_purpose", msg)
            return self.signed(key, message)

    def signed(self, key: KeyRef, message: bytes) -> Signing:
        """As its guard asks, who has looked at key and message."""
        with self._lock:
            self._answer()
            if self.refuses is not None:
                raise CustodyRefusedError(self.refuses, "it was told to refuse")
            found = self._find(key)
            described = found.description
            self.signatures += 1
            private = self._new(described.public_key.curve) if self.lies else found.private
            version = key.rpartition("/")[2]
            return Signing(signature=_signed(private, message), key_version=version)

    def find(self, key: KeyRef) -> FoundKey:
        return _Found(self, self.describe(key))

    def rotate(self, key: KeyRef) -> KeyDescription:
        with self._lock:
            self._answer()
            known, place = self._find(key).description, KeyPlace.of(self.scheme, key)
            if place is None:
                raise AssertionError("a key that is kept has a place")
            return self._kept(place.next, self._new(known.public_key.curve), known.use)

    def disable(self, key: KeyRef) -> None:
        with self._lock:
            self._answer()
            found = self._find(key)
            self._keys[key] = evolve(found, description=evolve(found.description, enabled=False))

    def lacks(self) -> Sequence[str]:
        self._answer()
        return ()

    def _new(self, curve: Curve) -> _Private:
        # That 32 bytes are no key of secp256k1 happens once in 2**127.
        return _read(curve, self.chance(32))

    def _kept(self, place: KeyPlace, private: _Private, use: KeyUse) -> KeyDescription:
        """What is in *place*; *private* if nothing was."""
        reference = place.reference(self.scheme)
        if reference not in self._keys:
            description = KeyDescription(
                key=reference, public_key=_public(private), use=use, enabled=True
            )
            self._keys[reference] = _Key(description, private)
        return self._keys[reference].description

    def _find(self, key: KeyRef) -> _Key:
        try:
            return self._keys[key]
        except KeyError:
            raise CustodyRefusedError("unknown_key", f"there is no key {key}") from None

    def _answer(self) -> None:
        if self.is_down:
            raise CustodyUnavailableError("the custodian does not answer")


@frozen
class MemoryPublicKeys(PublicKeys):
    """As `MemoryCustodian` has them of what it takes in."""

    def __call__(self, curve: Curve, secret: bytearray) -> PublicKey:
        try:
            return _public(_read(curve, bytes(secret)))
        except CustodyRefusedError as error:
            raise ValueError(str(error)) from None


@frozen
class _Found(FoundKey):
    _custodian: MemoryCustodian
    _description: KeyDescription

    @property
    def description(self) -> KeyDescription:
        return self._description

    def sign(self, message: bytes) -> Signing:
        return self._custodian.signed(self._description.key, message)


def _read(curve: Curve, secret: bytes) -> _Private:
    try:
        # The library would fill a short one up.
        if curve is Curve.SECP256K1 and len(secret) == 32:
            return Secp256k1PrivateKey(secret)
        if curve is Curve.ED25519:
            return Ed25519PrivateKey.from_private_bytes(secret)
    except ValueError:
        pass  # refused below, without the secret in a traceback
    raise CustodyRefusedError("wrong_length", f"this is no secret of {curve.value}")


def _public(private: _Private) -> PublicKey:
    if isinstance(private, Ed25519PrivateKey):
        return PublicKey(Curve.ED25519, private.public_key().public_bytes_raw())
    return PublicKey(Curve.SECP256K1, private.public_key.format(compressed=False)[1:])


def _signed(key: _Private, message: bytes) -> Signature:
    if isinstance(key, Ed25519PrivateKey):
        return Signature(Curve.ED25519, key.sign(message))
    # libsecp256k1 makes S low; the last byte says which of two keys made it.
    return Signature(Curve.SECP256K1, key.sign_recoverable(message, hasher=None)[:64])
