"""Keys in a token: found by label, known by id."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import pkcs11
from attrs import frozen
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from adapters.pkcs11.errors import ACTION_PROHIBITED, code_of
from adapters.pkcs11.token import Token
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    HeldKey,
    KeyHolder,
    Signing,
)
from domain.signing import Curve, PublicKey, Signature

log = logging.getLogger(__name__)

_ID_BYTES = 16
_OCTET_STRING, _UNCOMPRESSED = 0x04, 0x04


@frozen(kw_only=True)
class _Kind:
    key_type: KeyType
    #: DER of the curve's object identifier.
    parameters: bytes
    makes: Mechanism
    signs: Mechanism


_KINDS: Mapping[Curve, _Kind] = {
    Curve.SECP256K1: _Kind(
        key_type=KeyType.EC,
        parameters=encode_named_curve_parameters("secp256k1"),
        makes=Mechanism.EC_KEY_PAIR_GEN,
        signs=Mechanism.ECDSA,
    ),
    Curve.ED25519: _Kind(
        key_type=KeyType.EC_EDWARDS,
        parameters=bytes.fromhex("06032b6570"),  # RFC 8410: 1.3.101.112
        makes=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        signs=Mechanism.EDDSA,
    ),
}

#: The library sets the first two by itself, and leaves the rest to the token.
_PRIVATE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.DERIVE: False,
}


@frozen
class TokenHolder(KeyHolder):
    """A handle is a key's CKA_ID, in hexadecimal; the label is its name and version."""

    _token: Token

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve))

    def make(self, name: str, version: int, curve: Curve) -> HeldKey:
        label = f"{name}/{version}"

        def look_or_make(session: pkcs11.Session) -> HeldKey:
            public = _oldest(session, label) or _generated(session, label, curve)
            return _held(session, public, version, curve)

        return self._token.ask(f"making {label}", look_or_make)

    def take(self, name: str, version: int, curve: Curve, secret: bytearray) -> HeldKey:
        """Never: a key that was outside once was not made in the token."""
        del name, version, curve, secret
        raise CustodyRefusedError("import_not_offered", "a token makes its keys itself")

    def sign(self, key: HeldKey, message: bytes) -> Signing:
        curve = key.public_key.curve

        def made(session: pkcs11.Session) -> bytes:
            private = _private(session, bytes.fromhex(key.handle))
            if not private[Attribute.SIGN]:
                raise CustodyRefusedError("key_disabled", f"{key.handle} may not sign any more")
            return bytes(private.sign(message, mechanism=_KINDS[curve].signs))

        raw = self._token.ask(f"signing with {key.handle}", made)
        if len(raw) != 64:
            msg = f"the token made a signature of {len(raw)} bytes with {key.handle}"
            raise CustodyRefusedError("wrong_signature", msg)
        # A token names no calls; ours is in the worker's log, beside the token's name for the key.
        request_id = f"pkcs11-{uuid4()}"
        log.info("%s: a signature by the token's key %s", request_id, key.handle)
        return Signing(
            signature=Signature(curve, raw), key_version=key.version, request_id=request_id
        )

    def disable(self, key: HeldKey) -> None:
        def forbid(session: pkcs11.Session) -> None:
            private = _private(session, bytes.fromhex(key.handle))
            try:
                private[Attribute.SIGN] = False
            except pkcs11.PKCS11Error as error:
                is_fixed = isinstance(error, pkcs11.AttributeReadOnly)
                if not is_fixed and code_of(error) != ACTION_PROHIBITED:
                    raise
                # Some modules fix a key's attributes; our register has it disabled anyway.

        self._token.ask(f"disabling {key.handle}", forbid)

    def discard(self, key: HeldKey) -> None:
        def destroy(session: pkcs11.Session) -> None:
            for each in list(session.get_objects({Attribute.ID: bytes.fromhex(key.handle)})):
                each.destroy()

        self._token.ask(f"destroying {key.handle}", destroy)

    def lacks(self) -> Sequence[str]:
        try:
            offered = self._token.mechanisms()
            missing = [
                f"mechanism {mechanism.name} for {curve.value}"
                for curve, kind in _KINDS.items()
                for mechanism in (kind.makes, kind.signs)
                if mechanism not in offered
            ]
            self._token.ask("a session for reading and writing", _try_to_make)
        except CustodyRefusedError as error:
            return [str(error)]
        return missing


def _try_to_make(session: pkcs11.Session) -> None:
    """A key that is gone with the session: whoever can make it can make others."""
    kind = _KINDS[Curve.SECP256K1]
    _parameters(session, kind).generate_keypair(mechanism=kind.makes, store=False)


def _parameters(session: pkcs11.Session, kind: _Kind) -> pkcs11.DomainParameters:
    return session.create_domain_parameters(
        kind.key_type, {Attribute.EC_PARAMS: kind.parameters}, local=True
    )


def _oldest(session: pkcs11.Session, label: str) -> pkcs11.Object | None:
    """The public key of that label.

    Where two processes made one each, everybody takes the same one: which of them is registered
    is decided in our store, and another is destroyed by whoever took it there.
    """
    found = session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: label})
    return min(found, key=lambda each: bytes(each[Attribute.ID]), default=None)


def _generated(session: pkcs11.Session, label: str, curve: Curve) -> pkcs11.Object:
    kind = _KINDS[curve]
    public, _ = _parameters(session, kind).generate_keypair(
        mechanism=kind.makes,
        store=True,
        id=os.urandom(_ID_BYTES),
        label=label,
        public_template={Attribute.VERIFY: True},
        private_template=_PRIVATE,
    )
    return public


def _held(session: pkcs11.Session, public: pkcs11.Object, version: int, curve: Curve) -> HeldKey:
    """Raises: CustodyRefusedError: it is of another curve, or could leave the token."""
    id = bytes(public[Attribute.ID])
    private, kind = _private(session, id), _KINDS[curve]
    if bytes(public[Attribute.EC_PARAMS]) != kind.parameters:
        msg = f"the token's key {id.hex()} is not on {curve.value}"
        raise CustodyRefusedError("curve_not_offered", msg)
    is_kept = (
        private[Attribute.SENSITIVE]
        and private[Attribute.ALWAYS_SENSITIVE]
        and not private[Attribute.EXTRACTABLE]
        and private[Attribute.NEVER_EXTRACTABLE]
        and private[Attribute.LOCAL]
    )
    if not is_kept:
        msg = f"the token's key {id.hex()} was made elsewhere, or may leave the token"
        raise CustodyRefusedError("wrong_context", msg)
    return HeldKey(
        handle=id.hex(),
        version=str(version),
        public_key=PublicKey(curve, _point(bytes(public[Attribute.EC_POINT]), curve)),
    )


def _private(session: pkcs11.Session, id: bytes) -> Any:
    # Whether a key can sign is known only while the program runs; types do not say it.
    found = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: id}))
    if not found and list(session.get_objects({Attribute.ID: id})):
        # Its public key is there: to whoever is not logged in, private ones do not exist.
        raise pkcs11.UserNotLoggedIn
    if len(found) != 1:
        msg = f"the token has {len(found)} private keys {id.hex()}"
        raise CustodyRefusedError("unknown_key", msg)
    (private,) = found
    return private


def _point(der: bytes, curve: Curve) -> bytes:
    """The public key in CKA_EC_POINT: DER of an OCTET STRING.

    On secp256k1 it has 0x04 and both coordinates (SEC 1, 2.3.3), on ed25519 the 32 bytes of
    RFC 8032.  Both are short enough for a length of one byte.

    Raises: CustodyRefusedError: the module means something else.
    """
    content = der[2:]
    if der[:1] == bytes([_OCTET_STRING]) and der[1:2] == bytes([len(content)]):
        if curve is Curve.ED25519 and len(content) == 32:
            return content
        if curve is Curve.SECP256K1 and len(content) == 65 and content[0] == _UNCOMPRESSED:
            return content[1:]
    raise CustodyRefusedError("wrong_context", f"the token's EC_POINT is strange: {der.hex()}")
