"""Fees in money, and what coins were worth."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.fees import FeeLine
from domain.identifiers import NetworkId, OrganisationId
from domain.money import Rate


class Rates(Protocol):
    """Of no organisation: everybody's coin is worth the same."""

    def add(self, network: NetworkId, rate: Rate) -> bool:
        """Keep it for good; False: there is one of that network, currency and instant."""
        ...

    def newest(self, network: NetworkId, currency: str, now: datetime) -> Rate | None:
        """What was said last of how things were, at *now* or before."""
        ...


class FeeLines(Protocol):
    """Of the scope's organisation, where nothing else is said."""

    def add(self, line: FeeLine) -> bool:
        """Keep a new line; False: its fact has one."""
        ...

    def get(self, fact: str) -> FeeLine | None: ...

    def unpriced(self) -> Sequence[FeeLine]:
        """Those that wait for a rate, oldest first."""
        ...

    def price(self, line: FeeLine) -> None:
        """Keep amount and costs of a line that had no amount; else nothing happens."""
        ...

    def unbilled(self) -> Sequence[FeeLine]:
        """Those with an amount that no invoice item charges yet, oldest first."""
        ...

    def mark_billed(self, fact: str, invoice_item: str, at: datetime) -> bool:
        """*invoice_item* charges the line; False: it was told before what does, and that stays.

        Raises: MisuseError: there is no such line, or it has no amount yet.
        """
        ...

    def between(self, since: datetime, until: datetime) -> Sequence[FeeLine]:
        """Those of deployments completed from *since* on and before *until*, oldest first."""
        ...

    def owing(self, after: OrganisationId, at_most: int) -> Sequence[OrganisationId]:
        """Who has lines that wait for a rate or an invoice item, in any scope.

        By id, ascending, those after *after*; nobody comes before `INSTALLATION`.
        """
        ...
