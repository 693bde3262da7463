"""Histories of the ledger as the application writes them: by `post_all`, with audit events."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from uuid import UUID, uuid4

from attrs import define, evolve, field

from adapters.system import SystemIdentifiers
from application.audit.trail import Trail
from application.credits.post import Order, Outcome, post_all
from application.ports.storage.work import Store, Work
from domain.audit import OPERATOR
from domain.gift import Direction, Gift, GiftState
from domain.identifiers import GiftId, HoldId, LotId, OrganisationId
from domain.ledger import (
    PRIORITIES,
    Adjust,
    Capture,
    Clawback,
    Command,
    Correct,
    EndLot,
    GiftBack,
    Gifted,
    GiftOut,
    GiftReturned,
    Grant,
    HoldCredits,
    Lot,
    Portion,
    Release,
    Renew,
    Source,
)
from tests.contract.tenants import NOW, Tenant


@define
class Instant:
    """Goes on when told so, by any thread, and never back."""

    at: datetime
    _lock: Lock = field(factory=Lock)

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        with self._lock:
            self.at += by


@define
class Bookkeeper:
    """Gives an organisation's wallet commands, and lets time pass between them."""

    store: Store
    tenant: Tenant
    clock: Instant = field(factory=lambda: Instant(NOW))
    holds: list[HoldId] = field(factory=list)
    facts: list[str] = field(factory=list)
    gifts: list[tuple[UUID, tuple[Portion, ...]]] = field(factory=list)
    refused: list[str] = field(factory=list)

    def do(self, *commands: Command) -> list[Outcome]:
        """In one transaction, at an instant of its own."""
        with self.store.begin(self.tenant.scope) as work:
            work.ledger.lock()
            self.clock.advance(timedelta(microseconds=1))
            trail = Trail(
                identifiers=SystemIdentifiers(self.clock),
                organisation=self.tenant.organisation,
                actor=OPERATOR,
            )
            orders = [Order(trail=trail, command=command, subject=uuid4()) for command in commands]
            outcomes = post_all(work, orders, self.clock.now())
            for outcome in outcomes:
                self._keep_gifts(work, outcome)
            trail.write(work)
        self.refused += [each.refusal.code for each in outcomes if each.refusal]
        self.gifts += [
            (event.gift, event.portions)
            for outcome in outcomes
            for event in outcome.events
            if isinstance(event, Gifted)
        ]
        return outcomes

    def _keep_gifts(self, work: Work, outcome: Outcome) -> None:
        """The rows that whoever gives keeps beside the journal."""
        for event in outcome.events:
            if isinstance(event, Gifted):
                gift = Gift(
                    organisation=self.tenant.organisation,
                    id=GiftId(event.gift),
                    direction=Direction.SENT,
                    other=OrganisationId(uuid4()),
                    amount=sum(portion.amount for portion in event.portions),
                    sent_by="mem_1",
                    sent_at=self.clock.now(),
                )
                assert work.gifts.add(gift)
            if isinstance(event, GiftReturned):
                known = work.gifts.get(GiftId(event.gift))
                returned = evolve(known, state=GiftState.RETURNED, closed_at=self.clock.now())
                work.gifts.close(returned)

    def wait(self, **time: float) -> None:
        self.clock.advance(timedelta(**time))

    def grant(
        self,
        amount: int,
        source: Source = Source.PACK,
        *,
        fact: str | None = None,
        days: float | None = None,
        micros: int | None = None,
    ) -> str:
        lot = self.a_lot(amount, source, fact=fact, days=days, micros=micros)
        self.do(Grant(lot=lot, is_granted_before=False))
        return lot.fact

    def a_lot(
        self,
        amount: int,
        source: Source = Source.PACK,
        *,
        fact: str | None = None,
        days: float | None = None,
        micros: int | None = None,
    ) -> Lot:
        now = self.clock.now()
        lot = Lot(
            id=LotId(SystemIdentifiers(self.clock).next()),
            source=source,
            priority=PRIORITIES[source],
            amount=amount,
            remaining=amount,
            effective_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
            fact=fact or f"{source}:{uuid4()}",
            unit_cost_micros=micros,
            currency=None if micros is None else "USD",
        )
        self.facts.append(lot.fact)
        return lot

    def hold(self, amount: int, *, lease: timedelta | None = None, **of: object) -> HoldId:
        command = self.a_hold(amount, lease=lease, **of)
        self.do(command)
        return command.id

    def a_hold(self, amount: int, *, lease: timedelta | None = None, **of: object) -> HoldCredits:
        until = None if lease is None else self.clock.now() + lease
        id = HoldId(uuid4())
        self.holds.append(id)
        return HoldCredits(id=id, subject=uuid4(), amount=amount, lease_until=until, **of)

    def some_history(self, random: Random, steps: int) -> None:
        for _ in range(steps):
            if random.random() < 0.3:
                self.wait(hours=random.choice([0.01, 1, 20, 60]))
            if self.facts and random.random() < 0.05:
                self.do(EndLot(fact=random.choice(self.facts)))
            self.do(*(self._some_command(random) for _ in range(random.choice([1, 1, 1, 3]))))

    def _some_command(self, random: Random) -> Command:
        hold = random.choice(self.holds or [HoldId(uuid4())])
        fact = random.choice(self.facts or ["nothing"])
        amount = random.randint(1, 12)
        choices: list[Callable[[], Command]] = [
            lambda: self._some_grant(random),
            lambda: self._some_grant(random),
            lambda: self.a_hold(amount),
            lambda: self.a_hold(amount),
            lambda: self.a_hold(amount, lease=timedelta(hours=random.randint(1, 30))),
            lambda: Capture(id=hold),
            lambda: Capture(id=hold, amount=random.randint(0, 6)),
            lambda: Release(id=hold, is_ours=random.random() < 0.5),
            lambda: Renew(id=hold, lease_until=self.clock.now() + timedelta(hours=5)),
            lambda: Clawback(fact=fact, total=random.randint(0, 8)),
            lambda: Adjust(amount=random.randint(1, 4)),
            lambda: Correct(id=hold, amount=random.choice([None, 1, 3])),
            lambda: GiftOut(gift=uuid4(), amount=random.randint(1, 6)),
            lambda: self._some_gift_back(random),
        ]
        return random.choice(choices)()

    def _some_grant(self, random: Random) -> Grant:
        lot = self.a_lot(
            random.randint(5, 25),
            random.choice(list(Source)),
            days=random.choice([None, 1, 2, 5]),
            micros=random.choice([None, 39_500, 58_000]),
        )
        return Grant(lot=lot, is_granted_before=False)

    def _some_gift_back(self, random: Random) -> Command:
        if not self.gifts:
            return Adjust(amount=1)
        gift, portions = self.gifts.pop(random.randrange(len(self.gifts)))
        return GiftBack(gift=gift, portions=portions)
