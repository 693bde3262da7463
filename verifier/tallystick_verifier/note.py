"""The signed checkpoint: C2SP signed-note over C2SP tlog-checkpoint, with one signature."""

import re
from dataclasses import dataclass
from hashlib import sha256

from .canonical import unbase64
from .ed25519 import is_signed
from .report import Refused, UnusableError

_FORM = re.compile(
    r"(?P<text>(?P<origin>[!-*,-~]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/=]+)\n)"
    r"\n\N{EM DASH} (?P<name>[!-*,-~]+) (?P<mark>[A-Za-z0-9+/=]+)\n"
)
_KEY = re.compile(r"(?P<name>[!-*,-~]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)")
#: The algorithm's byte for Ed25519 (C2SP signed-note).
ED25519 = b"\x01"
#: Characters of the longest note that is looked at.
LONGEST = 4096
#: What JSON can say without a fraction.
LARGEST_SIZE = 2**53 - 1


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    #: How many leaves there are.
    size: int
    root: bytes


@dataclass(frozen=True)
class NamedKey:
    """A log's key, as whoever checks has it from elsewhere."""

    fingerprint: str
    #: The log's name, where it came with the key.
    name: str | None = None

    def is_of(self, fingerprint: str, origin: str) -> bool:
        return self.fingerprint == fingerprint and self.name in {None, origin}

    def __str__(self) -> str:
        return self.fingerprint + (f", of the log {self.name}" if self.name else "")


def named(line: str) -> tuple[str, bytes]:
    """Name and key of a line ``name+id+base64``, as C2SP writes keys.

    Raises: UnusableError: it is none, or the id is not that of this key in this name.
    """
    unusable = UnusableError(f"{line[:100]!r} is no key as C2SP writes them: name+id+base64")
    if (form := _KEY.fullmatch(line)) is None:
        raise unusable
    try:
        key = unbase64(form["key"], "--key")
    except Refused:
        raise unusable from None
    if len(key) != 33 or key[:1] != ED25519:
        raise unusable
    if (wanted := key_id_of(form["name"], key[1:]).hex()) != form["id"]:
        raise UnusableError(f"{line}: the id of this key in this name is {wanted}")
    return form["name"], key[1:]


def fingerprint(key: bytes) -> str:
    return sha256(key).hexdigest()


def key_id_of(name: str, key: bytes) -> bytes:
    """C2SP signed-note."""
    return sha256(name.encode() + b"\n" + ED25519 + key).digest()[:4]


def read(note: str, key: bytes, where: str) -> Checkpoint:
    """The checkpoint, once its signature by *key* was found to be one.

    Raises: Refused: malformed_note, note_signature.
    """
    form = _FORM.fullmatch(note) if len(note) <= LONGEST else None
    if form is None:
        expected = "three lines, an empty one, and one signature"
        raise Refused("malformed_note", where, expected, note)
    root, mark = unbase64(form["root"], where), unbase64(form["mark"], where)
    if len(root) != 32 or len(mark) != 68:
        expected = "a root of 32 bytes; a key id of 4 and a signature of 64"
        raise Refused("malformed_note", where, expected, f"{len(root)} bytes; {len(mark)}")
    origin, size = form["origin"], int(form["size"])
    if size > LARGEST_SIZE:
        raise Refused("malformed_note", where, f"a size up to {LARGEST_SIZE}", size)
    if form["name"] != origin:
        raise Refused("malformed_note", where, f"a signature in the name {origin}", form["name"])
    key_id = key_id_of(origin, key)
    if root != sha256().digest() and size == 0:
        raise Refused("malformed_note", where, "the root of nothing", root)
    if mark[:4] != key_id:
        raise Refused("note_signature", where, f"a signature by the key {key_id.hex()}", mark[:4])
    if not is_signed(key, mark[4:], form["text"].encode()):
        raise Refused("note_signature", where, f"a signature by {fingerprint(key)}", "none")
    return Checkpoint(origin, size, root)
