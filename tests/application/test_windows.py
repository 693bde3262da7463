"""Slots that are leases with windows, in memory: whatever happens, at most one asset for each.

What `test_crashes` is for a chain that counts, with what windows bring along: they end while
nobody works, an attempt waits where nobody sees it and lands at last, and a restored backup has
forgotten what was signed.  A backup is taken before any call, and restored after any later life.
"""

import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.chain import (
    ALREADY_KNOWN,
    ANSWER_LOST,
    NO_HISTORY,
    REJECTED,
    REJECTED_THOUGH_TAKEN,
    SLOT_TAKEN,
    UNAVAILABLE,
    UNDERPRICED,
    WRONG_CHAIN,
    MemoryWindowedChain,
)
from adapters.memory.chain.groups import decoded
from adapters.memory.chain.windowed_node import WindowedNode
from adapters.memory.clock import MemoryClock
from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.storage import MemoryStore
from application.deployments.request import Accepted
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.operation import SignedTransaction, SlotState, Submission
from tests.application.house import LEASE_IS_OVER, PROVING, House, examples, states
from tests.application.mortal import BEFORE, DEATHS, Fate, MortalStore

FUNDS = 10**9
#: Calls of a healthy worker, and of one that has to look twice or to sign again later.
CALLS, MORE_CALLS = 54, 120


@define(eq=False)
class WitnessedNode(WindowedNode):
    """Remembers what was sent, and complains of windows of one operation that overlap."""

    #: By lease: the first and last rounds for which it was ever sent.
    windows: dict[str, set[tuple[int, int]]] = field(factory=lambda: defaultdict(set))
    complaints: list[str] = field(factory=list)


@define(eq=False)
class WitnessedWindows(MemoryWindowedChain):
    node: WitnessedNode = field(factory=WitnessedNode)

    @property
    def complaints(self) -> list[str]:
        return self.node.complaints

    def submit(self, transaction: SignedTransaction) -> Submission:
        group = decoded(transaction.raw, self.network.id, self.address)
        assert group is not None
        for first, last in self.node.windows[group.lease]:
            is_same = (first, last) == (group.first, group.last)
            if not is_same and first <= group.last and group.first <= last:
                told = f"{group.lease} is sent for {group.first} after {first} to {last}"
                self.node.complaints.append(told)
        self.node.windows[group.lease].add((group.first, group.last))
        return super().submit(transaction)


class WindowedHouse(House):
    """A life, then a block; `restart` is a process that has seen nothing yet."""

    chain: WitnessedWindows

    def __init__(
        self, *, is_account_ready: bool = True, instant: bool = False, start: int = 0
    ) -> None:
        self.clock = MemoryClock()
        self.identifiers = MemoryIdentifiers(self.clock)
        self.store = MemoryStore(lease_clock=self.clock.seconds)
        self.chain = WitnessedWindows(instant=instant)
        self.chain.advance(start)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentOnlyWarning)
            self.custodian = MemoryCustodian()
        self.move_in(is_account_ready=is_account_ready)
        self.chain.fund(self.signer.address, FUNDS)
        # As every process that runs for some time: nothing from before it is left.
        self.window_passes()
        self.chain.head()
        self.window_passes()

    def restart(self) -> None:
        view = self.chain.view()
        assert isinstance(view, WitnessedWindows)
        self.chain = view

    def restored(self, backup: Any) -> None:
        self.restore(backup)
        self.restart()

    def lives_once(self, fate: Fate) -> None:
        self.life(fate)
        self.pass_time(LEASE_IS_OVER)
        if not self.chain.instant:
            self.chain.mine()
        if self.is_halted:
            with suppress(ChainUnavailableError, WrongChainError):
                self.operator_looks()

    def window_passes(self) -> None:
        self.chain.advance(self.chain.network.window)

    def go_to(self, place: int) -> None:
        """Let rounds pass until the next one is that far into a window."""
        width = self.chain.network.window
        self.chain.advance((place - self.chain.node.latest.number - 1) % width)

    def heal(self) -> None:
        self.chain.behave()
        self.chain.fee, self.chain.refuses = 1_000, None
        self.chain.lag, self.chain.kept_rounds = 0, None

    def everything_lands(self) -> None:
        """Whatever anybody still holds has its chance, and windows pass."""
        for _ in range(3):
            self.chain.surface()
            self.chain.mine()
            self.window_passes()


def is_completed_once(house: WindowedHouse, *deployments: Deployment) -> None:
    """One asset each, the one our records name, and not one more by anybody."""
    house.everything_lands()
    house.is_intact()
    for deployment in deployments:
        ended = house.get(deployment.id)
        assert ended.state is State.COMPLETED, (ended.state, ended.waiting, ended.failure)
        assert house.tokens(deployment.id) == 1
    spent = 5 * len(deployments)
    assert house.credits == (25 - spent, 0, spent)
    assert house.open_holds == 0
    made = {str(id) for id in house.chain.node.assets}
    assert made == {house.get(deployment.id).result for deployment in deployments}


def is_one_asset_or_none(house: WindowedHouse, deployment: Deployment) -> None:
    """`is_intact` says that what is cancelled, or has failed without effect, has no asset."""
    ended = house.get(deployment.id)
    if ended.state is State.COMPLETED:
        is_completed_once(house, deployment)
        return
    house.everything_lands()
    house.is_intact()
    assert ended.state in {State.FAILED, State.CANCELLED}, (ended.state, ended.waiting)
    assert ended.state is State.CANCELLED or ended.may_retry
    assert not house.chain.node.assets
    assert house.credits == (25, 0, 0)
    assert house.open_holds == 0


# What happens to the world: before a call, or between two lives.

SUBMISSIONS = {
    "unavailable": UNAVAILABLE,
    "answer lost": ANSWER_LOST,
    "already known": ALREADY_KNOWN,
    "slot taken": SLOT_TAKEN,
    "underpriced": UNDERPRICED,
    "rejected": REJECTED,
    "rejected though taken": REJECTED_THOUGH_TAKEN,
}
QUESTIONS = ("effect_of", "preflight", "slot_terms", "prepare", "outcome", "read_back", "block_at")


def silence(house):
    for question in QUESTIONS:
        house.chain.misbehave(question, UNAVAILABLE)


def silence_in_the_middle(house):
    for question in QUESTIONS:
        house.chain.misbehave(question, ANSWER_LOST)


def no_history(house):
    for question in ("effect_of", "outcome", "block_at"):
        house.chain.misbehave(question, NO_HISTORY)


def pruned(house):
    """The node has thrown its old blocks away."""
    house.chain.kept_rounds = 5


def wrong_chain(house):
    for question in ("effect_of", "outcome", "prepare"):
        house.chain.misbehave(question, WRONG_CHAIN)


def wrong_chain_for_a_submission(house):
    house.chain.misbehave("submit", WRONG_CHAIN)


def a_block(house):
    house.chain.mine()


def evicted(house):
    for group in list(house.chain.node.pool):
        house.chain.evict(group.id)


def forgotten(house):
    house.chain.forget()


def hidden(house):
    house.chain.hide()


def surfaces(house):
    house.chain.surface()


def a_window_passes(house):
    house.window_passes()


def lands_in_the_last_round(house):
    """Of its window, where it comes from nobody knows; the window is over at once."""
    house.go_to(-1)
    house.chain.surface()
    house.chain.mine(2)


def before_the_margin(house):
    """A slot is just still given."""
    house.go_to(house.chain.network.window - 10)


def behind_the_margin(house):
    house.go_to(house.chain.network.window - 9)


def too_late_to_sign(house):
    house.go_to(house.chain.network.window - 2)


def dearer(house):
    house.chain.fee += 1


def too_dear(house):
    house.chain.fee = 2_000_000


def cheaper(house):
    house.chain.fee = 1_000


def behind(house):
    """By more than a window."""
    house.chain.lag = 25


def in_time(house):
    house.chain.lag = 0


def simulated_failure(house):
    house.chain.refuses = "no"


def works_again(house):
    house.chain.refuses = None


def spoilt(name: str) -> Callable[[WindowedHouse], None]:
    def happens(house: WindowedHouse) -> None:
        house.chain.misbehave("submit", SUBMISSIONS[name])

    happens.__name__ = name.replace(" ", "_")
    return happens


WORLD = {
    happens.__name__: happens
    for happens in (
        *map(spoilt, SUBMISSIONS),
        silence,
        silence_in_the_middle,
        no_history,
        pruned,
        wrong_chain,
        wrong_chain_for_a_submission,
        a_block,
        evicted,
        forgotten,
        hidden,
        surfaces,
        a_window_passes,
        lands_in_the_last_round,
        before_the_margin,
        behind_the_margin,
        too_late_to_sign,
        dearer,
        too_dear,
        cheaper,
        behind,
        in_time,
        simulated_failure,
        works_again,
    )
}
#: After these a deployment may fail, provably without effect.
MAY_FAIL = {"rejected", "rejected_though_taken", "simulated_failure"}


def sampled(everything: Iterable[Any], one_in: int) -> list[Any]:
    """All of it in a proof; otherwise another part each time."""
    everything = list(everything)
    return everything if PROVING else random.sample(everything, len(everything) // one_in)


def runs(house: WindowedHouse, fate: Fate, rounds: int = 60) -> None:
    """Until everything is over; what is wrong for ever is put right after a while."""
    for life in range(rounds):
        house.lives_once(fate)
        if life == rounds // 3:
            house.heal()
        if not house.open_deployments():
            return


# One deployment.


def test_a_healthy_worker_makes_the_calls_that_the_sweeps_count_on():
    house = WindowedHouse()
    deployment = house.deploy()
    fate = Fate({})
    runs(house, fate)
    is_completed_once(house, deployment)
    assert len(fate.calls) == CALLS
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)
    assert states(house.events(deployment.id)) == [
        "Submitted",
        "Pending",
        "Confirmed",
        "Indexed",
        "Completed",
    ]


@pytest.mark.parametrize("instant", [False, True], ids=["manual", "instant"])
def test_no_single_death_makes_a_second_attempt(instant):
    for call in range(CALLS):
        for death in DEATHS:
            house = WindowedHouse(instant=instant)
            deployment = house.deploy()
            runs(house, Fate({call: death}))
            is_completed_once(house, deployment)
            ended = house.get(deployment.id)
            assert len(ended.step.slots) == len(ended.step.attempts) == 1, (call, death)


@pytest.mark.parametrize("event", WORLD)
def test_no_single_misfortune_at_any_call_makes_a_second_asset(event):
    for call in range(MORE_CALLS):
        house = WindowedHouse()
        deployment = house.deploy()
        fate = Fate({call: event}, lambda e, house=house: WORLD[e](house))
        runs(house, fate)
        is_one_asset_or_none(house, deployment)
        if event not in MAY_FAIL:
            assert house.get(deployment.id).state is State.COMPLETED, call
        if call >= len(fate.calls):
            return


@pytest.mark.parametrize("event", WORLD)
def test_no_single_death_and_no_misfortune_after_it_makes_a_second_asset(event):
    everything = ((call, death) for call in range(CALLS) for death in DEATHS)
    for call, death in sampled(everything, 4):
        house = WindowedHouse()
        deployment = house.deploy()
        house.life(Fate({call: death}))
        house.pass_time(LEASE_IS_OVER)
        WORLD[event](house)
        house.restart()
        runs(house, Fate({}))
        is_one_asset_or_none(house, deployment)
        if event not in MAY_FAIL:
            assert house.get(deployment.id).state is State.COMPLETED, (call, death)


# Restored backups, cancellations and retries.


@define
class Story:
    """One deployment, and the backups that are taken of its house."""

    house: WindowedHouse
    deployment: Deployment
    backups: list[Any] = field(factory=list)
    retries: int = 0
    #: A backup was restored that says that it failed, whatever was done about it afterwards.
    has_failed_again: bool = False

    @classmethod
    def begun(cls, **changes: Any) -> "Story":
        house = WindowedHouse(**changes)
        return cls(house, house.deploy())

    def happens(self, event: str) -> None:
        match event:
            case "backup":
                self.backups.append(self.house.backup())
            case "restore the newest" if self.backups:
                self._restore(-1)
            case "restore the oldest" if self.backups:
                self._restore(0)
            case "restore the newest" | "restore the oldest":
                return
            case "restart":
                self.house.restart()
            case "cancel":
                with suppress(ChainUnavailableError, WrongChainError):
                    self.house.cancel(self.deployment.id)
            case "retry":
                self._retry()
            case _:
                WORLD[event](self.house)

    def _restore(self, which: int) -> None:
        backup = self.backups[which]
        self.house.restored(backup)
        # Later ones are of what has never been.
        del self.backups[self.backups.index(backup) + 1 :]
        self.has_failed_again = self.house.get(self.deployment.id).may_retry

    def _retry(self) -> Accepted | Refusal:
        self.retries += 1
        return self.house.retry(self.deployment.id, key=f"again-{self.retries}")

    def told(self, calls: dict[int, str], lives: dict[int, str]) -> None:
        fate = Fate(calls, self.happens)
        for life in range(max(lives, default=0) + 1):
            self.house.lives_once(fate)
            if life in lives:
                self.happens(lives[life])
            assert self.house.tokens(self.deployment.id) <= 1
        runs(self.house, fate)
        if self.has_failed_again and self.house.get(self.deployment.id).may_retry:
            self._is_found_by_asking_again()
        is_one_asset_or_none(self.house, self.deployment)

    def _is_found_by_asking_again(self) -> None:
        """Nobody goes on with what has ended; whoever does finds what the backup has forgotten."""
        self.house.heal()
        self.house.everything_lands()
        assert isinstance(self._retry(), Accepted)
        runs(self.house, Fate({}))
        assert self.house.get(self.deployment.id).state is State.COMPLETED


#: Not with a restored backup: the only node, windows behind when a process begins, has not seen
#: for which window others were signed last, and its absences are no proof.
MIXED = tuple(event for event in WORLD if event != "behind")
#: At a call a backup can be taken; before one is restored, every process is stopped.
AT_CALLS = (*DEATHS, *MIXED, "backup", "cancel", "retry")
AFTER_LIVES = (
    *MIXED,
    "backup",
    "cancel",
    "retry",
    "restart",
    "restore the newest",
    "restore the oldest",
)
places = st.integers(0, 19)


@examples(150)
@given(
    st.dictionaries(st.integers(0, MORE_CALLS), st.sampled_from(AT_CALLS), max_size=5),
    st.dictionaries(st.integers(0, 8), st.sampled_from(AFTER_LIVES), max_size=5),
    places,
    st.booleans(),
)
def test_whatever_happens_there_is_one_asset_or_none_and_no_bill(calls, lives, start, instant):
    Story.begun(start=start, instant=instant).told(calls, lives)


@examples(150)
@given(
    st.integers(0, CALLS),
    st.integers(0, 6),
    st.dictionaries(st.integers(0, MORE_CALLS), st.sampled_from(AT_CALLS), max_size=4),
    st.dictionaries(st.integers(0, 10), st.sampled_from(AFTER_LIVES), max_size=3),
    places,
)
def test_a_backup_of_any_call_restored_after_any_life_makes_no_second_asset(
    taken, restored, calls, lives, start
):
    story = Story.begun(start=start)
    story.told({**calls, taken: "backup"}, {**lives, restored: "restore the oldest"})


def in_a_later_window(house):
    """Evicted, over, signed again for the next window, and out of sight."""
    evicted(house)
    house.window_passes()
    house.pass_time(LEASE_IS_OVER)
    house.life(Fate({}))
    assert house.chain.node.pool
    hidden(house)


def still_waiting(house):
    """In the pool."""


#: What becomes of what was sent before the backup is restored.
MEANWHILE = (
    a_block,
    hidden,
    evicted,
    still_waiting,
    a_window_passes,
    lands_in_the_last_round,
    in_a_later_window,
)


def restored_story(taken: int, meanwhile: Callable[[WindowedHouse], None]) -> Story:
    """What was sent after the backup of that call is forgotten by the records."""
    story = Story.begun()
    house = story.house
    house.life(Fate({taken: "backup", taken + 20: BEFORE}, story.happens))
    house.pass_time(LEASE_IS_OVER)
    house.life(Fate({}))
    meanwhile(house)
    story.happens("restore the newest")
    house.pass_time(LEASE_IS_OVER)
    return story


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
@pytest.mark.parametrize("then", ["cancel", "restart", "simulated_failure", "rejected", "dearer"])
def test_a_restored_backup_and_what_is_done_first_make_no_second_asset(meanwhile, then):
    for taken in sampled(range(CALLS), 1 if meanwhile is in_a_later_window else 3):
        story = restored_story(taken, meanwhile)
        story.happens(then)
        story.house.life(Fate({}))
        story.happens(then)
        surfaces(story.house)
        story.told({}, {3: then})


@pytest.mark.parametrize("meanwhile", [hidden, in_a_later_window], ids=lambda each: each.__name__)
@pytest.mark.parametrize("event", ["lands_in_the_last_round", "surfaces", "cancel"])
def test_what_a_backup_has_forgotten_may_land_before_any_call(event, meanwhile):
    """At another price it is another transaction, which the same bytes would not be."""
    for taken in (0, 8, 24):
        for call in range(CALLS):
            story = restored_story(taken, meanwhile)
            dearer(story.house)
            story.told({call: event}, {})


def test_a_failure_that_a_backup_brings_back_is_asked_for_again_and_finds_its_asset():
    story = Story.begun()
    house, id = story.house, story.deployment.id
    simulated_failure(house)
    house.life(Fate({}))
    assert house.get(id).may_retry
    story.happens("backup")
    works_again(house)
    story.happens("retry")
    runs(house, Fate({}))
    asset = house.get(id).result
    story.happens("restore the newest")
    story.told({}, {})
    assert house.get(id).result == asset


# Several deployments.


@examples(40)
@given(
    st.dictionaries(st.integers(0, 150), st.sampled_from((*DEATHS, *WORLD)), max_size=4),
    st.integers(2, 5),
)
def test_deployments_that_share_a_treasury_make_one_asset_each(schedule, number):
    house = WindowedHouse()
    deployments = [house.deploy() for _ in range(number)]
    runs(house, Fate(schedule, lambda event: WORLD[event](house)))
    house.everything_lands()
    house.is_intact()
    ended = [house.get(deployment.id) for deployment in deployments]
    assert all(each.state is State.COMPLETED or each.may_retry for each in ended)
    completed = [each for each in ended if each.state is State.COMPLETED]
    assert len(house.chain.node.assets) == len(completed)
    if not MAY_FAIL & set(schedule.values()):
        assert len(completed) == number


# A worker, or a node, that is elsewhere by now.


def test_a_cancellation_that_meets_a_worker_asks_the_chain_all_the_same():
    """The slot that it saw expires before it writes, and with it the reason to refuse."""
    house = WindowedHouse()
    id = house.deploy().id
    (claim,) = house.claims()
    house.advance().step(claim)
    house.give_back([claim])
    backup = house.backup()
    house.window_passes()
    house.life(Fate({}))
    hidden(house)
    house.restored(backup)
    house.pass_time(LEASE_IS_OVER)

    def a_worker_acts(_: str) -> None:
        (claim,) = house.claims()
        house.advance().step(claim)
        assert house.get(id).step.slots[-1].state is SlotState.EXPIRED

    house.cancel(id, store=MortalStore(house.store, Fate({2: "a worker"}, a_worker_acts)))
    house.everything_lands()
    house.is_intact()


def test_a_node_that_is_behind_the_expired_window_is_waited_for():
    house = WindowedHouse()
    deployment = house.deploy()
    schedule = {12: "a_window_passes", 21: "behind"}
    runs(house, Fate(schedule, lambda event: WORLD[event](house)))
    is_completed_once(house, deployment)
