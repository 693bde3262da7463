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

#: By heart (spec/credits.md): credits and cents of a pack.
PACKS = {"small": (500, 29_00), "large": (2_000, 79_00)}
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
    #: By organisation: credits that were paid for, less those whose money went back.
    due: dict[int, int] = field(factory=dict)
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

    def pay(self, who: int, session: str, pack: str) -> None:
        """Once: a page that is paid cannot be paid again."""
        try:
            self.payments.pay(session)
        except ValueError:
            return
        self.due[who] = self.due.get(who, 0) + PACKS[pack][0]
        self.tell()

    def refund(self, who: int, session: str, pack: str) -> None:
        given, price = PACKS[pack]
        self.payments.refund(self.payments.payment_of(session), price)
        self.due[who] -= given
        self.tell()

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
