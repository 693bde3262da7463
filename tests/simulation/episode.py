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

from attrs import define, evolve, field, frozen

from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.custody import CustodyUnavailableError
from application.ports.storage.seals import SealerBusyError
from application.ports.storage.work import StoreUnavailableError
from tests.simulation import oracles
from tests.simulation.chains import CountingWorld, WindowedWorld, World, without_threads
from tests.simulation.custody import Moody, a_custodian
from tests.simulation.happenings import Happenings
from tests.simulation.history import HOUR, Entry, History
from tests.simulation.installation import PLENTY, Installation
from tests.simulation.people import People
from tests.simulation.process import SEALER
from tests.simulation.scheduler import Group, Scheduler, StuckError
from tests.simulation.spending import LONGEST_LEASE
from tests.simulation.till import Till
from tests.simulation.watch import Watcher

#: How long, in virtual seconds, a healed world may take until everything is over.
HEALED_WITHIN = 0.75 * HOUR
_SLICE = 60.0
#: And until everybody was told: retries are hours apart.
TOLD_WITHIN = 48 * HOUR
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
        with _loud() as logged, without_threads():
            return Episode(history, logged, most_turns).live()
    finally:
        gc.enable()


@define(eq=False)
class Episode:
    history: History
    logged: list[str]
    most_turns: int
    scheduler: Scheduler = field(init=False)
    random: Random = field(init=False)
    worlds: dict[str, World] = field(init=False)
    house: Installation = field(init=False)
    people: People = field(init=False)
    watcher: Watcher = field(init=False)
    #: Somebody else's installation, with the house's treasury key; made where a history has one.
    rival: Installation | None = None
    rivals: People | None = None
    log: list[str] = field(factory=list)
    fallen: list[str] = field(factory=list)
    nature: Group = field(factory=lambda: Group(name="nature"))
    #: Restored backups of which people do not know yet.
    unnoticed: int = 0

    def live(self) -> Outcome:
        self._build()
        last = max((entry.at for entry in self.history.entries), default=0.0)
        try:
            self.scheduler.run(until=min(last, self.history.plan.hours * HOUR) + 60.0)
            self.scheduler.run(until=last + 60.0)
            self._heal()
            wrongs = [*oracles.judge(self.house, self.people, self.few)]
            if self.rival is not None and self.rivals is not None:
                wrongs += oracles.judge(self.rival, self.rivals, None)
            wrongs += oracles.all_known([each for each in (self.people, self.rivals) if each])
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
    def few(self) -> int | None:
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
            world.network = evolve(world.network, min_sources=min(2, plan.nodes))
            self.worlds[world.network.id] = world
        custodian = Moody(self.scheduler, a_custodian(self.random.randbytes))
        self.house = self._installed("house", custodian, plan.workers)
        self.house.move_in(plan.organisations, self.few)
        self.watcher = Watcher(self.worlds, most=plan.budget and int(plan.budget))
        self.house.database.look = self.watcher.look
        self.people = self._people_of(self.house)
        if plan.approvals:
            self.house.approve()
            self.people.approves = True
        self.house.open()
        if any(entry.kind == "rival" for entry in self.history.entries):
            self.rival = self._installed("rival", custodian, 1)
            self.rival.move_in(1, None, self.house.signers)
            self.rival.database.look = Watcher(self.worlds, wrongs=self.watcher.wrongs).look
            self.rivals = self._people_of(self.rival)
            self.rival.open()
        for world in self.worlds.values():
            self.scheduler.spawn(f"blocks of {world.network.id}", self.nature, self._mining(world))
        self.scheduler.spawn("operator", self.nature, self._operate)
        for entry in self.history.entries:
            self.scheduler.at(entry.at, self.nature, entry.kind, self._happening(entry))

    def _installed(self, name: str, custodian: Moody, workers: int) -> Installation:
        plan = self.history.plan
        return Installation(
            scheduler=self.scheduler,
            name=name,
            worlds=self.worlds,
            custodian=custodian,
            till=Till(self.scheduler, Random(f"till {name} {self.history.seed}")),
            random=self.random,
            workers=workers,
            nodes=plan.nodes,
            budget=plan.budget,
            told=self._tell,
            seals=plan.seals and name == "house",
        )

    def _people_of(self, installation: Installation) -> People:
        is_punctual = not any(entry.kind in {"skew", "restore"} for entry in self.history.entries)
        people = People(self.scheduler, installation, tuple(self.worlds), is_punctual=is_punctual)
        installation.till.bring = people.bring
        return people

    @property
    def installations(self) -> list[Installation]:
        return [each for each in (self.house, self.rival) if each is not None]

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
        for each in self.installations:
            rows = each.database.rows._deployments
            halted = {key[0] for key, signer in rows.signers.rows.items() if signer.halted}
            halted |= {key for key, status in rows.statuses.rows.items() if status.halted}
            for network in sorted(halted):
                try:
                    each.api.container.resume()(network, "looked at it")
                except (ChainUnavailableError, WrongChainError, StoreUnavailableError):
                    continue
                self._tell(f"the operator of the {each.name} has {network} go on")
        if self.house.log.refused is not None:
            self.house.log.refused = None
            self.scheduler.spawn("another log", self.nature, self._open_another_log)

    def _open_another_log(self) -> None:
        """A restored backup does not have what was signed: a new log takes every event afresh."""
        self.house.processes[SEALER].die(back_after=60.0)
        self.scheduler.sleep(1.0)
        try:
            self.house.open_log()
        except (CustodyUnavailableError, SealerBusyError, StoreUnavailableError):
            return
        self._tell("another log is opened")

    def _happening(self, entry: Entry) -> Callable[[], None]:
        def happen() -> None:
            self._tell(str(entry))
            self.scheduler.touch()
            Happenings(self, entry)()

        return happen

    def _heal(self) -> None:
        """Every fault ends; what is open must come to its end."""
        for each in self.installations:
            each.heal()
        self.scheduler.pace = max(self.scheduler.pace, 4.0)
        for world in self.worlds.values():
            world.heal()
        self.scheduler.touch()
        ends = self.scheduler.now + HEALED_WITHIN
        quiet = 0
        while self.scheduler.now < ends and quiet < 2:
            self.scheduler.run(until=self.scheduler.now + _SLICE)
            self._help()
            quiet = quiet + 1 if self._is_over() else 0
        self._catch_up()

    def _catch_up(self) -> None:
        """Whatever is due by the day or by the hour is done, and every message is sent."""
        ends = self.scheduler.now + TOLD_WITHIN
        while self.scheduler.now < ends and any(map(_has_more, self.installations)):
            self.scheduler.run(until=self.scheduler.now + 10 * _SLICE)
        for each in self.installations:
            each.api.container.reconcile()()
            each.api.container.give_allowances()()
        self._close()
        if self.house.seals:
            # Whatever has come since is sealed in one of the next rounds.
            self.scheduler.run(until=self.scheduler.now + 600.0)
            self._look()
            self.scheduler.run(until=self.scheduler.now + 600.0)

    def _close(self) -> None:
        """Every lease is over, and that is written down."""
        for people in (self.people, self.rivals):
            if people is not None and people.services.uses:
                self.scheduler.run(until=self.scheduler.now + LONGEST_LEASE)
                people.go("close", people.close)
                self.scheduler.run(until=self.scheduler.now + 10 * _SLICE)

    def _help(self) -> None:
        """What people do who are asked for it: coin for an issuer whose order ran out, a word."""
        self._look()
        if self.people.eyes.open and not self.people.crowd.actors:
            self.people.go("look", self.people.eyes.close)
        for deployment in self._deployments():
            if deployment.state.is_open and deployment.waiting is not None:
                is_empty = deployment.waiting.value == "treasury_empty"
                if is_empty and deployment.order is not None and deployment.owner is not None:
                    self.worlds[deployment.network].fund(deployment.owner, PLENTY)

    def _is_over(self) -> bool:
        return (
            all(each.is_awake for each in self.installations)
            and not self.unnoticed
            and not self.people.crowd.actors
            and not (self.rivals and self.rivals.crowd.actors)
            and not any(each.state.is_open for each in self._deployments())
        )

    def _deployments(self) -> list[Any]:
        return [
            row.deployment
            for each in self.installations
            for row in each.database.rows._deployments.deployments.rows.values()
        ]

    def _end(self) -> None:
        for each in self.installations:
            self.scheduler.kill(each.till.post)
            for process in each.processes.values():
                self.scheduler.kill(process.group)
        for people in (self.people, self.rivals):
            if people is not None:
                self.scheduler.kill(people.crowd)
        self.scheduler.kill(self.nature)
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


def _has_more(installation: Installation) -> bool:
    """Whether something waits to be told, or sealed: asked only to know when to stop."""
    rows = installation.database.rows
    if installation.seals and installation.log.is_behind:
        return True
    heads, hooks = rows._audit.heads.rows, rows._webhooks
    return any(each.is_pending for each in hooks.deliveries.rows.values()) or any(
        each.is_enabled and each.cursor < heads[key[0]]
        for key, each in hooks.endpoints.rows.items()
    )


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
