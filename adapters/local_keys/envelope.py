"""The envelope of one key: what is stored of it, and how it is opened.

::

    master key ──wraps──▶ data key (random, one per sealing) ──AES-256-GCM──▶ secret

Both seals are bound to everything else the envelope says: organisation, reference (with the
version), curve, use, public key, and whether the key is enabled.  A row that is moved to another
organisation, or edited, does not open.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.local_keys.wrapping import KEY_BYTES, NONCE_BYTES
from application.ports.custody import CustodyRefusedError, KeyDescription, KeyWrapping, Wrapped
from domain.identifiers import KeyRef
from domain.signing import Curve, KeyUse, PublicKey

_RECORD_VERSION = 1
_TAG_BYTES = 16


@frozen(kw_only=True)
class Envelope:
    description: KeyDescription
    data_key: Wrapped
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    @classmethod
    def seal(
        cls, description: KeyDescription, secret: bytes | bytearray, wrapping: KeyWrapping
    ) -> Envelope:
        place = place_of(description)
        data_key = os.urandom(KEY_BYTES)
        nonce = os.urandom(NONCE_BYTES)
        return cls(
            description=description,
            data_key=wrapping.wrap(data_key, place),
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, secret, place),
        )

    @classmethod
    def from_record(cls, key: KeyRef, record: Wrapped) -> Envelope:
        """Raises: CustodyRefusedError: the record is not an envelope of ours."""
        try:
            fields = _fields(record)
            description = KeyDescription(
                key=key,
                public_key=PublicKey(Curve(fields["curve"]), bytes.fromhex(fields["public_key"])),
                use=KeyUse(fields["use"]),
                enabled=bool(fields["enabled"]),
            )
            return cls(
                description=description,
                data_key=Wrapped(
                    wrapping=record.wrapping, ciphertext=base64.b64decode(fields["data_key"])
                ),
                nonce=base64.b64decode(fields["nonce"]),
                ciphertext=base64.b64decode(fields["ciphertext"]),
            )
        except (KeyError, TypeError, ValueError):
            raise CustodyRefusedError("wrong_context", f"the record of {key} is damaged") from None

    def to_record(self) -> Wrapped:
        """What the store keeps; it names the master key that can open it."""
        fields = {
            "record_version": _RECORD_VERSION,
            "curve": self.description.public_key.curve.value,
            "public_key": self.description.public_key.raw.hex(),
            "use": self.description.use.value,
            "enabled": self.description.enabled,
            "data_key": base64.b64encode(self.data_key.ciphertext).decode(),
            "nonce": base64.b64encode(self.nonce).decode(),
            "ciphertext": base64.b64encode(self.ciphertext).decode(),
        }
        return Wrapped(wrapping=self.data_key.wrapping, ciphertext=json.dumps(fields).encode())

    def open(self, wrapping: KeyWrapping) -> bytearray:
        """The secret; whoever asks overwrites it after use.

        Raises:
            CustodyRefusedError: the envelope was made for another place, or changed.
        """
        place = place_of(self.description)
        data_key = wrapping.unwrap(self.data_key, place)
        try:
            secret = bytearray(len(self.ciphertext) - _TAG_BYTES)
            AESGCM(data_key).decrypt_into(self.nonce, self.ciphertext, place, secret)
        except (InvalidTag, ValueError):
            msg = f"the record of {self.description.key} does not open"
            raise CustodyRefusedError("wrong_context", msg) from None
        return secret


def _fields(record: Wrapped) -> dict[str, Any]:
    """Raises: ValueError, KeyError."""
    fields: dict[str, Any] = json.loads(record.ciphertext)
    if fields["record_version"] != _RECORD_VERSION:
        raise ValueError(fields["record_version"])
    return fields


def place_of(description: KeyDescription) -> bytes:
    """Everything the seals are bound to.  The reference names organisation, account, version."""
    return json.dumps(
        [
            "tallystick.local-keys",
            _RECORD_VERSION,
            description.key,
            description.public_key.curve.value,
            description.public_key.raw.hex(),
            description.use.value,
            description.enabled,
        ],
        separators=(",", ":"),
    ).encode()
