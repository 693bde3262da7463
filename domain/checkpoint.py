"""A log's state in a signed text: the C2SP forms tlog-checkpoint and signed-note.

A checkpoint says of a log, by its origin, how many leaves there are and what their root is::

    example.com/audit/ins_…/1
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

and a note is a text with signatures behind an empty line, each
``— <name> <base64(key id ‖ signature)>``.  What is signed is the text with its last newline.
Whether a signature is one, a key must say: here is only what is written.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256

from attrs import field, frozen, validators

from domain.errors import MisuseError
from domain.merkle import HASH_BYTES
from domain.signing import Curve, PublicKey, Signature

#: The algorithm's byte for Ed25519 (C2SP signed-note).
_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_ORIGIN = re.compile(r"[!-*,-~]+")
_DASH = "\N{EM DASH} "
_MOST_SIGNATURES = 16


class MalformedError(ValueError):
    """Not in the form that the specification asks for; says where."""


@frozen(kw_only=True)
class Checkpoint:
    #: A URL without a scheme, which names the log for ever; no space and no plus sign in it.
    origin: str = field()
    size: int = field(validator=[validators.ge(0), validators.lt(2**63)])
    root: bytes = field(validator=[validators.min_len(HASH_BYTES), validators.max_len(HASH_BYTES)])

    @origin.validator
    def _is_one_word(self, _attribute: object, value: str) -> None:
        if _ORIGIN.fullmatch(value) is None:
            raise MisuseError(f"{value!r} names no log")

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Raises: MalformedError."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise MalformedError("a checkpoint has three lines")
        origin, size, root, _ = lines
        if _ORIGIN.fullmatch(origin) is None:
            raise MalformedError("the first line of a checkpoint names its log")
        if _SIZE.fullmatch(size) is None or int(size) >= 2**63:
            raise MalformedError("the second line of a checkpoint is a number of leaves")
        found = base64_bytes(root)
        if found is None or len(found) != HASH_BYTES:
            raise MalformedError("the third line of a checkpoint is a root, in base64")
        return cls(origin=origin, size=int(size), root=found)


@frozen(kw_only=True)
class NoteSignature:
    name: str
    key_id: bytes
    #: 64 bytes, for Ed25519.
    signature: bytes


@frozen(kw_only=True)
class Note:
    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        lines = "".join(
            f"{_DASH}{each.name} {b64encode(each.key_id + each.signature).decode()}\n"
            for each in self.signatures
        )
        return f"{self.text}\n{lines}"

    @classmethod
    def signed(cls, text: str, name: str, key: PublicKey, signature: Signature) -> Note:
        if key.curve is not Curve.ED25519 or not text.endswith("\n"):
            raise MisuseError("a note is whole lines, and is signed on ed25519")
        mark = NoteSignature(name=name, key_id=key_id(name, key), signature=signature.raw)
        return cls(text=text, signatures=(mark,))

    @classmethod
    def parse(cls, written: str) -> Note:
        """Raises: MalformedError."""
        text, separator, rest = written.rpartition("\n\n")
        if not separator or not rest.endswith("\n"):
            raise MalformedError("a note is a text, an empty line, and signatures")
        lines = rest[:-1].split("\n")
        if len(lines) > _MOST_SIGNATURES:
            raise MalformedError(f"a note has at most {_MOST_SIGNATURES} signatures")
        if any(ord(letter) < 32 and letter != "\n" for letter in written):
            raise MalformedError("a note has no control characters")
        return cls(text=f"{text}\n", signatures=tuple(_signature(line) for line in lines))

    def of(self, name: str, key: PublicKey) -> Signature | None:
        """What is said to be the signature of *key*, by that name."""
        wanted = key_id(name, key)
        for each in self.signatures:
            if each.name == name and each.key_id == wanted and len(each.signature) == 64:
                return Signature(key.curve, each.signature)
        return None


def key_id(name: str, key: PublicKey) -> bytes:
    """Four bytes that tell keys of one name apart."""
    return sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:_KEY_ID_BYTES]


def base64_bytes(text: str) -> bytes | None:
    """What *text* is the one canonical base64 of: standard letters, padded, no bits left over."""
    try:
        found = b64decode(text, validate=True)
    except ValueError:
        return None
    return found if b64encode(found).decode() == text else None


def _signature(line: str) -> NoteSignature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    found = base64_bytes(encoded) if line.startswith(_DASH) and separator else None
    if _ORIGIN.fullmatch(name) is None or found is None or len(found) <= _KEY_ID_BYTES:
        raise MalformedError("a signature is a dash, a name, and base64")
    return NoteSignature(name=name, key_id=found[:_KEY_ID_BYTES], signature=found[_KEY_ID_BYTES:])
