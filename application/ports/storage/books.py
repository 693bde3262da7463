"""Reading the books for an audit: organisation by organisation, each as of one instant."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from attrs import frozen

from domain.books import EventRow, HoldTotals, Line, LotRow, WalletRow
from domain.books.paid import PaidRow
from domain.books.promises import (
    GiftRow,
    GiftTotals,
    LicenceRow,
    QuotaWindowRow,
    TakenRow,
)
from domain.growth import PaidPeriodRow
from domain.identifiers import OrganisationId
from domain.margin import ChainCost


@frozen(kw_only=True)
class Volume:
    """How much there is to read of an organisation."""

    organisation: OrganisationId
    lines: int


@frozen(kw_only=True)
class Window:
    """From *since*, which is in it, to *until*, which is not; None: without that end."""

    since: datetime | None = None
    until: datetime | None = None


ALWAYS = Window()


class OrganisationBooks(Protocol):
    """One organisation's rows, all as of the instant at which they were opened."""

    def trail_begins(self) -> datetime | None:
        """From when on audit events are in the database; None: from the beginning.

        As `Archives.begins` has it: no row is believed by itself.
        """
        ...

    def wallet(self) -> WalletRow | None: ...

    def lots(self) -> Iterator[LotRow]:
        """In any order."""
        ...

    def hold_totals(self) -> HoldTotals: ...

    def lines(self, window: Window = ALWAYS) -> Iterator[Line]:
        """The journal in the order of its numbers, a page at a time."""
        ...

    def tariff(self) -> str | None:
        """What it subscribes to now."""
        ...

    def quota_windows(self) -> Iterator[QuotaWindowRow]: ...

    def licence_changes(self) -> list[LicenceRow]:
        """What was told of the licence, in order."""
        ...

    def taken_between(
        self, classes: Sequence[str], since: datetime, until: datetime | None
    ) -> list[TakenRow]:
        """Holds of these classes that were taken after *since* and before *until*."""
        ...

    def open_unsigned(self, classes: Sequence[str]) -> list[TakenRow]:
        """Open holds of these classes: metered, or of operations of which nothing is signed."""
        ...

    def gifts(self) -> list[GiftRow]: ...

    def paid(self) -> Iterator[PaidRow]:
        """What was paid for and gives credits, with its lot."""
        ...

    def gift_totals(self) -> GiftTotals: ...

    def paid_periods(self) -> Iterator[PaidPeriodRow]: ...

    def began(self) -> tuple[datetime, datetime | None] | None:
        """When it registered, and when it first completed a deployment; None: there is none."""
        ...

    def chain_costs(self, window: Window = ALWAYS) -> Iterator[ChainCost]:
        """What the sender's transactions cost that were signed then."""
        ...

    def events(self) -> Iterator[EventRow]:
        """The audit events about credits in the order of their numbers, a page at a time."""
        ...


class Books(Protocol):
    """Read-only, and nobody waits for it.

    Raises:
        StoreUnavailableError: from every method.
    """

    def volumes(self) -> list[Volume]:
        """Every organisation, in the order of ids."""
        ...

    def read(self, organisation: OrganisationId) -> AbstractContextManager[OrganisationBooks]: ...
