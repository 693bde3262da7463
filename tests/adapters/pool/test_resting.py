"""A node that fails rests, is tried again by one call, and is never given up."""

import threading
from contextlib import suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from adapters.pool.breaker import Breaker, Right, Turn
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.nodes import NodeCondition
from domain.operation import NotSeen, Submission, Verdict
from tests.adapters.pool.nodes import (
    INTENT,
    NO_HISTORY,
    SILENCE,
    SLOT,
    TRANSACTION,
    Clock,
    a_head,
    a_pool,
)

PLAN = "plan"


class House:
    """A pool, its nodes and its clock."""

    def __init__(self, count=1, min_sources=1):
        self.clock = Clock()
        self.pool, self.nodes = a_pool(count, min_sources=min_sources, clock=self.clock)

    def ask(self, times=1):
        """Which nodes were asked, each time; with ``!`` where nobody answered."""
        told = []
        for _ in range(times):
            for node in self.nodes:
                node.asked.clear()
            try:
                self.pool.plan(INTENT)
                end = ""
            except ChainUnavailableError:
                end = "!"
            asked = "".join(str(i) for i, n in enumerate(self.nodes, 1) if n.asked[PLAN])
            told.append(asked + end)
        return told


def test_after_three_failures_in_a_row_a_node_is_not_asked_for_a_second():
    house = House(2)
    house.nodes[0].goes_down()
    assert house.ask(5) == ["12", "12", "12", "2", "2"]
    house.clock.passes(0.99)
    assert house.ask() == ["2"]
    assert house.pool.report()[0].condition is NodeCondition.UNAVAILABLE


def test_an_answer_in_between_begins_the_count_again():
    house = House(2)
    for _ in range(4):
        house.nodes[0].goes_down()
        assert house.ask(2) == ["12", "12"]
        house.nodes[0].comes_back()
        assert house.ask() == ["1"]


def test_whoever_rests_is_tried_again_after_the_others_and_is_first_again_when_it_answers():
    house = House(2)
    house.nodes[0].goes_down()
    house.ask(3)
    house.clock.passes(1)
    house.nodes[0].comes_back()
    assert house.ask() == ["2"], "a healthy node is there: nothing is risked"
    house.nodes[1].says[PLAN] = SILENCE
    assert house.ask() == ["12"]
    assert house.ask() == ["1"]


def is_probed(house):
    """Whether the first node is asked what nobody knows, which all are asked that may be."""
    before = house.nodes[0].asked["outcome"]
    assert house.pool.outcome(SLOT) == NotSeen()
    return house.nodes[0].asked["outcome"] > before


def test_each_failed_probe_doubles_the_pause_up_to_a_minute():
    house = House(2)
    house.nodes[0].goes_down()
    house.ask(3)
    pauses = []
    for _ in range(9):
        begun = house.clock.now
        while not is_probed(house):
            house.clock.passes(0.5)
        pauses.append(house.clock.now - begun)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_last_node_rests_for_five_seconds_at_most():
    house = House(1)
    house.nodes[0].goes_down()
    house.ask(3)
    for pause in (1, 2, 4, 5, 5, 5):
        house.ask(3)  # the early one, and two that find it resting
        house.clock.passes(pause - 0.01)
        assert house.ask() == ["!"]
        house.clock.passes(0.01)
        assert house.ask() == ["1!"]
    house.nodes[0].comes_back()
    house.clock.passes(5)
    assert house.ask() == ["1"]


def test_a_node_that_a_verdict_needs_rests_for_five_seconds_at_most():
    house = House(2, min_sources=2)
    house.nodes[0].goes_down()
    house.ask(3)
    for _ in range(8):
        house.clock.passes(5)
        assert is_probed(house)


def test_where_all_rest_each_is_tried_early_once_in_its_pause_and_then_nobody_is_asked():
    house = House(2)
    for node in house.nodes:
        node.goes_down()
    assert house.ask(3) == ["12!", "12!", "12!"]
    assert sorted(house.ask(2)) == ["1!", "2!"]
    assert house.ask(3) == ["!", "!", "!"]
    with pytest.raises(ChainUnavailableError, match="every node of memory:1 is resting for 1 s"):
        house.pool.plan(INTENT)
    house.clock.passes(1)
    assert house.ask() == ["12!"], "the pauses are over"
    assert sorted(house.ask(2)) == ["1!", "2!"], "new pauses"
    house.nodes[1].comes_back()
    assert house.ask() == ["!"]
    house.clock.passes(2)
    assert house.ask() == ["12"]
    assert house.ask() == ["2"]


def test_a_node_that_is_back_is_found_early():
    house = House(1)
    house.nodes[0].goes_down()
    house.ask(3)
    house.nodes[0].comes_back()
    assert house.ask(2) == ["1", "1"]
    house.nodes[0].goes_down()
    assert house.ask(3) == ["1!", "1!", "1!"], "an answer ends all of it"


def test_a_probe_that_tells_nothing_is_followed_by_another():
    house = House(1)
    house.nodes[0].goes_down()
    house.ask(4)
    house.clock.passes(1)
    house.nodes[0].says[PLAN] = NO_HISTORY
    assert house.ask(3) == ["1!", "1!", "1!"]
    house.nodes[0].comes_back()
    assert house.ask() == ["1"]


def test_a_probe_that_ends_in_a_mistake_of_ours_is_not_under_way_for_ever():
    house = House(1)
    house.nodes[0].goes_down()
    house.ask(4)
    house.clock.passes(1)
    house.nodes[0].says[PLAN] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        house.ask()
    house.nodes[0].comes_back()
    assert house.ask() == ["1"]


def test_a_submission_that_nobody_answered_is_no_sign_of_life():
    house = House(2)
    house.nodes[0].goes_down()
    house.ask(2)
    house.nodes[0].says["submit"] = Submission(Verdict.UNKNOWN, "no answer")
    house.pool.submit(TRANSACTION)
    assert house.ask(2) == ["12", "2"]


def test_a_node_of_another_chain_is_no_replacement_for_one_that_rests():
    house = House(2)
    house.nodes[0].goes_down()
    for method in ("head", PLAN):
        house.nodes[1].says[method] = WrongChainError("another chain")
    house.pool.report()
    for _ in range(10):
        house.clock.passes(5)
        house.nodes[0].asked.clear()
        with pytest.raises(WrongChainError):
            house.pool.plan(INTENT)
        assert house.nodes[0].asked[PLAN] == 1


def test_the_one_whose_pause_ends_first_is_tried_early():
    house = House(2)
    house.nodes[1].goes_down()
    for _ in range(3):
        is_probed(house)  # asks both
    house.clock.passes(0.5)
    house.nodes[0].goes_down()
    house.ask(3)
    assert house.ask(3) == ["2!", "1!", "!"]


class Slow:
    """A call that lasts until it is let go."""

    def __init__(self, answer):
        self.begun, self.goes_on, self.answer = threading.Event(), threading.Event(), answer

    def __call__(self, *_):
        self.begun.set()
        assert self.goes_on.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("is_early", [False, True])
def test_only_one_call_at_a_time_tries_a_node_that_rests(is_early):
    house = House(1)
    house.nodes[0].goes_down()
    house.ask(3)
    if not is_early:
        house.clock.passes(1)
    house.nodes[0].says[PLAN] = slow = Slow(None)
    asking = threading.Thread(target=house.pool.plan, args=[INTENT])
    asking.start()
    assert slow.begun.wait(10)
    assert house.ask(3) == ["!", "!", "!"]
    slow.goes_on.set()
    asking.join()
    house.nodes[0].comes_back()
    assert house.ask() == ["1"]


@pytest.mark.parametrize("is_early", [False, True])
@pytest.mark.parametrize("how", ["fails", "answers"])
def test_a_call_that_tries_a_node_and_hangs_keeps_nobody_from_it_for_ever(is_early, how):
    house = House(1)
    house.nodes[0].goes_down()
    house.ask(3)
    if not is_early:
        house.clock.passes(1)
    house.nodes[0].says[PLAN] = slow = Slow(SILENCE if how == "fails" else None)
    asking = threading.Thread(target=suppressed(house.pool.plan), args=[INTENT])
    asking.start()
    assert slow.begun.wait(10)
    house.nodes[0].comes_back()
    house.clock.passes(29.9)
    assert house.ask() == ["!"]
    house.clock.passes(0.1)
    assert house.ask(2) == ["1", "1"]
    slow.goes_on.set()
    asking.join()
    assert house.ask(2) == ["1", "1"]


def suppressed(question):
    def asking(*arguments):
        with suppress(ChainUnavailableError):
            question(*arguments)

    return asking


def test_who_lost_its_turn_takes_it_from_nobody():
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(breaker.admit(0, 60), 0)
    hangs = breaker.admit(1, 60)
    second = breaker.admit(31, 60)
    assert second.right is Right.PROBE
    breaker.let_go(hangs)
    assert breaker.admit(31, 60) is None
    breaker.failed(hangs, 31)
    assert breaker.rests(31, 60) == 0, "its failure is not the second one's"
    assert breaker.admit(31, 60) is None
    breaker.failed(second, 31)
    assert breaker.rests(31, 60) == 2


def test_a_probe_that_fails_after_another_call_was_answered_is_an_ordinary_failure():
    breaker = Breaker()
    turns = [breaker.admit(0, 60) for _ in range(4)]
    for turn in turns[:3]:
        breaker.failed(turn, 0)
    probe = breaker.admit(1, 60)
    breaker.answered(turns[3])
    breaker.failed(probe, 1)
    assert breaker.is_closed


def test_nobody_waits_for_a_call_that_hangs():
    house = House(2)
    house.nodes[0].says[PLAN] = slow = Slow(None)
    asking = threading.Thread(target=house.pool.plan, args=[INTENT])
    asking.start()
    assert slow.begun.wait(10)
    assert house.pool.block_at(0) is not None
    assert house.pool.head()
    assert len(house.pool.report()) == 2
    slow.goes_on.set()
    asking.join()


def test_all_nodes_are_looked_at_at_the_same_time():
    house = House(3)
    everybody = threading.Barrier(3, timeout=10)

    def together():
        everybody.wait()
        return a_head(7)

    for node in house.nodes:
        node.says["head"] = together
    assert {report.latest for report in house.pool.report()} == {a_head(7).latest}


def test_a_late_failure_of_an_older_call_lets_no_second_probe_through():
    breaker = Breaker()
    turns = [breaker.admit(0, 60) for _ in range(4)]
    for turn in turns[:3]:
        breaker.failed(turn, 0)
    assert breaker.admit(1, 60).right is Right.PROBE
    breaker.failed(turns[3], 1)
    assert breaker.admit(9, 60) is None


def test_after_an_answer_the_first_pause_is_short_again():
    breaker = Breaker()
    for _ in range(2):
        for _ in range(3):
            breaker.failed(breaker.admit(0, 60), 0)
        assert breaker.rests(0, 60) == 1
        breaker.failed(breaker.admit(1, 60), 1)
        assert breaker.rests(1, 60) == 2
        breaker.answered(breaker.admit(3, 60))


class ABreaker(RuleBasedStateMachine):
    """Against a model of sentences: failures in a row, one pause, at most one try at a time that
    is not older than half a minute."""

    def __init__(self):
        super().__init__()
        self.breaker, self.now = Breaker(), 0.0
        self.in_flight: list[Turn] = []
        #: The call that tries it, and since when.
        self.trial = None
        self.row = 0
        #: None: closed.  Else when it opened, for how long, and whether it was tried early since.
        self.opened = None
        self.pause = 1.0
        self.was_early = False

    @property
    def is_over(self):
        return self.opened is None or self.now >= self.opened + self.pause

    @property
    def is_tried(self):
        if self.trial is None or self.trial[0] not in self.in_flight:
            return False
        return self.now < self.trial[1] + 30

    def is_tried_by(self, turn):
        return self.trial is not None and self.trial[0] is turn

    @rule(seconds=st.sampled_from([0.5, 1.0, 7.0, 30.0, 64.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def asked(self):
        turn = self.breaker.admit(self.now, 60.0)
        if self.opened is None:
            assert turn.right is Right.ORDINARY
        elif self.is_over and not self.is_tried:
            assert turn.right is Right.PROBE
            self.trial = turn, self.now
        else:
            assert turn is None
        self.in_flight += [turn] if turn else []

    @rule()
    def asked_early(self):
        turn = self.breaker.admit_early(self.now)
        may = self.opened is not None and not self.is_tried and not self.was_early
        assert (turn is not None) is may
        if turn is not None:
            assert turn.right is Right.EARLY
            self.in_flight.append(turn)
            self.trial = turn, self.now
            self.was_early = True

    @precondition(lambda self: self.in_flight)
    @rule(place=st.integers(0, 9))
    def fails(self, place):
        turn = self.in_flight.pop(place % len(self.in_flight))
        self.breaker.failed(turn, self.now)
        self.row += 1
        opens = self.opened is None and self.row >= 3
        is_probe = turn.right is Right.PROBE and self.is_tried_by(turn)
        if is_probe and self.opened is not None:
            self.pause = min(60.0, self.pause * 2)
            opens = True
        if opens:
            self.opened, self.was_early = self.now, False

    @precondition(lambda self: self.in_flight)
    @rule(place=st.integers(0, 9))
    def answers(self, place):
        self.breaker.answered(self.in_flight.pop(place % len(self.in_flight)))
        self.row, self.opened, self.pause, self.was_early = 0, None, 1.0, False

    @precondition(lambda self: self.in_flight)
    @rule(place=st.integers(0, 9))
    def tells_nothing(self, place):
        self.breaker.let_go(self.in_flight.pop(place % len(self.in_flight)))

    @invariant()
    def is_as_it_should_be(self):
        assert self.breaker.is_closed is (self.opened is None)
        assert self.breaker.failures == self.row
        assert (self.breaker.rests(self.now, 60.0) == 0) is self.is_over


TestABreaker = ABreaker.TestCase
