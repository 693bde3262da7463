"""A history out of a seed: some bursts of activity, and what goes wrong meanwhile.

Two kinds of histories find what the other kind hides.  In a *mixture* a few sorts of faults are
turned on, each as often as it happens to be (swarm testing, Groce et al., ISSTA 2012): what is
left out cannot mask what is there.  A *theme* (`themes.py`) puts one misfortune where it hurts.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from attrs import evolve

from tests.simulation import themes
from tests.simulation.eyes import NEVER, NO, OTHER, SELF, YES
from tests.simulation.history import HOUR, Entry, History, Plan

T = TypeVar("T")

#: How likely a history has a theme.
_THEMED = 0.5
#: How a call of a node goes wrong.
FAULTS = ("unavailable", "answer lost", "already known", "slot taken", "underpriced")
REJECTIONS = ("rejected", "rejected though taken")
QUESTIONS = ("effect_of", "preflight", "slot_terms", "prepare", "outcome", "read_back", "head")
BEFALLS = (
    "evict",
    "reorg",
    "reorg that forgets",
    "reorg that forgets",
    "dear",
    "cheap",
    "revert",
    "stranger",
    "hide",
)


def draw(seed: int) -> History:
    """The history of *seed*."""
    random = Random(seed)
    theme = random.choice(themes.ALL) if random.random() < _THEMED else None
    plan = Plan(
        networks=random.choice((("counting",), ("windowed",), ("counting", "windowed"))),
        workers=random.choice((1, 1, 2, 3)),
        organisations=random.choice((1, 2, 3)),
        hours=random.choice((1.0, 2.0, 6.0, 48.0, 400.0)),
        restlessness=random.choice((0.02, 0.1, 0.3)),
        pace=random.choice((0.0, 2.0, 5.0)),
        nodes=random.choice((1, 1, 3)),
        budget=random.choice((None, None, 2.5)),
        approvals=random.random() < 0.1,
        seals=random.random() < 0.15,
    )
    drawing = Drawing(random, plan, seed)
    if theme is None:
        return drawing.mixture()
    drawing.plan = evolve(
        plan, **{name: random.choice(choices) for name, choices in theme.plan.items()}
    )
    return drawing.themed(theme)


class Drawing:
    def __init__(self, random: Random, plan: Plan, seed: int) -> None:
        self.random, self.plan, self.seed = random, plan, seed
        self.entries: list[Entry] = []
        self.intensity = random.choice((0.5, 1.5, 3.0))
        sorts = [
            self._crash,
            self._process,
            self._database,
            self._network,
            self._node,
            self._custodian,
            self._receiver,
            self.provider,
        ]
        self.sorts = [
            sort for sort in self._some_of(sorts) for _ in range(random.choice((1, 1, 2, 5)))
        ]
        self.befalls = self._some_of(BEFALLS)
        self.answers = self._some_of((*FAULTS, *REJECTIONS))

    def mixture(self) -> History:
        random = self.random
        for _ in range(random.randint(1, 4)):
            begins = random.random() * self.plan.hours * HOUR
            self._burst(begins)
        if random.random() < 0.1:
            self._restore()
        elif random.random() < 0.1:
            self._rival()
        return self._history()

    def themed(self, theme: themes.Theme) -> History:
        for _ in range(self.random.choice(theme.times)):
            begins = self.random.random() * self.plan.hours * HOUR
            theme.happens(self, begins)
            if self.random.random() < 0.3:
                self.misfortune(begins + 60.0 * self.random.random())
        return self._history()

    def _history(self) -> History:
        self.entries.sort(key=lambda entry: (entry.at, entry.number))
        return History(seed=self.seed, plan=self.plan, entries=tuple(self.entries))

    def _some_of(self, sorts: Sequence[T]) -> list[T]:
        return self.random.sample(sorts, self.random.randint(1, len(sorts)))

    def add(self, at: float, kind: str, **details: Any) -> int:
        number = len(self.entries) + 1
        self.entries.append(Entry(number=number, at=round(at, 2), kind=kind, details=details))
        return number

    def _burst(self, begins: float) -> None:
        """Some minutes in which somebody does something, and what goes wrong meanwhile."""
        random, at = self.random, begins
        for _ in range(random.randint(1, 6)):
            at += random.choice((0.0, 0.5, 5.0, 60.0)) * random.random()
            self._ask(at)
            for _ in range(self._some()):
                self.misfortune(at + random.choice((1.0, 8.0, 30.0, 120.0)) * random.random())

    def misfortune(self, at: float) -> None:
        self.random.choice(self.sorts)(at)

    def _some(self) -> int:
        return int(self.intensity + self.random.random())

    def who(self) -> int:
        return self.random.randrange(self.plan.organisations)

    def where(self) -> int:
        return self.random.randrange(len(self.plan.networks))

    @property
    def workers(self) -> list[str]:
        return [f"worker-{number}" for number in range(1, self.plan.workers + 1)]

    def which(self) -> str:
        others = ["api", "sealer"] if self.plan.seals else ["api"]
        return self.random.choice([*self.workers, *self.workers, *others])

    def request(self, at: float, **details: Any) -> int:
        """For a deployment; what *details* does not say is drawn."""
        drawn = {
            "who": self.who(),
            "where": self.where(),
            "own": self.random.random() < 0.5,
            "tries": self.random.choice((1, 2, 10, 10)),
        }
        if self.plan.approvals:
            drawn |= {
                "eyes": self.random.choice((YES, YES, YES, NO, SELF, OTHER, NEVER)),
                "after": round(self.random.choice((1.0, 60.0)) * self.random.random(), 1),
            }
        return self.add(at, "request", **drawn | details)

    def _ask(self, at: float) -> None:
        random = self.random
        number = self.request(at)
        later = at + random.choice((0.5, 5.0, 60.0, 600.0)) * random.random()
        match random.randrange(15):
            case 0 | 1:
                self.add(later, "repeat", of=number)
            case 2 | 3:
                self.add(later, "cancel", of=number)
            case 4:
                self.add(later, "retry", of=number)
            case 5:
                self.add(later, "grant", who=self.who(), amount=random.choice((5, 7, 50)))
            case 6 | 7:
                self.add(at + 120 + random.random() * 600, "mint", of=number, tries=10)
            case 8 | 9:
                self.buy(later)
            case 10 | 11 | 12:
                self.use(later)
            case _:
                pass

    def buy(self, at: float) -> None:
        random = self.random
        pause = random.choice((1.0, 300.0))
        number = self.add(
            at, "buy", who=self.who(), item=random.choice(("small", "large")), pause=pause
        )
        later = at + pause + random.choice((5.0, 2000.0)) * random.random()
        match random.randrange(6):
            case 0 | 1:
                self.add(later, "refund", of=number)
            case 2:
                self.dispute(later, number)
            case _:
                pass

    def dispute(self, at: float, of: int) -> None:
        """The payer calls a payment unjust; the bank decides, sooner or later."""
        self.add(at, "dispute", of=of)
        if self.random.random() < 0.7:
            later = at + self.random.choice((5.0, 2000.0, 100 * HOUR)) * self.random.random()
            self.add(later, "decide", of=of, is_won=self.random.random() < 0.5)

    def use(self, at: float, who: int | None = None) -> None:
        """A service spends: it works for some while, renewing the hold or not."""
        random = self.random
        lease = random.choice((5.0, 30.0, 30.0, 300.0))
        turns = random.choice((1, 1, 2, 4))
        self.add(
            at,
            "use",
            who=self.who() if who is None else who,
            operation=random.choice(("premium_call", "report")),
            units=random.choice((1, 1, 2, 3)),
            lease=lease,
            # Now and then it takes longer than it has said.
            works=[round(1.2 * lease * random.random(), 1) for _ in range(turns)],
            ends=random.choice(("capture", "capture", "release", "nothing")),
            share=random.choice((1.0, 1.0, 0.5, 0.0)),
        )

    # What goes wrong.

    def _crash(self, at: float) -> None:
        self.crash(at, calls=self.random.choice((5, 40, 150)))

    def crash(self, at: float, *, calls: int, which: str | None = None) -> None:
        """At one of the next *calls* of a port."""
        self.add(
            at,
            "crash",
            which=which or self.which(),
            calls=self.random.randrange(calls),
            when=self.random.choice(("before", "after")),
        )

    def _process(self, at: float) -> None:
        random, which = self.random, self.which()
        match random.randrange(4):
            case 0:
                self.add(at, "freeze", which=which, seconds=random.choice((3.0, 9.0, 40.0)))
            case 1:
                self.add(at, "skew", which=which, seconds=random.choice((-200, -5, 5, 200, 0)))
            case 2:
                most = random.choice((2.0, 12.0))
                self.add(at, "slow", which=which, likely=0.5, most=most, seconds=120.0)
            case _:
                self.add(at, "kill", which=which, seconds=random.choice((1.0, 30.0)))

    def _database(self, at: float) -> None:
        random = self.random
        match random.randrange(4):
            case 0:
                self.add(at, "database restart", seconds=random.choice((0.1, 5.0, 60.0)))
            case 1:
                self.add(at, "database clock", seconds=random.choice((2.0, 10.0)))
            case _:
                how = random.choice(("commit not done", "commit done, not answered"))
                self.add(at, "commit lost", how=how, times=random.choice((1, 1, 3)))

    def _network(self, at: float) -> None:
        event = self.random.choice(self.befalls)
        where = self.where()
        self.add(at, "network", where=where, event=event)
        if event == "dear":
            self.add(at + self.random.choice((20.0, 300.0)), "network", where=where, event="cheap")

    def _node(self, at: float) -> None:
        random = self.random
        which, where = self.which(), self.where()
        if self.plan.nodes > 1 and random.random() < 0.3:
            # One of three may say what it likes: the other two agree.
            lies, seconds = random.choice(("hasty", "blind")), random.choice((30.0, 300.0))
            self.add(at, "node lies", where=where, lies=lies, seconds=seconds)
            return
        match random.randrange(6):
            case 0:
                seconds = random.choice((5.0, 60.0, 600.0))
                self.add(at, "node down", which=which, where=where, seconds=seconds)
            case 1:
                seconds = random.choice((5.0, 60.0))
                self.add(
                    at,
                    "node behind",
                    which=which,
                    where=where,
                    blocks=random.choice((1, 2, 5)),
                    seconds=seconds,
                )
            case 2:
                fault = random.choice(self.answers)
                self.add(at, "node fault", which=which, where=where, method="submit", fault=fault)
            case 3:
                self.add(
                    at, "node fault", which=which, where=where, method="submit", fault=FAULTS[1]
                )
            case _:
                method = random.choice(QUESTIONS)
                self.add(
                    at,
                    "node fault",
                    which=which,
                    where=where,
                    method=method,
                    fault="unavailable",
                )

    def _custodian(self, at: float) -> None:
        random = self.random
        match random.randrange(3):
            case 0:
                self.add(at, "custodian down", seconds=random.choice((2.0, 30.0, 300.0)))
            case 1:
                self.add(at, "custodian throttles", most=random.choice((0, 1)), seconds=60.0)
            case _:
                self.add(at, "custodian loses", times=random.choice((1, 3)))

    def _receiver(self, at: float) -> None:
        random = self.random
        mood = random.choice(("silent", "refuses", "answer lost", "slow"))
        seconds = random.choice((10.0, 300.0, 3 * HOUR))
        self.add(at, "receiver", who=self.who(), mood=mood, seconds=seconds)

    def provider(self, at: float) -> None:
        random = self.random
        if random.random() < 0.5:
            self.add(at, "provider down", seconds=random.choice((5.0, 200.0)))
        else:
            self.add(at, "provider loses", times=random.choice((1, 2)))

    def _rival(self) -> None:
        """A second installation was set up with the treasury's key, and is used for a while."""
        random = self.random
        asked = [entry for entry in self.entries if entry.kind == "request"]
        at = random.choice(asked).at
        self.add(0.0, "rival")
        for _ in range(random.randint(1, 3)):
            moment = at + random.choice((0.0, 5.0, 60.0)) * random.random()
            self.add(moment, "rival request", where=self.where())

    def _restore(self) -> None:
        """A backup that is some minutes old when it is needed, in the middle of something."""
        random = self.random
        asked = [entry for entry in self.entries if entry.kind == "request"]
        moment = random.choice(asked).at + random.choice((1.0, 10.0, 60.0)) * random.random()
        age = random.choice((1.0, 10.0, 120.0, 1200.0)) * random.random()
        self.add(max(1.0, moment - age), "backup")
        self.restore(moment + 0.5)

    def restore(self, at: float, *, aimed: bool = False) -> None:
        """*aimed*: as soon as something is on chain that the backup does not know."""
        self.add(at, "restore", aimed=aimed, again=self.random.choice((60.0, 60.0, 900.0)))
        # Whoever wants to be sure that nothing is issued twice names what is asked for.
        self.entries = [
            evolve(entry, details=entry.details | {"own": True, "tries": 10})
            if entry.kind == "request"
            else entry
            for entry in self.entries
        ]
