"""The signed checkpoint: C2SP signed-note over C2SP tlog-checkpoint, with one signature."""

import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .canonical import unbase64
from .report import Refused

_FORM = re.compile(
    r"(?P<text>(?P<origin>[!-*,-~]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/=]+)\n)"
    r"\n\N{EM DASH} (?P<name>[!-*,-~]+) (?P<mark>[A-Za-z0-9+/=]+)\n"
)
#: The algorithm's byte for Ed25519 (C2SP signed-note).
ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    #: How many leaves there are.
    size: int
    root: bytes


def fingerprint(key: bytes) -> str:
    return sha256(key).hexdigest()


def read(note: str, key: bytes, where: str) -> Checkpoint:
    """The checkpoint, once its signature by *key* was found to be one.

    Raises: Refused: malformed_note, note_signature.
    """
    form = _FORM.fullmatch(note)
    if form is None:
        expected = "three lines, an empty one, and one signature"
        raise Refused("malformed_note", where, expected, note)
    root, mark = unbase64(form["root"], where), unbase64(form["mark"], where)
    if len(root) != 32 or len(mark) != 68:
        expected = "a root of 32 bytes; a key id of 4 and a signature of 64"
        raise Refused("malformed_note", where, expected, f"{len(root)} bytes; {len(mark)}")
    origin = form["origin"]
    if form["name"] != origin:
        raise Refused("malformed_note", where, f"a signature in the name {origin}", form["name"])
    key_id = sha256(origin.encode() + b"\n" + ED25519 + key).digest()[:4]
    if mark[:4] != key_id:
        raise Refused("note_signature", where, f"a signature by the key {key_id.hex()}", mark[:4])
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(mark[4:], form["text"].encode())
    except (InvalidSignature, ValueError):
        raise Refused(
            "note_signature", where, f"a signature by {fingerprint(key)}", "none"
        ) from None
    return Checkpoint(origin, int(form["size"]), root)
