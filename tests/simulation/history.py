"""What happens in an episode, as data: drawn from a seed, printed, replayed, shrunk.

An entry says at which second what is asked for or goes wrong.  Entries that are about others name
them by their number, so that any of them may be left out.
"""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve, field, frozen

HOUR = 3600.0


@frozen(kw_only=True)
class Entry:
    number: int
    #: In virtual seconds from the beginning.
    at: float
    kind: str
    details: dict[str, Any] = field(factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.at:10.1f} s  {self.number:3} {self.kind} {told}".rstrip()


@frozen(kw_only=True)
class Plan:
    """What an episode is like, beside what happens in it."""

    #: Of networks: ``counting``, ``windowed``.
    networks: tuple[str, ...]
    workers: int
    organisations: int
    #: The last of them has the first tariff, with five deployments a month.
    hours: float
    restlessness: float
    #: How fast whoever polls does so at most, in seconds.
    pace: float
    #: Nodes of each network, of which two must agree where there are three.
    nodes: int = 1
    #: Of a day, in creations; None: none.
    budget: float | None = None


@frozen(kw_only=True)
class History:
    seed: int
    plan: Plan
    entries: tuple[Entry, ...]

    def only(self, entries: tuple[Entry, ...]) -> History:
        return evolve(self, entries=entries)

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "entries": [
                {"number": e.number, "at": round(e.at, 1), "kind": e.kind, **e.details}
                for e in self.entries
            ],
        }

    def __str__(self) -> str:
        plan = self.plan
        head = (
            f"seed {self.seed}: {', '.join(plan.networks)}; {plan.workers} workers, "
            f"{plan.organisations} organisations, {plan.nodes} nodes, {plan.hours:.0f} hours"
        )
        return "\n".join([head, *map(str, self.entries)])


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
    networks = random.choice((("counting",), ("windowed",), ("counting", "windowed")))
    plan = Plan(
        networks=networks,
        workers=random.choice((1, 1, 2, 3)),
        organisations=random.choice((1, 2, 3)),
        hours=random.choice((1.0, 2.0, 6.0, 48.0, 400.0)),
        restlessness=random.choice((0.02, 0.1, 0.3)),
        pace=random.choice((0.0, 2.0, 5.0)),
        nodes=random.choice((1, 1, 3)),
        budget=random.choice((None, None, 2.5)),
    )
    return _Drawing(random, plan, seed).history()


class _Drawing:
    def __init__(self, random: Random, plan: Plan, seed: int) -> None:
        self.random, self.plan, self.seed = random, plan, seed
        self.entries: list[Entry] = []
        self.intensity = random.choice((0.5, 1.5, 3.0))
        #: What goes wrong here at all: an episode of one sort finds what a mixture hides.
        sorts = [
            self._crash,
            self._crash,
            self._process,
            self._database,
            self._network,
            self._network,
            self._node,
            self._node,
            self._custodian,
            self._receiver,
            self._provider,
        ]
        self.sorts = random.sample(sorts, random.randint(2, len(sorts)))

    def history(self) -> History:
        random = self.random
        for _ in range(random.randint(1, 4)):
            begins = random.random() * self.plan.hours * HOUR
            self._burst(begins)
        if random.random() < 0.15:
            self._restore()
        elif random.random() < 0.1:
            self._rival()
        self.entries.sort(key=lambda entry: (entry.at, entry.number))
        return History(seed=self.seed, plan=self.plan, entries=tuple(self.entries))

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
                after = at + random.choice((1.0, 8.0, 30.0, 120.0)) * random.random()
                random.choice(self.sorts)(after)

    def _some(self) -> int:
        return int(self.intensity + self.random.random())

    def _who(self) -> int:
        return self.random.randrange(self.plan.organisations)

    def _where(self) -> int:
        return self.random.randrange(len(self.plan.networks))

    def _which(self) -> str:
        workers = [f"worker-{number}" for number in range(1, self.plan.workers + 1)]
        return self.random.choice([*workers, *workers, "api"])

    def _ask(self, at: float) -> None:
        random = self.random
        number = self.add(
            at,
            "request",
            who=self._who(),
            where=self._where(),
            own=random.random() < 0.5,
            tries=random.choice((1, 2, 10, 10)),
        )
        later = at + random.choice((0.5, 5.0, 60.0, 600.0)) * random.random()
        match random.randrange(12):
            case 0 | 1:
                self.add(later, "repeat", of=number)
            case 2 | 3:
                self.add(later, "cancel", of=number)
            case 4:
                self.add(later, "retry", of=number)
            case 5:
                self.add(later, "grant", who=self._who(), amount=random.choice((5, 7, 50)))
            case 6 | 7:
                self.add(at + 120 + random.random() * 600, "mint", of=number, tries=10)
            case 8 | 9:
                self._buy(later)
            case _:
                pass

    def _buy(self, at: float) -> None:
        random = self.random
        pause = random.choice((1.0, 300.0))
        number = self.add(
            at, "buy", who=self._who(), pack=random.choice(("small", "large")), pause=pause
        )
        if random.random() < 0.3:
            later = random.choice((5.0, 2000.0)) * random.random()
            self.add(at + pause + later, "refund", of=number)

    # What goes wrong.

    def _crash(self, at: float) -> None:
        calls = self.random.choice((5, 40, 150))
        self.add(
            at,
            "crash",
            which=self._which(),
            calls=self.random.randrange(calls),
            when=self.random.choice(("before", "after")),
        )

    def _process(self, at: float) -> None:
        random, which = self.random, self._which()
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
        event = self.random.choice(BEFALLS)
        where = self._where()
        self.add(at, "network", where=where, event=event)
        if event == "dear":
            self.add(at + self.random.choice((20.0, 300.0)), "network", where=where, event="cheap")

    def _node(self, at: float) -> None:
        random = self.random
        which, where = self._which(), self._where()
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
                fault = random.choice(random.choice((FAULTS, REJECTIONS)))
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
        self.add(at, "receiver", who=self._who(), mood=mood, seconds=seconds)

    def _provider(self, at: float) -> None:
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
            self.add(moment, "rival request", where=self._where())

    def _restore(self) -> None:
        """A backup that is some minutes old when it is needed, in the middle of something."""
        random = self.random
        asked = [entry for entry in self.entries if entry.kind == "request"]
        moment = random.choice(asked).at + random.choice((1.0, 10.0, 60.0)) * random.random()
        age = random.choice((1.0, 10.0, 120.0, 1200.0)) * random.random()
        self.add(max(1.0, moment - age), "backup")
        self.add(moment + 0.5, "restore")
        # Whoever wants to be sure that nothing is issued twice names what is asked for.
        self.entries = [
            evolve(entry, details=entry.details | {"own": True, "tries": 10})
            if entry.kind == "request"
            else entry
            for entry in self.entries
        ]
