"""Decide ledger commands and record them, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from attrs import define, evolve, field, frozen

from application.audit.trail import Trail
from application.credits.quotas import QuotaBook
from application.ports.storage.ledger import Deed
from application.ports.storage.work import Work
from domain.errors import Refusal
from domain.identifiers import HoldId, LotId, Prefix, public_id
from domain.ledger import (
    Command,
    Event,
    Held,
    Posting,
    Threshold,
    Wallet,
    Watched,
    decide,
    expire,
    facts_of,
    fold,
    holds_of,
    lots_of,
    posted,
    watched,
)

Decision = tuple[Event, ...] | Refusal


@frozen(kw_only=True)
class Order:
    """One command, and in whose name it is given."""

    trail: Trail
    command: Command
    subject: UUID | None = None
    correlation: str | None = None
    live: bool = False


@frozen(kw_only=True)
class Outcome:
    """What a command brought about, or why nothing."""

    events: tuple[Event, ...] = ()
    postings: tuple[Posting, ...] = ()
    refusal: Refusal | None = None


_NOTHING = Outcome()


def post(
    work: Work,
    trail: Trail,
    command: Command,
    now: datetime,
    *,
    subject: UUID | None = None,
    correlation: str | None = None,
    live: bool = False,
) -> Refusal | None:
    """Lock the wallet, let the domain decide, store what it decided.

    What time has ended meanwhile is recorded even where the command is refused.
    """
    order = Order(
        trail=trail, command=command, subject=subject, correlation=correlation, live=live
    )
    (outcome,) = post_all(work, [order], now)
    return outcome.refusal


def post_all(work: Work, orders: Sequence[Order], now: datetime) -> list[Outcome]:
    """The same for several commands, each decided about the wallet that the ones before it leave.

    A refused one changes nothing and keeps none of the others from their effect.  What time has
    ended is told in the first one's trail.
    """
    if not orders:
        return []
    commands = [order.command for order in orders]
    books = Books.about(
        work,
        now,
        holds=dict.fromkeys(id for command in commands for id in holds_of(command)),
        facts=[fact for command in commands for fact in facts_of(command)],
        lots=[lot for command in commands for lot in lots_of(command)],
    )
    outcomes = [books.post(order) for order in orders]
    books.close()
    return outcomes


@define(kw_only=True)
class Books:
    """A locked wallet while commands are decided about it, one after another."""

    work: Work
    now: datetime
    before: Wallet
    #: What time has ended.
    over: Outcome
    #: As what was decided so far leaves it.
    wallet: Wallet
    quotas: QuotaBook
    posted: list[tuple[Order, Outcome]] = field(factory=list)

    @classmethod
    def about(
        cls,
        work: Work,
        now: datetime,
        *,
        holds: Iterable[HoldId] = (),
        facts: Collection[str] = (),
        lots: Collection[LotId] = (),
    ) -> Books:
        """Lock the wallet with all that the commands will be about."""
        before = work.ledger.lock(*holds, facts=facts, lots=lots, now=now)
        wallet, over = _brought_about(before, expire(before, now))
        return cls(
            work=work,
            now=now,
            before=before,
            over=over,
            wallet=wallet,
            quotas=QuotaBook(work, now),
        )

    def post(self, order: Order) -> Outcome:
        decided = _within(self.quotas, decide(self.wallet, order.command, self.now))
        if isinstance(decided, Refusal):
            outcome = Outcome(refusal=decided)
        else:
            self.wallet, outcome = _brought_about(self.wallet, decided)
        self.posted.append((order, outcome))
        return outcome

    def close(self) -> None:
        """Store what was decided, and what time has ended: in the first order's trail."""
        if self.posted:
            _record(self)
        self.quotas.record()


def _within(quotas: QuotaBook, decided: Decision) -> Decision:
    """What was decided, unless a quota has not enough left for it."""
    if isinstance(decided, Refusal):
        return decided
    for event in decided:
        if isinstance(event, Held) and (refusal := quotas.charge(event.hold)):
            return refusal
    return decided


def _record(books: Books) -> None:
    first = books.posted[0][0]
    ended = [(evolve(first, subject=None), books.over)] if books.over.events else []
    decided = [*ended, *((order, outcome) for order, outcome in books.posted if outcome.events)]
    if not decided:
        return
    deeds = [
        Deed(
            events=outcome.events,
            actor=_name(order),
            subject=order.subject,
            postings=outcome.postings,
        )
        for order, outcome in decided
    ]
    deeds, threshold, wallet = _watched(books, deeds)
    recorded = books.work.ledger.record_all(books.before, deeds, books.now, after=wallet)
    for (order, _), entries in zip(decided, recorded, strict=True):
        order.trail.add_postings(entries, order.correlation, live=order.live)
    if threshold is not None:
        last, _ = decided[-1]
        _warn(last, threshold, wallet, books.now)


def _watched(books: Books, deeds: list[Deed]) -> tuple[list[Deed], Threshold | None, Wallet]:
    """The same deeds, with what is remembered of how low the credits are, and what is told.

    Of all of them at once: what a lot's end takes, a grant may give again before anybody sees it.
    """
    events = [event for deed in deeds for event in deed.events]
    watch, threshold = watched(books.before, events, books.now, after=books.wallet)
    if watch is books.before.watch or watch == books.before.watch:
        return deeds, threshold, books.wallet
    remembered = Watched(watch=watch)
    *others, last = deeds
    after = fold(books.wallet, remembered)
    return [*others, evolve(last, events=(*last.events, remembered))], threshold, after


def _warn(order: Order, threshold: Threshold, wallet: Wallet, now: datetime) -> None:
    order.trail.add(
        threshold.action,
        public_id(Prefix.ORGANISATION, wallet.organisation),
        now,
        live=order.live,
        correlation=order.correlation,
        details={
            "available": wallet.available,
            "granted": wallet.watch.granted if wallet.watch else 0,
            "percent": int(threshold),
        },
    )


def _brought_about(wallet: Wallet, events: tuple[Event, ...]) -> tuple[Wallet, Outcome]:
    if not events:
        return wallet, _NOTHING
    after, postings = posted(wallet, events)
    return after, Outcome(events=events, postings=postings)


def _name(order: Order) -> str:
    return f"{order.trail.actor.kind}:{order.trail.actor.id or ''}"
