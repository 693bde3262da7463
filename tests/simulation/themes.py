"""Misfortunes that come by chance too seldom, each where it hurts.

A theme draws as everything else does: who, when exactly, and what goes wrong beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from tests.simulation.drawing import Drawing

_SHORT = (1.0, 1.0, 2.0, 6.0)
_DAY = 24 * 3600.0
#: The payment provider's.
_MONTH = 30 * _DAY


@frozen
class Theme:
    happens: Callable[[Drawing, float], None]
    #: What the plan is drawn from, where not everything will do.
    plan: Mapping[str, tuple[Any, ...]] = field(factory=dict)
    #: How often it happens in a history.
    times: tuple[int, ...] = (1, 1, 2, 3)


def _taken_back(drawing: Drawing, at: float) -> None:
    """Blocks vanish with what they had, as soon as somebody has noted that it is in them."""
    where = drawing.plan.networks.index("counting")
    for _ in range(drawing.random.choice((1, 1, 3))):
        drawing.request(at, where=where, tries=10)
    event = drawing.random.choice(("reorg", "reorg that forgets", "reorg that forgets"))
    drawing.add(at + 0.5, "network", where=where, event=event, aimed=True)


def _refused(drawing: Drawing, at: float) -> None:
    """Nodes refuse what they are sent; some of them pass it on all the same."""
    random, where = drawing.random, drawing.where()
    fault = random.choice(("rejected", "rejected though taken", "rejected though taken"))
    for which in drawing.workers:
        drawing.add(at, "node fault", which=which, where=where, method="submit", fault=fault)
    drawing.request(at + 0.1, where=where, tries=10)
    for _ in range(random.choice((0, 1, 2))):
        drawing.request(at + 60.0 * random.random(), where=where, tries=10)


def _forgotten(drawing: Drawing, at: float) -> None:
    """A backup is put back that knows nothing of what is on chain already."""
    random = drawing.random
    drawing.add(at, "backup")
    for _ in range(random.choice((1, 1, 2, 3))):
        drawing.request(at + 1.0 + 5.0 * random.random())
    drawing.restore(at + 7.0, aimed=True)


def _crowded(drawing: Drawing, at: float) -> None:
    """One organisation wants much at once."""
    random, who, where = drawing.random, drawing.who(), drawing.where()
    for _ in range(random.choice((3, 4, 6))):
        drawing.request(at + random.choice((0.0, 1.0)) * random.random(), who=who, where=where)


def _taken_over(drawing: Drawing, at: float) -> None:
    """A worker stands still for longer than its lease, in the middle of something."""
    random = drawing.random
    for _ in range(random.choice((1, 2, 3))):
        drawing.request(at, tries=10)
    for which in drawing.workers:
        for _ in range(random.choice((0, 1, 2))):
            moment, seconds = at + 10.0 * random.random(), random.choice((9.0, 12.0, 30.0))
            if random.random() < 0.5:
                drawing.add(moment, "freeze", which=which, seconds=seconds)
            else:
                drawing.add(moment, "slow", which=which, likely=0.5, most=seconds, seconds=60.0)


def _regretted(drawing: Drawing, at: float) -> None:
    """What has just been asked for is cancelled, again and again."""
    random, where = drawing.random, drawing.where()
    fault = random.choice(("unavailable", "answer lost"))
    for which in drawing.workers:
        for _ in range(random.choice((0, 1, 3))):
            drawing.add(at, "node fault", which=which, where=where, method="submit", fault=fault)
    number = drawing.request(at + 0.1, where=where, tries=10)
    for _ in range(random.choice((2, 4, 6))):
        drawing.add(at + random.choice((2.0, 8.0, 20.0)) * random.random(), "cancel", of=number)


def _fatal(drawing: Drawing, at: float) -> None:
    """Processes die, and commits are answered by nobody, while somebody asks for something."""
    random = drawing.random
    for _ in range(random.choice((1, 2, 4))):
        asked = at + 5.0 * random.random()
        drawing.request(asked, own=False, tries=10)
        for _ in range(random.choice((1, 2))):
            after = asked + random.choice((0.0, 0.0, 5.0)) * random.random()
            if random.random() < 0.7:
                drawing.crash(after, calls=random.choice((10, 30, 60)))
            else:
                how = random.choice(("commit not done", "commit done, not answered"))
                drawing.add(after, "commit lost", how=how, times=random.choice((1, 2)))


def _paid(drawing: Drawing, at: float) -> None:
    """Money comes and goes while the provider of payments has a bad day."""
    random = drawing.random
    for _ in range(random.choice((1, 2, 4))):
        bought = at + 300.0 * random.random()
        drawing.buy(bought)
        if random.random() < 0.4:
            drawing.provider(bought + 10.0 * random.random())
        if random.random() < 0.3:
            drawing.crash(bought + 5.0 * random.random(), which="api", calls=30)


def _subscribed(drawing: Drawing, at: float) -> None:
    """Months are paid for, owed, paid after all, called unjust; and the subscription ends."""
    random, begins = drawing.random, at / 10
    tariff = random.choice(("starter", "professional"))
    number = drawing.add(
        begins, "subscribe", who=drawing.who(), tariff=tariff, pause=random.choice((1.0, 300.0))
    )
    after = begins + _MONTH
    is_paid = random.random() < 0.5
    drawing.add(after, "renew", of=number, is_paid=is_paid)
    if not is_paid and random.random() < 0.6:
        late = random.choice((60.0, 5 * _DAY, 20 * _DAY)) * random.random()
        drawing.add(after + 400.0 + late, "recover", of=number)
    if random.random() < 0.3:
        drawing.dispute(begins + 400.0 + 20 * _DAY * random.random(), number)
    if random.random() < 0.3:
        drawing.add(begins + 40 * _DAY * random.random(), "unsubscribe", of=number)
    for _ in range(random.choice((1, 3))):
        near = random.choice((begins, begins, after, after + 15 * _DAY))
        moment = near + random.choice((5.0, 600.0)) * random.random()
        random.choice((drawing.provider, drawing.use, drawing.request))(moment)
    if random.random() < 0.5:
        drawing.crash(begins + 5.0 * random.random(), which="api", calls=60)


def _metered(drawing: Drawing, at: float) -> None:
    """Services spend at the same time, and the API dies or is late for them."""
    random, who = drawing.random, drawing.who()
    for _ in range(random.choice((2, 4, 8))):
        drawing.use(at + random.choice((0.0, 5.0, 40.0)) * random.random(), who)
    for _ in range(random.choice((0, 1, 3))):
        after = at + random.choice((2.0, 60.0)) * random.random()
        match random.randrange(4):
            case 0:
                drawing.crash(after, which="api", calls=30)
            case 1:
                drawing.add(after, "freeze", which="api", seconds=random.choice((3.0, 20.0)))
            case 2:
                drawing.add(after, "slow", which="api", likely=0.5, most=4.0, seconds=60.0)
            case _:
                how = random.choice(("commit not done", "commit done, not answered"))
                drawing.add(after, "commit lost", how=how, times=random.choice((1, 2)))


def _given(drawing: Drawing, at: float) -> None:
    """What was bought is given away, while workers die between two wallets."""
    random, who = drawing.random, drawing.who()
    drawing.add(at, "buy", who=who, item="small", pause=1.0)
    for _ in range(random.choice((1, 2, 4))):
        given = at + 60.0 + random.choice((1.0, 60.0)) * random.random()
        to = random.choice((*range(drawing.plan.organisations), None))
        drawing.add(given, "give", who=who, to=to, amount=random.choice((1, 40, 200)), tries=10)
        for _ in range(random.choice((0, 1, 2))):
            after = given + 5.0 * random.random()
            if random.random() < 0.6:
                drawing.crash(after, calls=random.choice((20, 60)))
            else:
                how = random.choice(("commit not done", "commit done, not answered"))
                drawing.add(after, "commit lost", how=how, times=random.choice((1, 3)))


def _approved(drawing: Drawing, at: float) -> None:
    """Somebody else looks at each plan, or does not, while processes die."""
    random = drawing.random
    for _ in range(random.choice((1, 2, 4))):
        asked = at + 30.0 * random.random()
        drawing.request(asked, who=0, tries=10)
        if random.random() < 0.3:
            drawing.crash(asked + 10.0 * random.random(), calls=random.choice((10, 60)))


ALL = (
    Theme(_taken_back, {"networks": (("counting",), ("counting", "windowed")), "hours": _SHORT}),
    Theme(_refused, {"nodes": (1,), "workers": (1, 2), "hours": _SHORT}),
    Theme(_forgotten, {"hours": _SHORT}, times=(1,)),
    Theme(_crowded, {"restlessness": (0.1, 0.3), "budget": (None, 2.5), "hours": _SHORT}),
    Theme(_taken_over, {"workers": (2, 3), "hours": _SHORT}),
    Theme(_regretted, {"hours": _SHORT}),
    Theme(_fatal, {"hours": _SHORT}),
    Theme(_paid),
    Theme(_metered, {"hours": _SHORT}),
    Theme(_approved, {"approvals": (True,), "hours": _SHORT}),
    Theme(_given, {"organisations": (2, 3), "hours": _SHORT}),
    Theme(_subscribed, {"hours": (1000.0,)}),
)
