"""One process of ours: the real container over ports that may fail at any call.

A worker process runs the real loops, each in an actor of its own; the API runs one actor for each
request.  Every call of a port is counted: that is where others go on, and where a process dies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, TypeVar

from attrs import define, field
from dependency_injector import providers

from adapters.memory.alarms import MemoryAlarms
from adapters.memory.cipher import MemoryCipher
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.metadata import MemoryMetadata
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.telemetry import MemoryTelemetry
from application.metered.spend import SpendCredits
from application.ports.clock import Clock
from application.ports.tasks import Tasks
from entrypoints.container import Container, build_container
from entrypoints.settings import Settings
from entrypoints.worker import process as worker_process
from entrypoints.worker.loop import DeploymentLoop
from tests.simulation.database import Connections, Database
from tests.simulation.scheduler import Died, Group, Scheduler
from tests.simulation.sealing import Log
from tests.simulation.spending import Turns

T = TypeVar("T")

#: When everything begins; virtual seconds are counted from here.
#: A week before a month ends, so that what a month gives runs out in longer histories.
BEGINNING = datetime(2026, 1, 25, tzinfo=UTC)
SEALER = "sealer"
BEFORE, AFTER = "before", "after"
#: How likely a call outside takes its time, and how many seconds at most, on an ordinary day.
CALM = (0.05, 1.0)


@define(eq=False)
class SkewedClock(Clock):
    """What one machine takes for the time."""

    scheduler: Scheduler
    skew: float = 0.0

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.scheduler.now + self.skew)


@define(eq=False)
class Stop(Event):
    """A process is told to stop by nobody: it dies, or goes on."""

    scheduler: Scheduler

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> bool:
        self.scheduler.idle(timeout or 0.0)
        return False


@define(eq=False)
class Renewing(Stop):
    """Of leases: as long as anything is worked on nobody waits longer than was said."""

    loop: DeploymentLoop

    def wait(self, timeout: float | None = None) -> bool:
        if self.loop._working:
            self.scheduler.sleep(timeout or 0.0)
        else:
            self.scheduler.idle(timeout or 0.0)
        return False


@define(eq=False)
class Queue(Tasks):
    """Tasks that any worker takes; one that raises is tried again, later each time."""

    scheduler: Scheduler
    waiting: list[tuple[str, Any, str, int]] = field(factory=list)

    def defer(self, topic: str, organisation: Any, key: str) -> None:
        if not any(each[:3] == (topic, organisation, key) for each in self.waiting):
            self.waiting.append((topic, organisation, key, 0))

    def run(self, handlers: Mapping[str, Callable[[Any, str], None]], stop: Event) -> None:
        while True:
            if not self.waiting:
                stop.wait(1.0)
                continue
            topic, organisation, key, tries = self.waiting.pop(0)
            try:
                handlers[topic](organisation, key)
            except Exception:  # noqa: BLE001 - the queue's own word
                # As the queue does it: whatever it was, the task is tried again.
                if tries < 10:
                    self.waiting.append((topic, organisation, key, tries + 1))
                self.scheduler.sleep(2.0 ** min(tries, 5))


@define(eq=False)
class _Pool:
    """Threads that are actors."""

    process: Process

    def submit(self, act: Callable[..., Any], *arguments: Any) -> _Future:
        self.process.scheduler.spawn(
            f"{self.process.name} {act.__name__}", self.process.group, lambda: act(*arguments)
        )
        return _Future()


class _Future:
    def add_done_callback(self, _: object) -> None:
        """What an actor does not catch, the scheduler tells."""


@define(eq=False)
class Process:
    scheduler: Scheduler
    name: str
    settings: Settings
    database: Database
    queue: Queue
    #: Ports of the world outside, as this process sees them; made anew when it starts.
    outside: Callable[[Process], Mapping[str, Any]]
    seed: int
    is_worker: bool
    #: Of the sealer, and of whoever opens its log; None: nothing is sealed.
    log: Log | None = None
    alarms: MemoryAlarms = field(factory=MemoryAlarms)
    clock: SkewedClock = field(init=False)
    group: Group = field(init=False)
    container: Container = field(init=False)
    starts: int = 0
    calls: int = 0
    #: Dies so many calls from now, before or after that one.
    doom: tuple[int, str] | None = None
    #: How likely a call outside takes its time, and how long at most.
    slowness: tuple[float, float] = CALM
    told: Callable[[str], None] = lambda _: None

    def __attrs_post_init__(self) -> None:
        self.clock = SkewedClock(self.scheduler)
        self.group = Group(name=self.name)

    def start(self) -> None:
        self.starts += 1
        self.group = Group(name=f"{self.name}#{self.starts}")
        self.doom = None
        self.container = self._container()
        if self.is_worker:
            self._work()
        if self.name == SEALER and self.log is not None:
            stop: Any = Stop(self.scheduler)
            self.scheduler.spawn("seals", self.group, self.log.loop(self.container, stop).run)

    def die(self, back_after: float | None) -> None:
        """Everything in it ends where it is; None: nobody starts it again."""
        if self.group.is_dead:
            return
        self.scheduler.kill(self.group)
        if back_after is not None:
            machine = Group(name="machine")
            again = self.scheduler.now + back_after
            self.scheduler.at(again, machine, f"start {self.name}", self._again)

    def _again(self) -> None:
        if self.group.is_dead:
            self.start()

    def heal(self) -> None:
        self.doom, self.clock.skew, self.slowness = None, 0.0, CALM
        self.group.frozen_until = 0.0

    def call(self, name: str, act: Callable[[], T]) -> T:
        """One call of a port."""
        if self.scheduler.current is None or self.scheduler.current.group is not self.group:
            return act()
        self.calls += 1
        dies = None
        if self.doom is not None:
            left, when = self.doom
            self.doom = (left - 1, when)
            dies = when if left <= 0 else None
        if dies == BEFORE:
            self._die_here(name)
        self.scheduler.point()
        answer = act()
        if dies == AFTER:
            self._die_here(name)
        return answer

    def call_out(self, name: str, act: Callable[[], T]) -> T:
        """As `call`, of what is far away and takes its time there and back."""
        self._takes_time()
        answer = self.call(name, act)
        self._takes_time()
        return answer

    def _takes_time(self) -> None:
        likely, most = self.slowness
        current = self.scheduler.current
        if current is not None and current.group is self.group:
            chance = self.scheduler.random.random()
            if chance < likely:
                self.scheduler.sleep(most * chance / likely)

    def _die_here(self, name: str) -> None:
        self.told(f"{self.name} dies at {name}")
        self.die(back_after=1.0 + 20 * self.scheduler.random.random())
        raise Died(name)

    def _container(self) -> Container:
        container = build_container(self.settings)
        given = {
            "clock": self.clock,
            "identifiers": MemoryIdentifiers(self.clock, seed=hash((self.seed, self.starts))),
            "alarms": self.alarms,
            "passwords": MemoryPasswords(),
            "telemetry": MemoryTelemetry(),
            "cipher": MemoryCipher(),
            "metadata": MemoryMetadata(),
            "store": Connections(self.database, self.call),
            "tasks": self.queue,
            **self.outside(self),
            **({} if self.log is None else self.log.ports(self.call)),
        }
        for name, port in given.items():
            getattr(container, name).override(providers.Object(port))
        if not self.is_worker:
            turns = Turns(self.scheduler, container.serve_turn())
            container.spend.override(providers.Object(SpendCredits(together=turns)))
        return container

    def _work(self) -> None:
        """As `entrypoints.worker.process.run`, with actors for threads."""
        stop, pool = Stop(self.scheduler), _Pool(self)
        container = self.container
        loop = worker_process.deployments(container)
        telling = worker_process.webhooks(container)

        def carry_on() -> None:
            while True:
                self.scheduler.idle(loop._round(pool).total_seconds())

        def tell() -> None:
            while True:
                self.scheduler.idle(telling._round(pool, stop).total_seconds())

        spawn = self.scheduler.spawn
        spawn(f"{self.name} deployments", self.group, carry_on)
        spawn(
            f"{self.name} leases", self.group, lambda: loop._renew(Renewing(self.scheduler, loop))
        )
        spawn(f"{self.name} webhooks", self.group, tell)
        for each in worker_process.periodics(container, stop):
            spawn(f"{self.name} {each.name}", self.group, lambda each=each: each.run(stop))
