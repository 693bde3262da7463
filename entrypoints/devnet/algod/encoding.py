"""Canonical msgpack, hashes and addresses, as the protocol defines them.

Canonical: keys sorted, zero values left out, integers in their shortest form, one encoding per
value.  Identifiers are hashes of that encoding behind a prefix of two letters.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import msgpack
from cryptography.hazmat.primitives import hashes

#: A decoded msgpack map; what the fields must be is said in `transactions`.
Fields = Mapping[str, Any]

ZERO_ADDRESS = bytes(32)
#: Byte strings of any length: empty is their zero, while a fixed array's zero is all zeros.
_SLICES = frozenset({"note", "apap", "apsu", "n"})
_CHECKSUM_BYTES = 4
_MOST_BYTES = 1 << 20


class EncodingError(Exception):
    """Bytes that no node takes, or would write in another way."""


def pack(value: object) -> bytes:
    """The one encoding of a value.  Names that are not UTF-8 survive as surrogates."""
    packed: bytes = msgpack.packb(
        _canonical(value), use_bin_type=True, unicode_errors="surrogateescape"
    )
    return packed


def unpack(encoded: bytes) -> Any:
    """Raises: EncodingError: not one msgpack value."""
    try:
        return msgpack.unpackb(encoded, raw=False, unicode_errors="surrogateescape")
    except (ValueError, msgpack.UnpackException) as error:
        raise EncodingError(f"msgpack decode error: {error}") from error


def unpack_each(encoded: bytes) -> Iterator[tuple[Any, bytes]]:
    """The values that follow one another in a body, each with the bytes it was read from.

    Raises:
        EncodingError: the body does not end where a value does.
    """
    unpacker = msgpack.Unpacker(
        raw=False,
        unicode_errors="surrogateescape",
        max_buffer_size=_MOST_BYTES,
    )
    try:
        unpacker.feed(encoded)
        begin = 0
        while begin < len(encoded):
            value = unpacker.unpack()
            end = unpacker.tell()
            yield value, encoded[begin:end]
            begin = end
    except (ValueError, msgpack.UnpackException) as error:
        raise EncodingError(f"msgpack decode error: {error or 'unexpected end'}") from error


def digest(prefix: bytes, encoded: bytes) -> bytes:
    """SHA-512/256, which OpenSSL may lack under `hashlib` but never under `cryptography`."""
    state = hashes.Hash(hashes.SHA512_256())
    state.update(prefix + encoded)
    return state.finalize()


def base32(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=")


def base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def address_text(address: bytes) -> str:
    return base32(address + digest(b"", address)[-_CHECKSUM_BYTES:])


def address_bytes(text: str) -> bytes:
    """Raises: EncodingError: not an address, or its checksum is wrong."""
    try:
        decoded = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise EncodingError(f"{text!r} is no address") from error
    if len(decoded) != 36 or address_text(decoded[:32]) != text:
        raise EncodingError(f"{text!r} is no address, or its checksum is wrong")
    return decoded[:32]


def is_zero(name: str, value: object) -> bool:
    """Whether a canonical map leaves the field out."""
    if isinstance(value, Mapping):
        return all(is_zero(key, item) for key, item in value.items())
    if isinstance(value, bytes) and name not in _SLICES:
        return not any(value)
    return not value


def _canonical(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: _canonical(item)
            for key, item in sorted(value.items(), key=lambda item: str(item[0]))
            if not is_zero(key, item)
        }
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value
