"""Write a letter, and read what one carried.

What is in it is wrapped before the transaction that stores it, because wrapping may ask a
service; the outbox row of the same transaction has a worker send it.  A token names its letter, so
that one row is looked up; of its secret the store has the hash only.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from uuid import UUID

from attrs import field, frozen

from application.ports.clock import Clock
from application.ports.custody import KeyWrapping
from application.ports.identifiers import Identifiers
from application.ports.storage.letters import Letter
from application.ports.storage.work import Work
from application.secret_hash import hash_secret, is_same
from domain.identifiers import INSTALLATION, LetterId, OrganisationId, UserId
from domain.letter import LIVES, LetterKind

TOPIC = "letter.written"
SECRET_BYTES = 32
_IDS = 32


@frozen(kw_only=True)
class LetterToken:
    organisation: OrganisationId
    letter: LetterId
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "LetterToken | None":
        """None for whatever is not a token of ours."""
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (NotBase64, ValueError):
            return None
        if len(raw) != _IDS + SECRET_BYTES:
            return None
        return cls(
            organisation=OrganisationId(UUID(bytes=raw[:16])),
            letter=LetterId(UUID(bytes=raw[16:_IDS])),
            secret=raw[_IDS:],
        )

    @property
    def text(self) -> str:
        raw = self.organisation.bytes + self.letter.bytes + self.secret
        return urlsafe_b64encode(raw).rstrip(b"=").decode()

    def opens(self, letter: Letter) -> bool:
        return is_same(hash_secret(self.secret), letter.secret_hash)


@frozen(kw_only=True)
class WriteLetter:
    wrapping: KeyWrapping
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self,
        kind: LetterKind,
        to: str,
        *,
        user: UserId | None,
        organisation: OrganisationId = INSTALLATION,
        carries_token: bool = True,
        contents: Mapping[str, str] | None = None,
    ) -> Letter:
        """A letter to the address *to*, not stored yet.

        Raises: CustodyUnavailableError: ask again.
        """
        token = LetterToken(
            organisation=organisation,
            letter=LetterId(self.identifiers.next()),
            secret=self.identifiers.secret(SECRET_BYTES),
        )
        told = {"to": to, "token": token.text if carries_token else "", **(contents or {})}
        sealed = self.wrapping.wrap(json.dumps(told).encode(), context_of(token.letter))
        now = self.clock.now()
        return Letter(
            organisation=organisation,
            id=token.letter,
            kind=kind,
            user=user,
            sealed=sealed,
            secret_hash=hash_secret(token.secret) if carries_token else None,
            written_at=now,
            expires_at=now + LIVES[kind],
            due_at=now,
        )


@frozen(kw_only=True)
class ReadLetter:
    wrapping: KeyWrapping

    def __call__(self, letter: Letter) -> Mapping[str, str] | None:
        """What was sealed in it; None: it is forgotten.

        Raises: CustodyUnavailableError, CustodyRefusedError.
        """
        if letter.sealed is None:
            return None
        found = json.loads(self.wrapping.unwrap(letter.sealed, context_of(letter.id)))
        return {str(name): str(value) for name, value in found.items()}


def put_in_the_post(work: Work, letter: Letter) -> None:
    """Store *letter*, and have it sent once this transaction is kept."""
    work.letters.add(letter)
    work.outbox.add(TOPIC, letter.name)


def context_of(letter: LetterId) -> bytes:
    return b"letter.contents\0" + letter.bytes
