"""What the sealer remembers outside the database: the last checkpoint that it signed.

Whoever can rewrite the database cannot rewrite this, so nothing is signed that contradicts it.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from attrs import field, frozen

from domain.checkpoint import Checkpoint
from domain.merkle import EMPTY_ROOT
from domain.signing import PublicKey


class SealStateError(Exception):
    """It cannot be read or written, or is not what a sealer wrote; says where."""


@frozen(kw_only=True)
class SealState:
    checkpoint: Checkpoint
    public_key: PublicKey
    #: As it was signed; None while nothing was, of a log that has just been opened.
    note: str | None = field(default=None)
    #: Which of the cluster's histories it was signed for; None: of before that was kept.
    timeline: int | None = None

    @note.validator
    def _is_of_a_tree_with_leaves(self, _attribute: object, value: str | None) -> None:
        if value is None and (self.checkpoint.size, self.checkpoint.root) != (0, EMPTY_ROOT):
            raise ValueError("a tree with leaves is in no state before it was signed")

    @classmethod
    def fresh(cls, origin: str, public_key: PublicKey) -> "SealState":
        empty = Checkpoint(origin=origin, size=0, root=EMPTY_ROOT)
        return cls(checkpoint=empty, public_key=public_key)


class SealStateSession(Protocol):
    def read(self) -> SealState | None:
        """None: there is none.  Raises: SealStateError."""
        ...

    def write(self, state: SealState) -> None:
        """On return it is there, whatever happens to the machine; before, the old one is.

        Raises: SealStateError.
        """
        ...


class SealStateStore(Protocol):
    def session(self) -> AbstractContextManager[SealStateSession]:
        """The exclusive right to it, for as long as the block lasts.

        Raises:
            SealerBusyError: another process has it.
            SealStateError: it cannot be had at all.
        """
        ...
