"""What each kind of entry does to the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from adapters.memory.chain import faults as chain_faults
from tests.simulation.chains import World
from tests.simulation.history import Entry
from tests.simulation.process import CALM

if TYPE_CHECKING:
    from tests.simulation.episode import Episode

#: How often, each half second, it is looked whether the moment has come for what is aimed.
_AIMS = 240


@frozen
class Happenings:
    """What an entry does."""

    episode: Episode
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
            "buy": self.buy,
            "subscribe": self.subscribe,
            **{what: self._at_the_till(what) for what in _AT_THE_TILL},
            "use": self.use,
            "give": self.give,
            "node lies": self.lie,
            "provider down": self.provider_down,
            "provider loses": self.provider_loses,
            "rival": lambda: None,
            "rival request": self.rival_request,
            "backup": self.backup,
            "restore": self.restore,
        }
        known[self.entry.kind](**self.entry.details)

    # What people do.

    def request(self, **details: Any) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("request", lambda: people.request(number, **details))

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

    def buy(self, who: int, item: str, pause: float) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("buy", lambda: people.buy(number, who, item, pause))

    def subscribe(self, who: int, tariff: str, pause: float) -> None:
        # Whoever has the first tariff is to keep it.
        members = len(self.episode.house.members)
        if who % members != self.episode.few:
            self.buy(who, tariff, pause)

    def _at_the_till(self, what: str) -> Callable[..., None]:
        people = self.episode.people

        def act(**details: Any) -> None:
            people.go(what, lambda: people.at_the_till(what, **details))

        return act

    def use(self, **details: Any) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("use", lambda: people.use(number, **details))

    def give(self, **details: Any) -> None:
        people, number = self.episode.people, self.entry.number
        people.go("give", lambda: people.give(number, **details))

    def rival_request(self, where: int) -> None:
        people, number = self.episode.rivals, self.entry.number
        if people is not None:
            people.go(
                "rival", lambda: people.request(number, who=0, where=where, own=False, tries=10)
            )

    # What goes wrong.

    def _process(self, which: str) -> Any:
        # Of fewer workers, as a shrunk history may have, the first is meant.
        processes = self.episode.house.processes
        return processes.get(which, processes["worker-1"])

    def _world(self, where: int) -> World:
        return [*self.episode.worlds.values()][where]

    def _window(self, which: str, where: int) -> Any:
        """Of the nodes that the process has, the one that this entry is about."""
        network = self._world(where).network.id
        nodes = self.episode.house.windows.get((self._process(which).name, network))
        return nodes[self.entry.number % len(nodes)] if nodes else None

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

    def network(self, where: int, event: str, *, aimed: bool = False) -> None:
        world = self._world(where)
        treasury = self.episode.house.treasuries[world.network.id]
        depth = None
        if aimed:
            depth = self._when_noted(world)
        elif event.startswith("reorg"):
            self._when_exposed(world)
        world.befall(event, self.episode.random, treasury, depth)

    def _when_noted(self, world: World) -> int | None:
        """Some moments after a worker has noted that something is in a block; how deep that is."""
        scheduler = self.episode.scheduler
        rows = self.episode.house.database.rows._deployments.deployments.rows
        for _ in range(_AIMS):
            for row in rows.values():
                steps = row.deployment.steps if row.deployment.network == world.network.id else ()
                for step in steps:
                    noted = None if step.is_final else step.inclusion
                    depth = None if noted is None else world.depth_of(noted.block.number)
                    if depth is not None:
                        return depth
            scheduler.sleep(0.5)
        return None

    def _when_exposed(self, world: World) -> None:
        """Blocks are taken back where it hurts: some seconds after something is in one."""
        scheduler = self.episode.scheduler
        for _ in range(60):
            if any(not each.is_final for each in world.effects()):
                scheduler.sleep(8.0 * scheduler.random.random())
                return
            scheduler.sleep(1.0)

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

    def lie(self, where: int, lies: str, seconds: float) -> None:
        """The last of three nodes, for everybody who asks it."""
        network = self._world(where).network.id
        for (_, id), nodes in self.episode.house.windows.items():
            if id == network and len(nodes) > 2:
                nodes[-1].lies = lies
                self._later(seconds, lambda node=nodes[-1]: setattr(node, "lies", None))

    def provider_down(self, seconds: float) -> None:
        self.episode.house.till.down_until = self.episode.scheduler.now + seconds

    def provider_loses(self, times: int) -> None:
        self.episode.house.till.lost += times

    def custodian_down(self, seconds: float) -> None:
        self.episode.house.custodian.down_until = self.episode.scheduler.now + seconds

    def throttles(self, most: int, seconds: float) -> None:
        custodian = self.episode.house.custodian
        custodian.throttle = most
        self._later(seconds, lambda: setattr(custodian, "throttle", None))

    def loses(self, times: int) -> None:
        self.episode.house.custodian.lost += times

    def receiver(self, who: int, mood: str, seconds: float) -> None:
        receivers = self.episode.house.receivers
        receiver = receivers[who % len(receivers)]
        receiver.mood = mood
        receiver.moody_until = self.episode.scheduler.now + seconds

    def backup(self) -> None:
        self.episode.house.back_up()

    def restore(self, *, aimed: bool = False, again: float = 60.0) -> None:
        """People notice after *again* seconds, and ask for everything once more."""
        episode = self.episode
        episode.unnoticed += 1
        if aimed:
            self._when_unknown_to_backup()
        episode.house.restore()
        episode.watcher.forget()

        def notice() -> None:
            episode.unnoticed -= 1
            episode.people.go("again", episode.people.say_it_all_again)

        self._later(again, notice)

    def _when_unknown_to_backup(self) -> None:
        """Something is on chain that the newest backup will not know."""
        scheduler, house = self.episode.scheduler, self.episode.house
        if not house.backups:
            return
        rows = next(rows for table, rows in house.backups[-1] if table.name == "operations")
        known = {(str(organisation), str(id)) for organisation, id in rows}
        for _ in range(_AIMS):
            done = (each for world in self.episode.worlds.values() for each in world.effects())
            if any(each.step[:2] not in known for each in done):
                scheduler.sleep(10.0 * scheduler.random.random())
                return
            scheduler.sleep(0.5)

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        scheduler = self.episode.scheduler
        scheduler.at(scheduler.now + seconds, self.episode.nature, "later", act)


#: What becomes of what was bought, in the words of the till.
_AT_THE_TILL = ("refund", "dispute", "decide", "renew", "recover", "unsubscribe")
_FAULTS = {
    "unavailable": chain_faults.UNAVAILABLE,
    "answer lost": chain_faults.ANSWER_LOST,
    "already known": chain_faults.ALREADY_KNOWN,
    "slot taken": chain_faults.SLOT_TAKEN,
    "underpriced": chain_faults.UNDERPRICED,
    "rejected": chain_faults.REJECTED,
    "rejected though taken": chain_faults.REJECTED_THOUGH_TAKEN,
}
