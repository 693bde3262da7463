"""Keys in transit, and keys that transit wraps.

An Ed25519 key is a version of a transit key, and its handle the transit key's name.  Every
question names the version: else transit signs with the newest one, which is another address.

A secp256k1 key is wrapped, and its handle what transit made of it: kept in our register, useless
without this Vault.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import hvac
from attrs import frozen

from adapters.vault import software
from adapters.vault.line import Line
from adapters.vault.wrapping import WRAPPING_KEY, TransitWrapping
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    HeldKey,
    KeyHolder,
    Signing,
    Wrapped,
)
from domain.signing import Curve, PublicKey, Signature

#: What a policy may end with ``*`` behind.
PREFIX = "tallystick-"
_SIGNED = re.compile(r"vault:v([1-9][0-9]*):(.+)")


@frozen
class TransitHolder(KeyHolder):
    _line: Line
    _wrapping: TransitWrapping

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve), imports=frozenset({Curve.SECP256K1}))

    def make(self, name: str, version: int, curve: Curve) -> HeldKey:
        if curve is Curve.SECP256K1:
            secret = software.new_secret()
            try:
                return self._wrapped(name, version, secret)
            finally:
                software.overwrite(secret)
        return self._in_transit(PREFIX + name.replace("/", "-"), version)

    def take(self, name: str, version: int, curve: Curve, secret: bytearray) -> HeldKey:
        if curve is not Curve.SECP256K1:
            raise CustodyRefusedError("import_not_offered", "transit makes ed25519 keys itself")
        return self._wrapped(name, version, secret)

    def sign(self, key: HeldKey, message: bytes) -> Signing:
        if key.public_key.curve is Curve.SECP256K1:
            return self._sign_here(key, message)
        return self._sign_there(key, message)

    def disable(self, key: HeldKey) -> None:
        """Transit has no such thing, of one version; our register has."""

    def discard(self, key: HeldKey) -> None:
        """Nothing is left of a secret that was not stored; and transit makes a name once."""

    def lacks(self) -> Sequence[str]:
        mount = self._line.address.mount
        probe = PREFIX + "probe"
        wanted = {
            f"{mount}/keys/{probe}": {"read", "update"},
            f"{mount}/keys/{probe}/rotate": {"update"},
            f"{mount}/sign/{probe}": {"update"},
            f"{mount}/keys/{WRAPPING_KEY}": {"update"},
            f"{mount}/encrypt/{WRAPPING_KEY}": {"update"},
            f"{mount}/decrypt/{WRAPPING_KEY}": {"update"},
        }
        try:
            granted = self._line.ask(
                "update on sys/capabilities-self",
                lambda client: _granted(client.sys.get_capabilities(list(wanted))),
            )
            missing = [
                f"{permission} on {path.replace('probe', '*')}"
                for path, permissions in wanted.items()
                for permission in sorted(permissions - granted(path, permissions))
            ]
            return missing or self._try()
        except CustodyRefusedError as error:
            return [str(error)]

    def _try(self) -> list[str]:
        """Sign with a key that is kept for this, and see whether a wrapped one is bound."""
        self.sign(self.make("probe", 1, Curve.ED25519), b"tallystick probe")
        wrapped = self._wrapping.wrap(b"probe", b"here")
        try:
            self._wrapping.unwrap(wrapped, b"elsewhere")
        except CustodyRefusedError:
            return []
        return ["associated data in transit: this Vault is too old to bind what it encrypts"]

    # In transit.

    def _in_transit(self, name: str, version: int) -> HeldKey:
        mount = self._line.address.mount

        def make(client: hvac.Client) -> None:
            client.secrets.transit.create_key(
                name=name,
                key_type="ed25519",
                exportable=False,
                allow_plaintext_backup=False,
                derived=False,
                mount_point=mount,
            )

        self._line.ask(f"update on {mount}/keys/{name}", make)
        found = self._read(name)
        while found["latest_version"] < version:
            self._line.ask(
                f"update on {mount}/keys/{name}/rotate",
                lambda client: client.secrets.transit.rotate_key(name=name, mount_point=mount),
            )
            found = self._read(name)
        is_kept = not found["exportable"] and not found["allow_plaintext_backup"]
        if not is_kept or found["type"] != "ed25519" or found["derived"]:
            msg = f"transit's key {name} is of another kind, or may leave it"
            raise CustodyRefusedError("wrong_context", msg)
        raw = base64.b64decode(found["keys"][str(version)]["public_key"])
        return HeldKey(handle=name, version=str(version), public_key=PublicKey(Curve.ED25519, raw))

    def _read(self, name: str) -> Mapping[str, Any]:
        mount = self._line.address.mount

        def read(client: hvac.Client) -> Mapping[str, Any]:
            found: Mapping[str, Any] = client.secrets.transit.read_key(
                name=name, mount_point=mount
            )["data"]
            return found

        return self._line.ask(f"read on {mount}/keys/{name}", read)

    def _sign_there(self, key: HeldKey, message: bytes) -> Signing:
        mount = self._line.address.mount

        def sign(client: hvac.Client) -> tuple[str, str | None]:
            answer = client.secrets.transit.sign_data(
                name=key.handle,
                hash_input=base64.b64encode(message).decode(),
                key_version=int(key.version),
                mount_point=mount,
            )
            return answer["data"]["signature"], answer.get("request_id")

        said, request_id = self._line.ask(f"update on {mount}/sign/{key.handle}", sign)
        match = _SIGNED.fullmatch(said)
        raw = base64.b64decode(match[2]) if match else b""
        if match is None or match[1] != key.version or len(raw) != 64:
            msg = f"transit did not sign with version {key.version} of {key.handle}"
            raise CustodyRefusedError("wrong_signature", msg)
        return Signing(
            signature=Signature(Curve.ED25519, raw),
            key_version=key.version,
            request_id=request_id,
        )

    # Wrapped by transit.

    def _wrapped(self, name: str, version: int, secret: bytearray) -> HeldKey:
        public_key = software.public_key_of(secret)
        wrapped = self._wrapping.wrap(bytes(secret), _place(name, version, public_key))
        handle = {
            "name": name,
            "wrapping": wrapped.wrapping,
            "ciphertext": base64.b64encode(wrapped.ciphertext).decode(),
        }
        return HeldKey(handle=json.dumps(handle), version=str(version), public_key=public_key)

    def _sign_here(self, key: HeldKey, digest: bytes) -> Signing:
        handle = json.loads(key.handle)
        wrapped = Wrapped(
            wrapping=handle["wrapping"], ciphertext=base64.b64decode(handle["ciphertext"])
        )
        place = _place(handle["name"], int(key.version), key.public_key)
        opened, request_id = self._wrapping.unwrap_named(wrapped, place)
        secret = bytearray(opened)
        try:
            signature = software.sign(secret, digest)
        finally:
            software.overwrite(secret)
        # What Vault's log has of it: that the key was unwrapped.
        return Signing(signature=signature, key_version=key.version, request_id=request_id)


def _granted(answer: Any) -> Any:
    def granted(path: str, permissions: set[str]) -> set[str]:
        said = set(answer["data"][path])
        return permissions if "root" in said else said

    return granted


def _place(name: str, version: int, public_key: PublicKey) -> bytes:
    """Everything that the wrapping of a key is bound to."""
    return f"{name}/{version}/{public_key.raw.hex()}".encode()
