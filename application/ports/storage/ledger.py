"""Where credits are kept."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from typing import Protocol
from uuid import UUID

from attrs import field, frozen

from application.ports.storage.foreseen import Foreseen
from application.ports.storage.paging import Page
from domain.identifiers import HoldId, LotId
from domain.ledger import Event, Hold, JournalEntry, Posting, Wallet, postings
from domain.statement import Flow


@frozen(kw_only=True)
class Deed:
    """What one actor's command has brought about."""

    events: tuple[Event, ...]
    #: ``<kind>:<public id>``.
    actor: str
    subject: UUID | None = None
    #: What the events post.
    postings: tuple[Posting, ...] = field()

    @postings.default
    def _of_the_events(self) -> tuple[Posting, ...]:
        return tuple([posting for event in self.events for posting in postings(event)])


def entered(
    version: int, deeds: Sequence[Deed], at: datetime
) -> tuple[tuple[JournalEntry, ...], ...]:
    """The journal lines of each of *deeds*, numbered on from *version*."""
    sequence = count(version + 1)
    return tuple(
        [
            tuple(
                [
                    JournalEntry(
                        sequence=next(sequence),
                        at=at,
                        posting=posting,
                        actor=deed.actor,
                        subject=deed.subject,
                    )
                    for posting in deed.postings
                ]
            )
            for deed in deeds
        ]
    )


class Ledger(Protocol):
    """The ledger of the scope's organisation."""

    def stand_in_line(self, foreseen: Foreseen | None = None) -> None:
        """Lock the wallet until the transaction ends, as `lock` does, and read nothing of it.

        *foreseen*: what is asked behind it.
        """
        ...

    def lock(
        self,
        *holds: HoldId,
        facts: Collection[str] = (),
        lots: Collection[LotId] = (),
        now: datetime | None = None,
    ) -> Wallet:
        """The wallet, locked until the transaction ends.

        With its lots that have anything left and those of *facts* and *lots*; the named holds and
        all whose lease is over at *now*; and the lots that these holds took from.
        """
        ...

    def granted(self, facts: Collection[str]) -> Mapping[str, int]:
        """How many credits each of *facts* has granted, where it has.

        Ask under the wallet's lock.
        """
        ...

    def is_granted(self, fact: str) -> bool:
        """Whether the economic fact was granted before.  Ask under the wallet's lock."""
        ...

    def record(
        self,
        wallet: Wallet,
        events: Sequence[Event],
        at: datetime,
        actor: str,
        subject: UUID | None = None,
    ) -> tuple[JournalEntry, ...]:
        """Store what was decided about the locked *wallet*; tell the journal lines written."""
        ...

    def record_all(
        self,
        wallet: Wallet,
        deeds: Sequence[Deed],
        at: datetime,
        *,
        after: Wallet | None = None,
    ) -> tuple[tuple[JournalEntry, ...], ...]:
        """The same for several, in order and at once; the journal lines of each.

        *after*: the wallet that they leave, where the caller has it already.
        """
        ...

    def balance(self, now: datetime | None = None) -> Wallet:
        """Balances and lots with anything left, without a lock, as of one instant.

        With *now*: also the holds whose lease is over by then, so that `expire` can be folded in.
        """
        ...

    def hold(self, id: HoldId) -> Hold | None: ...

    def held(self) -> Sequence[Hold]:
        """All open holds, by id.  Under the wallet's lock none comes and none goes."""
        ...

    def open_holds(self) -> int:
        """How many holds are open."""
        ...

    def flows(self, since: datetime, until: datetime) -> Sequence[Flow]:
        """All that was posted before *until*, added up; from *since* on apart."""
        ...

    def lines_by_day(self) -> Mapping[date, int]:
        """How many lines the journal has of each day in UTC that has any."""
        ...

    def journal(self, *, before: int | None, limit: int) -> Page[JournalEntry]:
        """Newest first; *before* is a sequence number, exclusive."""
        ...
