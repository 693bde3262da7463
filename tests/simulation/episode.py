"""One history, lived through, healed and judged."""

from __future__ import annotations

import gc
import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from attrs import define, field, frozen

from adapters.memory.chain import faults as chain_faults
from adapters.memory.egress import MemoryEgress
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.storage.work import StoreUnavailableError
from tests.simulation import oracles
from tests.simulation.chains import CountingWorld, WindowedWorld, World
from tests.simulation.custody import Moody, a_custodian
from tests.simulation.history import HOUR, Entry, History
from tests.simulation.installation import PLENTY, Installation
from tests.simulation.people import People
from tests.simulation.process import CALM
from tests.simulation.scheduler import Group, Scheduler, StuckError
from tests.simulation.watch import Watcher

#: How long, in virtual seconds, a healed world may take until everything is over.
HEALED_WITHIN = 0.75 * HOUR
_SLICE = 60.0
#: How often a person looks at what is halted.
_LOOKS_EVERY = 300.0
#: Without an end in sight it is a fault, too.
MOST_TURNS = 1_000_000

_WORLDS: dict[str, Callable[[Scheduler], World]] = {
    "counting": CountingWorld,
    "windowed": WindowedWorld,
}


@frozen(kw_only=True)
class Outcome:
    history: History
    #: What is wrong, one sentence each; none: it is as it must be.
    wrongs: tuple[str, ...]
    seconds: float
    turns: int
    calls: int
    commits: int
    effects: int
    #: Of all that was written, for two runs to be compared.
    digest: str
    #: What happened, as it happened.
    log: tuple[str, ...] = field(repr=False, default=())


def live(history: History, most_turns: int = MOST_TURNS) -> Outcome:
    """The outcome of *history*: the same each time."""
    gc.disable()  # greenlets that died are let go of here, and not in the middle of another one
    try:
        with _loud() as logged:
            return _Episode(history, logged, most_turns).live()
    finally:
        gc.enable()


@define(eq=False)
class _Episode:
    history: History
    logged: list[str]
    most_turns: int
    scheduler: Scheduler = field(init=False)
    random: Random = field(init=False)
    worlds: dict[str, World] = field(init=False)
    house: Installation = field(init=False)
    people: People = field(init=False)
    watcher: Watcher = field(init=False)
    log: list[str] = field(factory=list)
    fallen: list[str] = field(factory=list)
    nature: Group = field(factory=lambda: Group(name="nature"))
    is_healing: bool = False

    def live(self) -> Outcome:
        self._build()
        last = max((entry.at for entry in self.history.entries), default=0.0)
        try:
            self.scheduler.run(until=min(last, self.history.plan.hours * HOUR) + 60.0)
            self.scheduler.run(until=last + 60.0)
            self._heal()
            wrongs = [*oracles.judge(self.house, self.people, self._few)]
        except StuckError as error:
            wrongs = [f"it does not come to an end: {error}"]
        finally:
            self._end()
        wrongs = [*self.fallen, *self.logged, *self.watcher.wrongs, *wrongs]
        return Outcome(
            history=self.history,
            wrongs=tuple(dict.fromkeys(wrongs)),
            seconds=self.scheduler.now,
            turns=self.scheduler.turns,
            calls=sum(each.calls for each in self.house.processes.values()),
            commits=self.house.database.commits,
            effects=sum(1 for world in self.worlds.values() for _ in world.effects()),
            digest=self._digest(),
            log=tuple(self.log),
        )

    @property
    def _few(self) -> int | None:
        """The last one of several organisations keeps the first tariff."""
        number = self.history.plan.organisations
        return number - 1 if number > 1 else None

    def _build(self) -> None:
        plan, seed = self.history.plan, self.history.seed
        self.random = Random(f"world {seed}")
        self.scheduler = Scheduler(
            random=Random(f"scheduler {seed}"),
            restlessness=plan.restlessness,
            pace=plan.pace,
            most_turns=self.most_turns,
            fell=self._fell,
        )
        self.worlds = {}
        for name in plan.networks:
            world = _WORLDS[name](self.scheduler)
            self.worlds[world.network.id] = world
        self.house = Installation(
            scheduler=self.scheduler,
            name="house",
            worlds=self.worlds,
            custodian=Moody(self.scheduler, a_custodian(self.random.randbytes)),
            egress=MemoryEgress(),
            random=self.random,
            workers=plan.workers,
            told=self._tell,
        )
        self.house.move_in(plan.organisations, self._few)
        self.watcher = Watcher(self.worlds)
        self.house.database.look = self.watcher.look
        self.people = People(self.scheduler, self.house, tuple(self.worlds))
        self.house.open()
        for world in self.worlds.values():
            self.scheduler.spawn(f"blocks of {world.network.id}", self.nature, self._mining(world))
        self.scheduler.spawn("operator", self.nature, self._operate)
        for entry in self.history.entries:
            self.scheduler.at(entry.at, self.nature, entry.kind, self._happening(entry))

    def _mining(self, world: World) -> Callable[[], None]:
        def mine() -> None:
            while True:
                self.scheduler.idle(world.block_time)
                world.mine()

        return mine

    def _operate(self) -> None:
        """A person who looks every few minutes, and has what is halted go on."""
        while True:
            self.scheduler.idle(_LOOKS_EVERY)
            self._look()

    def _look(self) -> None:
        rows = self.house.database.rows._deployments
        halted = {key[0] for key, signer in rows.signers.rows.items() if signer.halted}
        halted |= {key for key, status in rows.statuses.rows.items() if status.halted}
        for network in sorted(halted):
            try:
                self.house.api.container.resume()(network, "looked at it")
            except (ChainUnavailableError, WrongChainError, StoreUnavailableError):
                continue
            self._tell(f"the operator has {network} go on")

    def _happening(self, entry: Entry) -> Callable[[], None]:
        def happen() -> None:
            self._tell(str(entry))
            self.scheduler.touch()
            Happenings(self, entry)()

        return happen

    def _heal(self) -> None:
        """Every fault ends; what is open must come to its end."""
        self.is_healing = True
        self.house.heal()
        self.scheduler.pace = max(self.scheduler.pace, 2.0)
        for world in self.worlds.values():
            world.heal()
        self.scheduler.touch()
        ends = self.scheduler.now + HEALED_WITHIN
        quiet = 0
        while self.scheduler.now < ends and quiet < 2:
            self.scheduler.run(until=self.scheduler.now + _SLICE)
            self._help()
            quiet = quiet + 1 if self._is_over() else 0

    def _help(self) -> None:
        """What an operator does who is asked for it: coin for an issuer whose order ran out."""
        self._look()
        for row in [*self.house.database.rows._deployments.deployments.rows.values()]:
            deployment = row.deployment
            if deployment.state.is_open and deployment.waiting is not None:
                is_empty = deployment.waiting.value == "treasury_empty"
                if is_empty and deployment.order is not None and deployment.owner is not None:
                    self.worlds[deployment.network].fund(deployment.owner, PLENTY)

    def _is_over(self) -> bool:
        rows = self.house.database.rows._deployments.deployments.rows.values()
        return (
            self.house.is_awake
            and not self.people.crowd.actors
            and not any(row.deployment.state.is_open for row in rows)
        )

    def _end(self) -> None:
        for group in (
            *(process.group for process in self.house.processes.values()),
            self.people.crowd,
            self.nature,
        ):
            self.scheduler.kill(group)
        self.scheduler.bury()

    def _fell(self, name: str, error: BaseException) -> None:
        trace = traceback.extract_tb(error.__traceback__)[-1]
        self.fallen.append(f"{name} fell over: {error!r} ({trace.filename}:{trace.lineno})")

    def _tell(self, what: str) -> None:
        self.log.append(f"{self.scheduler.now:10.1f} s  {what}")

    def _digest(self) -> str:
        parts = hashlib.sha256()
        for table in self.house.database.rows.tables():
            for key in table.rows:
                parts.update(f"{table.name} {key}".encode())
        for world in self.worlds.values():
            for done in world.effects():
                parts.update(str(done).encode())
        parts.update(f"{self.scheduler.turns} {self.scheduler.now}".encode())
        return parts.hexdigest()[:16]


@frozen
class Happenings:
    """What an entry does."""

    episode: _Episode
    entry: Entry

    def __call__(self) -> None:
        known: dict[str, Callable[..., None]] = {
            "request": self.request,
            "repeat": self.repeat,
            "cancel": self.cancel,
            "retry": self.retry,
            "grant": self.grant,
            "mint": self.mint,
            "crash": self.crash,
            "kill": self.kill,
            "freeze": self.freeze,
            "skew": self.skew,
            "slow": self.slow,
            "database restart": self.restart,
            "database clock": self.clock,
            "commit lost": self.commit_lost,
            "network": self.network,
            "node down": self.down,
            "node behind": self.behind,
            "node fault": self.fault,
            "custodian down": self.custodian_down,
            "custodian throttles": self.throttles,
            "custodian loses": self.loses,
            "receiver": self.receiver,
            "backup": self.backup,
            "restore": self.restore,
        }
        known[self.entry.kind](**self.entry.details)

    # What people do.

    def request(self, who: int, where: int, own: bool, tries: int) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("request", lambda: people.request(number, who, where, own=own, tries=tries))

    def repeat(self, of: int) -> None:
        self.episode.people.go("repeat", lambda: self.episode.people.again(of))

    def cancel(self, of: int) -> None:
        self.episode.people.go("cancel", lambda: self.episode.people.cancel(of))

    def retry(self, of: int) -> None:
        self.episode.people.go("retry", lambda: self.episode.people.retry(of))

    def grant(self, who: int, amount: int) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("grant", lambda: people.grant(number, who, amount))

    def mint(self, of: int, tries: int) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("mint", lambda: people.mint(number, of, tries))

    # What goes wrong.

    def _process(self, which: str) -> Any:
        # Of fewer workers, as a shrunk history may have, the first is meant.
        processes = self.episode.house.processes
        return processes.get(which, processes["worker-1"])

    def _world(self, where: int) -> World:
        return [*self.episode.worlds.values()][where]

    def _window(self, which: str, where: int) -> Any:
        network = self._world(where).network.id
        return self.episode.house.windows.get((self._process(which).name, network))

    def crash(self, which: str, calls: int, when: str) -> None:
        self._process(which).doom = (calls, when)

    def kill(self, which: str, seconds: float) -> None:
        self._process(which).die(back_after=seconds)

    def freeze(self, which: str, seconds: float) -> None:
        self._process(which).group.frozen_until = self.episode.scheduler.now + seconds

    def skew(self, which: str, seconds: float) -> None:
        self._process(which).clock.skew = seconds

    def slow(self, which: str, likely: float, most: float, seconds: float) -> None:
        process = self._process(which)
        process.slowness = (likely, most)
        self._later(seconds, lambda: setattr(process, "slowness", CALM))

    def restart(self, seconds: float) -> None:
        self.episode.house.database.restart(seconds)

    def clock(self, seconds: float) -> None:
        self.episode.house.database.ahead += seconds

    def commit_lost(self, how: str, times: int) -> None:
        self.episode.house.database.losses.extend([how] * times)

    def network(self, where: int, event: str) -> None:
        world = self._world(where)
        treasury = self.episode.house.treasuries[world.network.id]
        world.befall(event, self.episode.random, treasury)

    def down(self, which: str, where: int, seconds: float) -> None:
        window = self._window(which, where)
        if window is not None:
            window.is_down = True
            self._later(seconds, lambda: setattr(window, "is_down", False))

    def behind(self, which: str, where: int, blocks: int, seconds: float) -> None:
        window = self._window(which, where)
        if window is not None:
            window.lag = blocks
            self._later(seconds, lambda: setattr(window, "lag", 0))

    def fault(self, which: str, where: int, method: str, fault: str) -> None:
        window = self._window(which, where)
        if window is not None:
            window.misbehave(method, _FAULTS[fault])

    def custodian_down(self, seconds: float) -> None:
        self.episode.house.custodian.down_until = self.episode.scheduler.now + seconds

    def throttles(self, most: int, seconds: float) -> None:
        custodian = self.episode.house.custodian
        custodian.throttle = most
        self._later(seconds, lambda: setattr(custodian, "throttle", None))

    def loses(self, times: int) -> None:
        self.episode.house.custodian.lost += times

    def receiver(self, who: int, mood: str, seconds: float) -> None:
        """Nobody listens yet."""

    def backup(self) -> None:
        self.episode.house.back_up()

    def restore(self) -> None:
        episode = self.episode
        episode.house.restore()
        self._later(60.0, lambda: episode.people.go("again", episode.people.say_it_all_again))

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        scheduler = self.episode.scheduler
        scheduler.at(scheduler.now + seconds, self.episode.nature, "later", act)


_FAULTS = {
    "unavailable": chain_faults.UNAVAILABLE,
    "answer lost": chain_faults.ANSWER_LOST,
    "already known": chain_faults.ALREADY_KNOWN,
    "slot taken": chain_faults.SLOT_TAKEN,
    "underpriced": chain_faults.UNDERPRICED,
    "rejected": chain_faults.REJECTED,
    "rejected though taken": chain_faults.REJECTED_THOUGH_TAKEN,
}


@contextmanager
def _loud() -> Iterator[list[str]]:
    """What the worker's loops catch and log as a mistake of ours is one."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info is not None and record.exc_info[1] is not None:
                error = record.exc_info[1]
                trace = traceback.extract_tb(error.__traceback__)[-1]
                told = f"{record.getMessage()}: {error!r}"
                heard.append(f"{told} ({trace.filename.rpartition('/')[2]}:{trace.lineno})")

    logger = logging.getLogger("entrypoints")
    ear, propagates, level = Ear(level=logging.ERROR), logger.propagate, logger.level
    logger.addHandler(ear)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
        logger.propagate = propagates
        logger.setLevel(level)
