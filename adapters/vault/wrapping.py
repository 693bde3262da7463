"""Wrapping by a key in transit: it is made there, and never leaves."""

from __future__ import annotations

import base64
import binascii
import re
import threading

import hvac
from attrs import define, field

from adapters.vault.line import Line
from application.ports.custody import CustodyRefusedError, KeyWrapping, Wrapped

#: The one key of transit that wraps.
WRAPPING_KEY = "tallystick-wrapping"
_NAME = re.compile(rf"vault:{WRAPPING_KEY}/([1-9][0-9]{{0,8}})")
_SEALED = re.compile(r"vault:v([1-9][0-9]{0,8}):(.+)")
#: Before every secret: transit refuses to encrypt nothing.
_MARK = b"\1"


@define(eq=False)
class TransitWrapping(KeyWrapping):
    _line: Line
    _is_there: bool = field(default=False, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def current(self) -> str:
        """With transit's newest version, which is the one that wraps."""
        self._make_key()
        mount = self._line.address.mount
        newest = self._line.ask(
            f"read on {mount}/keys/{WRAPPING_KEY}",
            lambda client: int(
                client.secrets.transit.read_key(name=WRAPPING_KEY, mount_point=mount)["data"][
                    "latest_version"
                ]
            ),
        )
        return f"vault:{WRAPPING_KEY}/{newest}"

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        self._make_key()
        sealed = self._line.ask(
            self._permission("encrypt"),
            lambda client: str(
                client.secrets.transit.encrypt_data(
                    name=WRAPPING_KEY,
                    plaintext=_text(_MARK + secret),
                    associated_data=_bound(context),
                    mount_point=self._line.address.mount,
                )["data"]["ciphertext"]
            ),
        )
        match = _SEALED.fullmatch(sealed)
        if match is None:
            raise CustodyRefusedError("wrong_context", "transit encrypts in a form of its own")
        return Wrapped(
            wrapping=f"vault:{WRAPPING_KEY}/{match[1]}", ciphertext=base64.b64decode(match[2])
        )

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        return self.unwrap_named(wrapped, context)[0]

    def unwrap_named(self, wrapped: Wrapped, context: bytes) -> tuple[bytes, str | None]:
        """As `unwrap`, with Vault's own name for the call.  Raises: as `unwrap`."""
        match = _NAME.fullmatch(wrapped.wrapping)
        if match is None:
            raise CustodyRefusedError("unknown_key", f"{wrapped.wrapping} is no key of this Vault")

        def decrypt(client: hvac.Client) -> tuple[bytes, str | None]:
            answer = client.secrets.transit.decrypt_data(
                name=WRAPPING_KEY,
                ciphertext=f"vault:v{match[1]}:{_text(wrapped.ciphertext)}",
                associated_data=_bound(context),
                mount_point=self._line.address.mount,
            )
            return _bytes(answer["data"]["plaintext"]), answer.get("request_id")

        plaintext, request_id = self._line.ask(self._permission("decrypt"), decrypt)
        if plaintext[:1] != _MARK:
            raise CustodyRefusedError("wrong_context", f"{wrapped.wrapping} did not wrap this")
        return plaintext[1:], request_id

    def _make_key(self) -> None:
        """Once per process; making it again changes nothing."""
        with self._lock:
            if self._is_there:
                return
            mount = self._line.address.mount

            def make(client: hvac.Client) -> None:
                client.secrets.transit.create_key(
                    name=WRAPPING_KEY,
                    key_type="aes256-gcm96",
                    exportable=False,
                    allow_plaintext_backup=False,
                    mount_point=mount,
                )

            self._line.ask(f"update on {mount}/keys/{WRAPPING_KEY}", make)
            self._is_there = True

    def _permission(self, verb: str) -> str:
        return f"update on {self._line.address.mount}/{verb}/{WRAPPING_KEY}"


def _bound(context: bytes) -> str:
    """Never empty: no associated data would be none at all."""
    return _text(b"tallystick\0" + context)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        # Without what could not be read: it was to be a secret.
        raise CustodyRefusedError("wrong_context", "transit decrypted to no base64") from None
