"""Services that pay by metered holds: what they ask for, and what they remember of it.

A service holds what a call costs, renews the hold while it works, and captures a part, gives
everything back, or is heard of no more.  The model of it is three numbers: what is held, what was
captured, and when the lease may end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from attrs import define, field

from application.metered.usage import (
    ROUTE,
    CaptureUsage,
    HoldUsage,
    ReleaseUsage,
    RenewUsage,
    Served,
    Usage,
)
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import StoreUnavailableError
from application.ports.together import Together
from domain.errors import Refusal
from domain.identifiers import HoldId, OrganisationId
from tests.simulation.scheduler import Actor, Scheduler

#: By heart (spec/credits.md): what one unit costs.
PRICES = {"premium_call": 3, "report": 2}
#: No lease is longer (spec/credits.md), in seconds.
LONGEST_LEASE = 300.0
#: What a service hears that may be otherwise in a moment.
_TRY_AGAIN = frozenset({"request_in_flight", "too_soon", "spending_blocked"})
_FOR_EVER = float("inf")


@define(eq=False)
class Use:
    """One metered call of a service's, with all that the service was told of it."""

    number: int
    who: int
    operation: str
    units: int
    lease: float
    sent: int = 0
    #: None: nobody has answered that there is one.
    hold: HoldId | None = None
    refused: str | None = None
    #: In virtual seconds: the lease does not end before, and is over from then on.
    safe_until: float = 0.0
    over_from: float = _FOR_EVER
    #: What was captured, once that is certain.
    captured: int | None = None
    #: What was asked to be captured, answered or not.
    tried: set[int] = field(factory=set)

    @property
    def cost(self) -> int:
        return PRICES[self.operation] * self.units


@define(eq=False)
class Services:
    scheduler: Scheduler
    #: What the API says to one request; None: nothing was heard.
    ask: Callable[[int, Usage], Any]
    #: Whether all clocks are right, so that it is known when a lease ends.
    is_punctual: bool
    surprises: list[str]
    uses: dict[int, Use] = field(factory=dict)

    # What a service does.

    def use(
        self,
        number: int,
        who: int,
        operation: str,
        units: int,
        lease: float,
        works: Sequence[float],
        ends: str,
        share: float,
    ) -> None:
        """Hold, work for so many seconds each between renewals, and end it so."""
        use = self.uses[number] = Use(number, who, operation, units, lease)
        self._hold(use)
        if use.hold is None:
            return
        for seconds in works[:-1]:
            self.scheduler.sleep(seconds)
            self._renew(use)
        self.scheduler.sleep(works[-1])
        match ends:
            case "capture":
                self._capture(use, round(use.cost * share))
            case "release":
                self._release(use)
            case _:
                # It is heard of no more: the lease frees the hold.
                use.captured = 0

    def close(self, number: int, who: int) -> None:
        """A report that is not made: with it is written down what time has ended."""
        self.use(number, who, "report", 1, LONGEST_LEASE, (0.0,), "release", 0.0)

    def _hold(self, use: Use) -> None:
        fingerprint = f"use {use.number}".encode().ljust(32, b" ")
        wish = HoldUsage(
            key=IdempotencyKey(live=False, route=ROUTE, key=f"use-{use.number}"),
            fingerprint=fingerprint,
            operation=use.operation,
            units=use.units,
            lease=timedelta(seconds=use.lease),
        )
        begun = self.scheduler.now
        for attempt in range(8):
            use.sent += 1
            match self.ask(use.who, wish):
                case Served(hold=hold):
                    use.hold = hold.id
                    use.safe_until = begun + use.lease
                    use.over_from = self.scheduler.now + use.lease
                    return
                case Refusal(code=code) if code not in _TRY_AGAIN:
                    use.refused = code
                    return
                case _:
                    self.scheduler.sleep(1.0 + 4.0 * attempt)

    def _renew(self, use: Use) -> None:
        assert use.hold is not None
        begun = self.scheduler.now
        wish = RenewUsage(id=use.hold, lease=timedelta(seconds=use.lease))
        match self.ask(use.who, wish):
            case Served():
                use.safe_until = max(use.safe_until, begun + use.lease)
                use.over_from = max(use.over_from, self.scheduler.now + use.lease)
            case Refusal() as refusal:
                self._heard(use, refusal, "renewed")
            case _:
                # Whenever it arrives, it is renewed.
                use.over_from = _FOR_EVER

    def _capture(self, use: Use, amount: int) -> None:
        assert use.hold is not None
        for attempt in range(8):
            begun, is_first = self.scheduler.now, not use.tried
            use.tried.add(amount)
            match self.ask(use.who, CaptureUsage(id=use.hold, amount=amount)):
                case Served():
                    use.captured = amount
                    if self.is_punctual and is_first and begun >= use.over_from:
                        self.surprises.append(f"use {use.number} was captured after its lease")
                    return
                case Refusal() as refusal:
                    self._heard(use, refusal, "captured")
                    # Whatever is still on its way comes too late.
                    use.captured = 0
                    return
                case _:
                    self.scheduler.sleep(1.0 + 4.0 * attempt)

    def _release(self, use: Use) -> None:
        assert use.hold is not None
        for attempt in range(8):
            use.captured = 0
            if self.ask(use.who, ReleaseUsage(id=use.hold)) is not None:
                return
            self.scheduler.sleep(1.0 + 4.0 * attempt)

    def _heard(self, use: Use, refusal: Refusal, what: str) -> None:
        # A licence may end a hold as well: that is another word.
        is_early = refusal.code == "hold_expired" and self.scheduler.now < use.safe_until
        if self.is_punctual and is_early:
            left = use.safe_until - self.scheduler.now
            self.surprises.append(
                f"use {use.number} was not {what} with {left:.1f} s left: {refusal.code}"
            )

    # What must hold when everything is over.

    def judge(self, who: int, lines: list[Any]) -> Iterator[str]:
        """*lines*: the journal of that organisation."""
        held, spent, ended = _sums(lines)
        mine = [use for use in self.uses.values() if use.who == who]
        for use in mine:
            if use.hold is None:
                continue
            if held[use.hold] != use.cost:
                yield f"use {use.number} held {held[use.hold]} credits, it costs {use.cost}"
            if ended[use.hold] != held[use.hold]:
                yield f"use {use.number}: {ended[use.hold]} of {held[use.hold]} held have ended"
            may = {use.captured} if use.captured is not None else {0, *use.tried}
            if spent[use.hold] not in may:
                yield f"use {use.number} was captured {spent[use.hold]} of {sorted(may)}"
        unheard = held.keys() - {use.hold for use in mine}
        silent = sum(use.hold is None and (use.sent > 1 or not use.refused) for use in mine)
        if len(unheard) > silent:
            yield f"{len(unheard)} holds for {silent} uses that nobody answered"
        for hold in unheard:
            if spent[hold]:
                yield f"hold {hold} was captured, and nobody knew of it"

    def spent(self, who: int, lines: list[Any]) -> int:
        """What its metered calls cost: as they remember it, and else as it is written down."""
        _, spent, _ = _sums(lines)
        known = [use for use in self.uses.values() if use.who == who and use.hold is not None]
        return sum(spent[use.hold] if use.captured is None else use.captured for use in known)


def spent(lines: list[Any]) -> int:
    """What is written down for metered calls, whoever knows of it."""
    return _sums(lines)[1].total()


def _sums(lines: list[Any]) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """By metered hold: what was held, what was spent of it, and what has ended."""
    held: Counter[Any] = Counter()
    spent: Counter[Any] = Counter()
    ended: Counter[Any] = Counter()
    for entry in lines:
        posting = entry.posting
        # What pays for an operation names it from its beginning.
        if posting.credit.value == "held" and entry.subject is None:
            held[posting.hold] += posting.amount
        if posting.hold not in held:
            continue
        if posting.debit.value == "held":
            ended[posting.hold] += posting.amount
        if posting.credit.value == "spent":
            spent[posting.hold] += posting.amount
    return held, spent, ended


@define(eq=False)
class _Ticket:
    organisation: OrganisationId
    command: Any
    actor: Actor | None
    answer: Any = None
    error: StoreUnavailableError | None = None
    is_over: bool = False


@define(eq=False)
class Turns(Together[Any, Any]):
    """Waiting commands share a transaction: `adapters.system.group_commit` for actors.

    Whoever finds nobody at it takes all that wait along; who comes meanwhile is in the next turn.
    """

    scheduler: Scheduler
    commit: Callable[[Any], Any]
    _waiting: list[_Ticket] = field(factory=list)
    _is_led: bool = False

    def __call__(self, organisation: OrganisationId, command: Any) -> Any:
        ticket = _Ticket(organisation, command, self.scheduler.current)
        self._waiting.append(ticket)
        while not ticket.is_over:
            if self._is_led:
                self.scheduler.wait(1.0)
            else:
                self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer

    def _lead(self) -> None:
        turn, self._waiting, self._is_led = self._waiting, [], True
        commands: dict[OrganisationId, list[_Ticket]] = {}
        for ticket in turn:
            commands.setdefault(ticket.organisation, []).append(ticket)
        try:
            self._serve(commands)
        finally:
            self._is_led = False
        self._waiting = [ticket for ticket in turn if not ticket.is_over] + self._waiting
        for ticket in (*turn, *self._waiting):
            if ticket.actor is not None and ticket.actor is not self.scheduler.current:
                self.scheduler.wake(ticket.actor)

    def _serve(self, commands: dict[OrganisationId, list[_Ticket]]) -> None:
        try:
            answers = self.commit(
                {id: [each.command for each in tickets] for id, tickets in commands.items()}
            )
        except StoreUnavailableError as error:
            for ticket in (each for tickets in commands.values() for each in tickets):
                ticket.error, ticket.is_over = error, True
            return
        for id, mine in answers.items():
            for ticket, answer in zip(commands[id], mine, strict=True):
                ticket.answer, ticket.is_over = answer, True
