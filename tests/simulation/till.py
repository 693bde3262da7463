"""A payment provider that tells late, twice, in another order, or not at all.

What was paid and given back is remembered here, by organisation; the provider's own objects are
never looked at by the oracles, and our books never by the provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any

from attrs import define, field

from adapters.memory.payments import MemoryPayments
from application.ports.payments import PaymentsUnavailableError
from domain.payment import PaymentEvent
from tests.simulation.process import BEGINNING
from tests.simulation.scheduler import Group, Scheduler

#: By heart (spec/credits.md): credits and cents of a pack, and of a month on a tariff.
PACKS = {"small": (500, 29_00), "large": (2_000, 79_00)}
TARIFFS = {"starter": (250, 99_00), "professional": (2_500, 499_00)}
#: In seconds; the provider's own.
_MONTH = 30 * 24 * 3600.0
#: After so many tries Stripe gives up, too.
_TRIES = 8
ASKED = frozenset(
    {"create_customer", "checkout", "state_of", "events_since", "paid_since", "bill", "publish"}
)


@define(eq=False)
class Till:
    scheduler: Scheduler
    random: Random
    #: Brings body and signature to the API; whether it was answered with a 2xx.
    bring: Callable[[bytes, str], bool] = lambda _body, _signature: False
    #: None of what happens from now on is told, until then.
    mute_until: float = 0.0
    down_until: float = 0.0
    #: So many of the next answers do not arrive.
    lost: int = 0
    payments: MemoryPayments = field(init=False)
    #: By organisation: credits of packs that were paid for, less those whose money went back.
    due: dict[int, int] = field(factory=dict)
    #: The same, of months on tariffs.
    months: dict[int, int] = field(factory=dict)
    #: All that was ever given for months.
    months_paid: dict[int, int] = field(factory=dict)
    #: By page: until when it is paid for, and whether a month of it is owed.
    _paid_until: dict[str, float] = field(factory=dict)
    _owed: set[str] = field(factory=set)
    _ended: set[str] = field(factory=set)
    #: By page: what its payer calls unjust; None: it was decided.
    _disputes: dict[str, str | None] = field(factory=dict)
    _refunded: set[str] = field(factory=set)
    post: Group = field(factory=lambda: Group(name="webhooks to us"))
    _told: int = 0

    def __attrs_post_init__(self) -> None:
        self.payments = MemoryPayments(
            now=lambda: BEGINNING + timedelta(seconds=self.scheduler.now)
        )

    def __getattr__(self, name: str) -> Any:
        """The port, as a process meets it."""
        attribute = getattr(self.payments, name)
        if name not in ASKED:
            return attribute

        def ask(*arguments: Any, **named: Any) -> Any:
            if self.scheduler.now < self.down_until:
                raise PaymentsUnavailableError("no answer")
            answer = attribute(*arguments, **named)
            if self.lost:
                self.lost -= 1
                raise PaymentsUnavailableError("the answer did not arrive")
            # An answer is of the instant at which it was given, whenever it is gone through.
            return iter([*answer]) if isinstance(answer, Iterator) else answer

        return ask

    def pay(self, who: int, session: str, item: str) -> None:
        """Once: a page that is paid cannot be paid again."""
        try:
            self.payments.pay(session)
        except ValueError:
            return
        self._gave(who, item, 1)
        if item in TARIFFS:
            self._paid_until[session] = self.scheduler.now + _MONTH
        self.tell()

    def refund(self, who: int, session: str, pack: str) -> bool:
        """Whether it was paid, for a pack, and all of it went back now."""
        if pack not in PACKS or session in self._disputes or session in self._refunded:
            return False
        try:
            payment = self.payments.payment_of(session)
        except ValueError:
            return False
        self.payments.refund(payment, PACKS[pack][1])
        self._refunded.add(session)
        self._gave(who, pack, -1)
        self.tell()
        return True

    def dispute(self, who: int, session: str, item: str) -> None:
        """The payer calls the first payment unjust: all that it gave is taken, for now."""
        if session in self._disputes or session in self._refunded:
            return
        try:
            payment = self.payments.payment_of(session)
        except ValueError:
            return
        self._disputes[session] = self.payments.dispute(payment)
        self._gave(who, item, -1)
        self.tell()

    def decide(self, who: int, session: str, item: str, *, is_won: bool) -> None:
        dispute = self._disputes.get(session)
        if dispute is None:
            return
        self._disputes[session] = None
        self.payments.close(dispute, is_won=is_won)
        if is_won:
            self._gave(who, item, 1)
        self.tell()

    def renew(self, who: int, session: str, tariff: str, *, is_paid: bool) -> None:
        """When the month is over the next one is paid for, or owed."""
        until = self._paid_until.get(session)
        if until is None or session in self._owed:
            return
        self.scheduler.sleep(max(0.0, until - self.scheduler.now))
        if session in self._ended:
            return
        self.payments.renew(self.payments.subscription_of(session), is_paid=is_paid)
        self._paid_until[session] = until + _MONTH
        if is_paid:
            self._gave(who, tariff, 1)
        else:
            self._owed.add(session)
        self.tell()

    def recover(self, who: int, session: str, tariff: str) -> None:
        """What is owed is paid after all."""
        if session in self._owed:
            self._owed.remove(session)
            self.payments.recover(self.payments.subscription_of(session))
            self._gave(who, tariff, 1)
            self.tell()

    def unsubscribe(self, _who: int, session: str, _tariff: str) -> None:
        """With the end of the month that is paid for."""
        until = self._paid_until.get(session)
        if until is None or session in self._ended:
            return
        self._ended.add(session)
        ends_at = BEGINNING + timedelta(seconds=until)
        self.payments.cancel(self.payments.subscription_of(session), ends_at)
        self.tell()

    def _gave(self, who: int, item: str, times: int) -> None:
        """What was paid for, or, with -1, is so no more."""
        if item in PACKS:
            self.due[who] = self.due.get(who, 0) + times * PACKS[item][0]
            return
        credits_ = TARIFFS[item][0]
        self.months[who] = self.months.get(who, 0) + times * credits_
        if times > 0:
            self.months_paid[who] = self.months_paid.get(who, 0) + credits_

    def tell(self) -> None:
        """Whatever is new goes into the post."""
        events, self._told = self.payments.events[self._told :], len(self.payments.events)
        for event in events:
            chance = self.random.random()
            times = 0 if chance < 0.15 else 2 if chance < 0.4 else 1
            for _ in range(times):
                delay = self.random.choice((0.1, 3.0, 90.0, 4000.0)) * self.random.random()
                self.scheduler.at(
                    self.scheduler.now + delay, self.post, "deliver", self._delivery(event)
                )

    def heal(self) -> None:
        self.down_until, self.lost = 0.0, 0

    def _delivery(self, event: PaymentEvent) -> Callable[[], None]:
        def deliver() -> None:
            for attempt in range(_TRIES):
                if self.bring(*self.payments.signed(event)):
                    return
                self.scheduler.sleep(5.0 * 2**attempt)

        return deliver
