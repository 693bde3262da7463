"""Keys in process memory: they die with it."""

from __future__ import annotations

import warnings
from threading import RLock

from attrs import define, evolve, field, frozen
from coincurve import PrivateKey as Secp256k1PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.memory.signatures import is_by
from application.ports.custody import (
    Capabilities,
    Custodian,
    CustodyRefusedError,
    CustodyUnavailableError,
    KeyDescription,
    Signing,
)
from domain.identifiers import AccountId, KeyRef, OrganisationId, Prefix, public_id
from domain.signing import PURPOSES, Curve, KeyUse, PublicKey, Purpose, Signature

_DIGEST_BYTES = 32
#: "Program" and the one template that may be signed (spec/custody.md).
_PROGRAM_BYTES = 7 + 38
_CURVES = {
    KeyUse.EVM_ACCOUNT: Curve.SECP256K1,
    KeyUse.ALGORAND_ACCOUNT: Curve.ED25519,
    KeyUse.CHECKPOINT: Curve.ED25519,
}


class DevelopmentOnlyWarning(UserWarning):
    """Something that must never run in production has been started."""


@frozen
class _Key:
    description: KeyDescription
    private: Secp256k1PrivateKey | Ed25519PrivateKey = field(repr=False)


@define(eq=False)
class MemoryCustodian(Custodian):
    is_down: bool = False
    #: The code with which every signature is refused.
    refuses: str | None = None
    #: Signs with another key than the one it was asked for.
    lies: bool = False
    #: How many signatures it has made.
    signatures: int = 0
    _keys: dict[KeyRef, _Key] = field(factory=dict, repr=False)
    _lock: RLock = field(factory=RLock)

    def __attrs_post_init__(self) -> None:
        warnings.warn(
            "keys are held in memory: for development only", DevelopmentOnlyWarning, stacklevel=3
        )

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve))

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        with self._lock:
            self._answer()
            if _CURVES[use] is not curve:
                msg = f"a key for {use.value} is not made on {curve.value}"
                raise CustodyRefusedError("curve_not_offered", msg)
            reference = KeyRef(
                f"memory:{public_id(Prefix.ORGANISATION, organisation)}"
                f"/{public_id(Prefix.ACCOUNT, account)}/1"
            )
            if reference not in self._keys:
                self._keys[reference] = _made(reference, curve, use)
            known = self._keys[reference].description
            if known.use is not use:
                raise CustodyRefusedError("wrong_purpose", f"{reference} is for {known.use.value}")
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
            found = self._find(key)
            _guard(found.description, message, purpose)
            self.signatures += 1
            if self.lies:
                curve, use = found.description.public_key.curve, found.description.use
                liar = _made(key, curve, use).private
                return Signing(signature=_signed(liar, message), key_version="1")
            signature = _signed(found.private, message)
            if not is_by(found.description.public_key, message, signature):
                raise CustodyUnavailableError("the signature does not verify")
            return Signing(signature=signature, key_version="1")

    def disable(self, key: KeyRef) -> None:
        with self._lock:
            self._answer()
            found = self._find(key)
            self._keys[key] = evolve(found, description=evolve(found.description, enabled=False))

    def _find(self, key: KeyRef) -> _Key:
        try:
            return self._keys[key]
        except KeyError:
            raise CustodyRefusedError("unknown_key", f"there is no key {key}") from None

    def _answer(self) -> None:
        if self.is_down:
            raise CustodyUnavailableError("the custodian does not answer")


def _made(reference: KeyRef, curve: Curve, use: KeyUse) -> _Key:
    private: Secp256k1PrivateKey | Ed25519PrivateKey
    if curve is Curve.SECP256K1:
        private = Secp256k1PrivateKey()
        raw = private.public_key.format(compressed=False)[1:]
    else:
        private = Ed25519PrivateKey.generate()
        raw = private.public_key().public_bytes_raw()
    description = KeyDescription(
        key=reference, public_key=PublicKey(curve, raw), use=use, enabled=True
    )
    return _Key(description, private)


def _signed(key: Secp256k1PrivateKey | Ed25519PrivateKey, message: bytes) -> Signature:
    if isinstance(key, Ed25519PrivateKey):
        return Signature(Curve.ED25519, key.sign(message))
    # libsecp256k1 makes S low; the last byte says which of two keys made it.
    return Signature(Curve.SECP256K1, key.sign_recoverable(message, hasher=None)[:64])


def _guard(key: KeyDescription, message: bytes, purpose: Purpose) -> None:
    """Refuse what the key is not for."""
    if not key.enabled:
        raise CustodyRefusedError("key_disabled", f"{key.key} is disabled")
    if purpose not in PURPOSES[key.use]:
        msg = f"{key.key} is for {key.use.value}, not for {purpose.value}"
        raise CustodyRefusedError("wrong_purpose", msg)
    if key.public_key.curve is Curve.SECP256K1 and len(message) != _DIGEST_BYTES:
        raise CustodyRefusedError("wrong_length", f"a digest has 32 bytes, not {len(message)}")
    if purpose is Purpose.ALGORAND_TRANSACTION and not message.startswith(b"TX"):
        raise CustodyRefusedError("wrong_purpose", "an Algorand transaction begins with TX")
    if purpose is Purpose.ALGORAND_PROGRAM and not (
        message.startswith(b"Program") and len(message) == _PROGRAM_BYTES
    ):
        raise CustodyRefusedError("wrong_purpose", "this is not the program that may be signed")
