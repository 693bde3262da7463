"""An event's proof as a text, checked without a server: c2sp.org/tlog-proof.

Whoever has the leaf, which is the proof's extra data, needs nothing else but the key's name.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from attrs import frozen

from application.ports.custody import Verifies
from domain import merkle
from domain.checkpoint import Checkpoint, MalformedError, Note, key_id
from domain.signing import Curve, PublicKey

_HEAD = re.compile(r"c2sp\.org/tlog-proof@v1\nextra ([^\n]*)\nindex (0|[1-9][0-9]{0,18})\n")
#: Algorithm byte of Ed25519 in keys as C2SP signed-note writes them.
_ED25519 = b"\x01"


@frozen(kw_only=True)
class EventProof:
    #: Domain, salt and body of the event.
    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note

    @property
    def is_included(self) -> bool:
        """Whether the leaf is at its index under the checkpoint's root."""
        leaf, checkpoint = merkle.leaf_hash(self.leaf), self.checkpoint
        return merkle.verify_inclusion(
            leaf, self.index, checkpoint.size, self.path, checkpoint.root
        )

    def is_signed_by(self, key: VerifierKey, verifies: Verifies) -> bool:
        signature = self.note.of(key.name, key.key)
        return (
            key.name == self.checkpoint.origin
            and signature is not None
            and verifies(key.key, self.note.text.encode(), signature)
        )

    @classmethod
    def parse(cls, text: str) -> EventProof:
        """Raises: MalformedError."""
        head = _HEAD.match(text)
        if head is None:
            raise MalformedError("it does not begin as a tlog-proof with extra data does")
        hashes, separator, note = text[head.end() - 1 :].partition("\n\n")
        if not separator:
            raise MalformedError("a proof ends with a checkpoint")
        parsed = Note.parse(note)
        return cls(
            leaf=_bytes(head[1]),
            index=int(head[2]),
            path=tuple(_bytes(line) for line in hashes.split("\n")[1:]),
            checkpoint=Checkpoint.parse(parsed.text),
            note=parsed,
        )


@frozen(kw_only=True)
class VerifierKey:
    """A log's key in the form of c2sp.org/signed-note: ``origin+key id+base64``."""

    name: str
    key: PublicKey

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Raises: MalformedError."""
        name, _, rest = text.strip().partition("+")
        id, _, encoded = rest.partition("+")
        raw = _bytes(encoded)
        if not name or len(raw) != 33 or raw[:1] != _ED25519:
            raise MalformedError("it is no verifier key of ed25519")
        key = PublicKey(Curve.ED25519, raw[1:])
        if key_id(name, key).hex() != id:
            raise MalformedError("its key id is that of another key")
        return cls(name=name, key=key)


def _bytes(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedError(f"{text[:20]} is no base64") from error
    if b64encode(raw).decode() != text:
        raise MalformedError(f"{text[:20]} is not the one base64 of its bytes")
    return raw
