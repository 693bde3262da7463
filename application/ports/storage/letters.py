"""Mail that is to be sent, and the tokens in it."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from application.ports.custody import Wrapped
from domain.identifiers import LetterId, OrganisationId, Prefix, UserId, public_id
from domain.letter import LetterKind


class LetterState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    GIVEN_UP = "given_up"


@frozen(kw_only=True)
class Letter:
    #: `INSTALLATION` for what is about a person.
    organisation: OrganisationId
    id: LetterId
    kind: LetterKind
    #: Whom it is about.  Of a registration: who there will be.
    user: UserId | None = None
    #: Address, token and what following it needs; None: forgotten.
    sealed: Wrapped | None = field(default=None, repr=False)
    #: SHA-256 of the token's secret; None: it carries none.
    secret_hash: bytes | None = field(default=None, repr=False)
    written_at: datetime
    expires_at: datetime
    state: LetterState = LetterState.QUEUED
    attempts: int = 0
    #: When a worker looks at it next; None: never again.
    due_at: datetime | None = field()
    #: When its token was used, or stopped being good.
    used_at: datetime | None = None
    #: All access was ended since it was written.  The store says so of what it reads.
    is_ended: bool = False

    @due_at.validator
    def _is_due_while_queued(self, _: object, value: datetime | None) -> None:
        if (value is not None) is not (self.state is LetterState.QUEUED):
            raise ValueError("a letter is due while it is queued")

    @property
    def name(self) -> str:
        return public_id(Prefix.LETTER, self.id)

    def is_good(self, now: datetime) -> bool:
        """Whether its token may be used."""
        is_unused = self.secret_hash is not None and self.used_at is None
        return is_unused and not self.is_ended and now < self.expires_at


class Letters(Protocol):
    """Letters of the scope's organisation, and those about the scope's user."""

    def add(self, letter: Letter) -> None:
        """Of the scope's organisation."""
        ...

    def get(self, id: LetterId) -> Letter | None: ...

    def lock(self, id: LetterId) -> Letter | None:
        """As `get`, locked until the transaction ends."""
        ...

    def put(self, letter: Letter) -> None: ...

    def end_of_user(self, now: datetime) -> int:
        """What letters about the scope's user carry is good no more, and forgotten; tell of how
        many.  Also what was not sent yet is not sent then.
        """
        ...

    def usable(self, kind: LetterKind, now: datetime) -> list[Letter]:
        """Those of the scope's organisation whose token may be used, oldest first."""
        ...

    def due(self, now: datetime, limit: int) -> list[tuple[OrganisationId, LetterId]]:
        """What waits to be sent, of all organisations; works in any scope, tells ids only."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget what was over *before*, of all organisations; tell how many."""
        ...
