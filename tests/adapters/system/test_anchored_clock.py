"""A process has the database's time, whatever its own machine's clock says.

The oracle is a database on a line: it knows its own clock to the nanosecond, and how long each
question and each answer was under way.  The process knows only what a stopwatch says.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from adapters.system import AnchoredClock
from application.ports.storage.work import StoreUnavailableError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = 1_000_000_000
MICROSECOND = 1_000
#: A stopwatch is wrong by no more than this many parts of a million.
DRIFT = 500
#: Of one reading: what is below a microsecond is cut off, of what is told and of what is asked.
CUT = 2 * MICROSECOND


@define
class Line:
    """A database at its end, and a stopwatch at ours; all in nanoseconds."""

    stopwatch: int = 7 * SECOND
    #: Of the database, since 1970.
    true: int = field(default=(NOON - EPOCH) // timedelta(microseconds=1) * MICROSECOND)
    drift: int = 0
    there: int = 0
    back: int = 0
    is_silent: bool = False
    asked: int = 0

    def wait(self, passing: int) -> None:
        self.stopwatch += passing
        self.true += passing + passing * self.drift // 1_000_000

    def ask(self) -> datetime:
        self.asked += 1
        self.wait(self.there)
        told = EPOCH + timedelta(microseconds=self.true // MICROSECOND)
        self.wait(self.back)
        if self.is_silent:
            raise StoreUnavailableError("nobody answers")
        return told

    def wrong(self, clock: AnchoredClock) -> int:
        """By how much it is, this way or that."""
        return abs((clock.now() - EPOCH) // timedelta(microseconds=1) * MICROSECOND - self.true)


def clock_on(line: Line) -> AnchoredClock:
    return AnchoredClock(line.ask, lambda: line.stopwatch)


TRIPS = st.integers(0, 40 * SECOND) | st.integers(0, SECOND // 100)
WAITS = st.tuples(st.just("wait"), st.integers(0, 3_600 * SECOND))
ASKS = st.tuples(st.just("ask"), st.tuples(TRIPS, TRIPS))
SILENCES = st.tuples(st.just("silence"), st.tuples(TRIPS, TRIPS))
SETS = st.tuples(st.just("set"), st.integers(-86_400 * SECOND, 86_400 * SECOND))


@given(
    drift=st.integers(-DRIFT, DRIFT), story=st.lists(ASKS | WAITS | SETS | SILENCES, max_size=20)
)
def test_it_is_wrong_by_no_more_than_the_last_answer_took(drift, story):
    """Also after the database's clock was set: the first answer afterwards brings it."""
    line = Line(drift=drift)
    clock = clock_on(line)
    clock.follow()
    allowed = 0
    for what, how in story:
        if what == "wait":
            line.wait(how)
            allowed += how * DRIFT // 1_000_000 + 1
        elif what == "set":
            line.true += how
            allowed += abs(how)
        else:
            line.there, line.back = how
            took = line.there + line.back
            line.is_silent = what == "silence"
            drifted = took * DRIFT // 1_000_000 + 2
            if line.is_silent:
                with pytest.raises(StoreUnavailableError):
                    clock.follow()
                allowed += drifted
            else:
                clock.follow()
                allowed = took + drifted
        assert line.wrong(clock) <= allowed + CUT


@given(trips=st.lists(st.tuples(TRIPS, TRIPS), min_size=2, max_size=20))
def test_no_answer_makes_it_worse_however_late_it_comes(trips):
    line = Line()
    clock = clock_on(line)
    before = None
    for line.there, line.back in trips:
        clock.follow()
        wrong = line.wrong(clock)
        assert before is None or wrong <= before + CUT
        before = wrong


@given(first=st.tuples(TRIPS, TRIPS), there=TRIPS, back=TRIPS)
def test_it_does_not_move_while_the_answer_may_be_what_it_says_itself(first, there, back):
    line = Line()
    clock = clock_on(line)
    line.there, line.back = first
    clock.follow()
    line.there, line.back = there, back
    said = clock.now()
    off = (said - EPOCH) // timedelta(microseconds=1) * MICROSECOND - line.true
    moved = clock.follow()
    passed = timedelta(microseconds=(there + back) // MICROSECOND)
    if -back + CUT <= off <= there - CUT:
        assert moved == timedelta(0)
    assert abs(clock.now() - said - passed - moved) <= timedelta(microseconds=2)


@pytest.mark.parametrize("hours", [1, -1])
def test_the_databases_clock_is_followed_when_it_is_set(hours):
    line = Line(there=SECOND // 1000, back=SECOND // 1000)
    clock = clock_on(line)
    clock.follow()
    line.true += hours * 3_600 * SECOND
    moved = clock.follow()
    assert abs(moved - timedelta(hours=hours)) <= timedelta(milliseconds=2)
    assert line.wrong(clock) <= 2 * SECOND // 1000


def test_it_is_asked_once_and_then_never_by_those_who_want_to_know():
    line = Line()
    clock = clock_on(line)
    for _ in range(100):
        line.wait(SECOND)
        clock.now()
    assert line.asked == 1


def test_who_was_never_told_says_nothing():
    """There is no falling back on the machine's clock."""
    line = Line(is_silent=True)
    clock = clock_on(line)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            clock.now()
    line.is_silent = False
    assert clock.now() == NOON


def test_who_was_told_once_goes_on_through_silence():
    line = Line()
    clock = clock_on(line)
    clock.now()
    line.is_silent = True
    with pytest.raises(StoreUnavailableError):
        clock.follow()
    line.wait(60 * SECOND)
    assert clock.now() == NOON + timedelta(minutes=1)


def test_nobody_waits_for_whoever_asks():
    """Who asks may wait for a connection, and who has it for the time."""
    asking, answered = threading.Event(), threading.Event()

    def ask():
        if asking.is_set():
            return NOON
        asking.set()
        assert answered.wait(10)
        return NOON

    clock = AnchoredClock(ask, lambda: 0)
    with ThreadPoolExecutor(1) as other:
        late = other.submit(clock.now)
        assert asking.wait(10)
        assert clock.now() == NOON
        assert not late.done()
        answered.set()
        assert late.result(10) == NOON


def test_threads_that_want_to_know_at_once_are_all_told():
    begin = datetime.now(UTC)
    clock = AnchoredClock(lambda: datetime.now(UTC))
    with ThreadPoolExecutor(8) as callers:
        told = [
            *callers.map(lambda n: clock.now() if n % 10 else begin + clock.follow(), range(2_000))
        ]
    wrong = [each for each in told if abs(each - begin) > timedelta(seconds=10)]
    assert not wrong
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize(("there", "back"), [(0, 3_600), (3_600, 0), (20, 20)])
def test_a_first_answer_that_was_long_under_way_is_asked_for_again(there, back):
    """A process that was stopped meanwhile, or a database: half of that is nobody's time."""
    line = Line(there=there * SECOND, back=back * SECOND)

    def ask():
        told = line.ask()
        line.there = line.back = SECOND // 1000
        return told

    clock = AnchoredClock(ask, lambda: line.stopwatch)
    clock.now()
    assert line.wrong(clock) <= SECOND // 1000 + CUT
    assert line.asked == 2


def test_where_all_first_answers_are_long_under_way_the_quickest_is_taken():
    line, trips = Line(), iter([9, 3, 8])

    def ask():
        line.back = next(trips) * SECOND
        return line.ask()

    clock = AnchoredClock(ask, lambda: line.stopwatch)
    clock.now()
    assert line.wrong(clock) <= 3 * SECOND // 2 + CUT


def test_who_hears_nothing_after_a_first_late_answer_was_never_told():
    line = Line(back=60 * SECOND)

    def ask():
        line.is_silent = line.asked == 1
        return line.ask()

    clock = AnchoredClock(ask, lambda: line.stopwatch)
    with pytest.raises(StoreUnavailableError):
        clock.now()
    line.back = 0
    assert clock.now() - NOON >= timedelta(minutes=2)
    assert line.wrong(clock) <= CUT


def test_what_a_machine_has_slept_has_passed(monkeypatch):
    """Its monotonic clock stands still meanwhile: `clock_gettime(2)`, CLOCK_BOOTTIME."""
    slept, of_machine = {}, time.clock_gettime_ns
    monkeypatch.setattr(time, "clock_gettime_ns", lambda id: of_machine(id) + slept.get(id, 0))
    clock = AnchoredClock(lambda: NOON)
    before = clock.now()
    slept[time.CLOCK_BOOTTIME] = 3_600 * SECOND
    assert clock.now() - before >= timedelta(hours=1)
