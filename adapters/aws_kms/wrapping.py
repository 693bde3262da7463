"""Wrapping by a symmetric key of KMS: it is made there, and never leaves.

KMS takes 4,096 bytes at a time: what is longer is wrapped in parts, each bound to its number and
to how many there are.  What binds a secret to its place is the encryption context, which KMS
writes into its log: a digest, as a place may name people.

In front of the secret goes a fresh key, by which the encrypted parts are signed: not one bit of
what the database has is read that is not as it was written, whoever plays KMS.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator

from attrs import define

from adapters.aws_kms.line import Line
from application.ports.custody import CustodyRefusedError, KeyWrapping, Wrapped

_PART_BYTES = 4_096
#: Before each encrypted part: its length.
_LENGTH_BYTES = 2
_KEY_BYTES = 32
_MAC_BYTES = 32


@define(eq=False)
class KmsWrapping(KeyWrapping):
    _line: Line
    #: Ids, ARNs or aliases: the first one wraps.
    _keys: tuple[str, ...]

    def current(self) -> str:
        """Its name only: KMS turns the key inside, and reads what each turn wrapped."""
        return f"aws-kms:{self._keys[0]}"

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        own, key = os.urandom(_KEY_BYTES), self._keys[0]
        plain = own + secret
        parts = [plain[at : at + _PART_BYTES] for at in range(0, len(plain), _PART_BYTES)]
        sealed = bytearray()
        for number, part in enumerate(parts, start=1):
            answer = self._line.ask(
                "Encrypt",
                key,
                KeyId=key,
                Plaintext=part,
                EncryptionContext=_bound(context, number, len(parts)),
            )
            blob = bytes(answer["CiphertextBlob"])
            sealed += len(blob).to_bytes(_LENGTH_BYTES, "big") + blob
        mac = _mac(own, self.current(), bytes(sealed), context)
        return Wrapped(wrapping=self.current(), ciphertext=mac + bytes(sealed))

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        scheme, _, key = wrapped.wrapping.partition(":")
        if scheme != "aws-kms" or key not in self._keys:
            raise CustodyRefusedError("unknown_key", f"{wrapped.wrapping} is no key of ours")
        mac, sealed = wrapped.ciphertext[:_MAC_BYTES], wrapped.ciphertext[_MAC_BYTES:]
        blobs, plain = list(_parts(wrapped, sealed)), bytearray()
        for number, blob in enumerate(blobs, start=1):
            answer = self._line.ask(
                "Decrypt",
                key,
                KeyId=key,
                CiphertextBlob=blob,
                EncryptionContext=_bound(context, number, len(blobs)),
            )
            plain += bytes(answer["Plaintext"])
        own, secret = bytes(plain[:_KEY_BYTES]), bytes(plain[_KEY_BYTES:])
        if not hmac.compare_digest(mac, _mac(own, wrapped.wrapping, sealed, context)):
            raise _damaged(wrapped)
        return secret


def _mac(own: bytes, name: str, sealed: bytes, context: bytes) -> bytes:
    return hmac.digest(own, name.encode() + b"\0" + sealed + context, hashlib.sha256)


def _parts(wrapped: Wrapped, rest: bytes) -> Iterator[bytes]:
    """Raises: CustodyRefusedError: it is cut off."""
    if not rest:
        raise _damaged(wrapped)
    while rest:
        end = _LENGTH_BYTES + int.from_bytes(rest[:_LENGTH_BYTES], "big")
        if not _LENGTH_BYTES < end <= len(rest):
            raise _damaged(wrapped)
        yield rest[_LENGTH_BYTES:end]
        rest = rest[end:]


def _damaged(wrapped: Wrapped) -> CustodyRefusedError:
    return CustodyRefusedError("wrong_context", f"{wrapped.wrapping} did not wrap this")


def _bound(context: bytes, number: int, of: int) -> dict[str, str]:
    return {"tallystick": hashlib.sha256(context).hexdigest(), "part": f"{number}/{of}"}
