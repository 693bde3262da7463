"""Random histories of misfortune: faults of nodes, deaths of workers, restored backups.

A history is data, made from a seed, so that it can be told and lived again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from attrs import define, field, frozen

from application.ports.chain import ChainUnavailableError, WrongChainError
from tests.algod.house import AlgodHouse
from tests.application.mortal import DEATHS, Fate

#: Faults of the next submission, counted when they strike.
SUBMISSION = ("accept_then_drop", "drop_before", "deaf", "reorder", "evict")
#: Faults of the next questions, counted when they strike.
LINE = ("unavailable", "truncate")
STRIKES = (*SUBMISSION, *LINE)
#: Faults that last until they are cleared, and are counted when they begin.
STANDING = ("no_gossip", "lag", "stall", "wrong_genesis")
#: What else happens to the world.
EVENTS = ("forget", "congestion", "a window passes", "a block")
#: A node says that the bytes can never land, and spreads them all the same, or does not.
REFUSALS = ("rejected", "rejected though taken")
#: What people do, at any moment; a backup is restored between two lives.
PEOPLE = ("backup", "cancel", "retry")
BETWEEN = ("restored backup",)
KINDS = (*STRIKES, *STANDING, *EVENTS, *REFUSALS, *PEOPLE, *BETWEEN, *DEATHS)
#: Calls of a healthy worker, and some more for those that have to look twice.
CALLS = 90
#: The call at which a healthy one submits.
SUBMITS = 27
LIVES = 60


@frozen
class History:
    """What happens before which call of a port, and after which life."""

    calls: dict[int, str]
    lives: dict[int, str]

    @property
    def size(self) -> int:
        return len(self.calls) + len(self.lives)


def histories(seed: int, count: int) -> Iterator[History]:
    """Every kind as often as any other; three histories in four have several."""
    chance = random.Random(seed)
    deck: list[str] = []
    for _ in range(count):
        calls: dict[int, str] = {}
        lives: dict[int, str] = {}
        for _ in range(chance.choice((1, 2, 3, 5))):
            if not deck:
                deck = list(KINDS)
                chance.shuffle(deck)
            kind = deck.pop()
            if kind in BETWEEN:
                lives[chance.randrange(5)] = kind
            elif kind in (*SUBMISSION, *REFUSALS, "cancel"):
                calls[chance.randrange(SUBMITS)] = kind
            else:
                # Most calls are made in the first life.
                calls[chance.choice((chance.randrange(50), chance.randrange(CALLS)))] = kind
        yield History(calls, lives)


@define
class Reached:
    """What really happened, over all histories."""

    kinds: Counter[str] = field(factory=Counter)
    histories: int = 0
    #: With two misfortunes or more that really happened.
    with_several: int = 0

    def add(self, kinds: Counter[str]) -> None:
        self.kinds.update(kinds)
        self.histories += 1
        self.with_several += sum(kinds.values()) >= 2


def live(
    house: AlgodHouse,
    history: History,
    chance: random.Random,
    orders: Callable[[], bool] = lambda: False,
) -> Counter[str]:
    """Let *history* happen to the house's deployments; tells what of it really did.

    *orders* is asked after each life, and says whether there is more to come.
    """
    happened: Counter[str] = Counter()
    struck = house.hits()
    backups = [house.backup()]
    retries: list[bool] = []

    def befall(kind: str) -> None:
        # The first node is asked first, and the other one where the first gives no answer.
        node = house.devnet.nodes[chance.random() < 0.25]
        match kind:
            case "evict":
                node.fault("evict", everywhere=chance.random() < 0.5)
            case "lag":
                node.fault("lag", times=None, rounds=chance.randrange(1, 50))
            case "reorder" | "deaf" | "accept_then_drop" | "drop_before":
                node.fault(kind)
            case kind if kind in STRIKES:
                # The next question, whatever it is.
                node.fault(kind, times=chance.randrange(1, 4))
            case kind if kind in STANDING:
                node.fault(kind, times=None)
            case "forget":
                node.fault("forget")
            case "congestion":
                house.devnet.congest(chance.choice((0, 5, 40)))
            case "a window passes":
                house.window_passes()
            case "a block":
                house.devnet.mine()
            case "rejected" | "rejected though taken":
                house.refusals.append(kind == "rejected though taken")
            case "backup":
                backups.append(house.backup())
            case "cancel":
                for deployment in house.deployments():
                    with suppress(ChainUnavailableError, WrongChainError):
                        house.cancel(deployment.id)
            case "retry":
                retries.append(True)
        if kind not in STRIKES:
            happened[kind] += 1

    fate = Fate(history.calls, befall)
    for life in range(LIVES):
        house.lives_once(fate)
        if history.lives.get(life) == "restored backup":
            house.restore(chance.choice(backups))
            # Whoever restores a backup starts the processes again.
            house.connect(house.chain.network)
            happened["restored backup"] += 1
        for deployment in house.operations():
            if retries and deployment.may_retry:
                house.retry(deployment.id, key=f"again {retries.pop()} {life}")
        if not orders() and not house.open_deployments() and life >= max(history.lives, default=0):
            break
        if life % 4 == 3:
            house.window_passes()
        if life == 16:
            house.heal()
            house.devnet.congest(0)
    house.heal()
    house.devnet.congest(0)
    house.refusals.clear()
    # Whatever anybody still has of it lands now, or never.
    for _ in range(2):
        house.devnet.mine()
        house.window_passes()
    for call, kind in history.calls.items():
        if kind in DEATHS and call < len(fate.calls):
            happened[kind] += 1
    for kind, times in (house.hits() - struck).items():
        if kind in STRIKES:
            happened[kind] += times
    return happened
