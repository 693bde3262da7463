"""Who waits is served in a fair order, by one of those who wait, and hears its own answer."""

import asyncio
import ctypes
import gc
import random
import subprocess
import sys
import threading
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from uuid import UUID

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from adapters.system import group_commit
from adapters.system.group_commit import GroupCommit
from application.metered.line import Line
from application.ports.storage.work import StoreUnavailableError
from domain.errors import MisuseError

A, B, C, D = (UUID(int=number) for number in range(1, 5))
ORGANISATIONS = (A, B, C, D)
WORD = "that"


# The line, as a value.

joins = st.tuples(st.just("join"), st.sampled_from(ORGANISATIONS))
turns = st.tuples(st.just("turn"), st.tuples(st.integers(1, 3), st.integers(1, 3)))
ends = st.tuples(st.just("end"), st.integers(0, 3))


@given(st.lists(st.one_of(joins, joins, turns, ends), max_size=60))
def test_everybody_is_served_once_and_in_the_order_of_arrival(steps):
    """Against lists: what came in, and what has come out, organisation by organisation."""
    line, came, went, open_turns = Line(), {id: [] for id in ORGANISATIONS}, Counter(), []
    for number, (step, what) in enumerate(steps):
        if step == "join":
            came[what].append(number)
            line = line.joined(what, number)
        elif step == "turn":
            most_organisations, most_each = what
            before = {id for turn in open_turns for id in turn}
            turn, line = line.turn(most_organisations=most_organisations, most_each=most_each)
            assert len(turn) <= most_organisations
            assert before.isdisjoint(turn)
            for id, items in turn.items():
                assert 1 <= len(items) <= most_each
                assert list(items) == came[id][went[id] : went[id] + len(items)]
                went[id] += len(items)
            open_turns += [turn] if turn else []
        elif open_turns:
            line = line.finished(open_turns.pop(what % len(open_turns)))
    for turn in open_turns:
        line = line.finished(turn)
    while line.first is not None:
        turn, line = line.turn(most_organisations=4, most_each=4)
        for id, items in turn.items():
            assert list(items) == came[id][went[id] : went[id] + len(items)]
            went[id] += len(items)
        line = line.finished(turn)
    assert {id: went[id] for id in ORGANISATIONS} == {id: len(came[id]) for id in ORGANISATIONS}
    assert line == Line()


@given(
    crowd=st.integers(1, 200),
    others=st.permutations((B, C, D)),
    most_organisations=st.integers(1, 4),
    most_each=st.integers(1, 8),
    arriving=st.integers(0, 8),
)
def test_a_crowd_keeps_nobody_else_waiting(crowd, others, most_organisations, most_each, arriving):
    """However many wait for A, and keep coming: at most one of A's turns comes before yours."""
    line = Line()
    for number in range(crowd):
        line = line.joined(A, number)
    for id in others:
        line = line.joined(id, "quiet")
    waited = 0
    while any(id in line.waiting for id in others):
        turn, line = line.turn(most_organisations=most_organisations, most_each=most_each)
        assert turn
        for number in range(arriving):
            line = line.joined(A, number)
        line = line.finished(turn)
        waited += 1
    # Four organisations in line, so many in each turn.
    assert waited <= -(-4 // most_organisations)


# The commit, with threads.


@define
class Book:
    """Answers each command with its own word, and keeps count."""

    turns: list[dict] = field(factory=list)
    kept: list = field(factory=list)
    at_once: int = 0
    most_at_once: int = 0
    busy: set = field(factory=set)
    lock: threading.Lock = field(factory=threading.Lock)
    is_open: threading.Event = field(factory=threading.Event)
    #: Commands that a commit does not survive.
    poison: set = field(factory=set)
    unknown: set = field(factory=set)

    def __attrs_post_init__(self):
        self.is_open.set()

    def __call__(self, batch):
        with self.lock:
            assert self.busy.isdisjoint(batch), "two turns of one organisation at once"
            self.busy |= batch.keys()
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.turns.append(batch)
        try:
            self.is_open.wait(10)
            commands = [command for each in batch.values() for command in each]
            if self.poison.intersection(commands):
                raise MisuseError(f"of {len(commands)}")
            if self.unknown.intersection(commands):
                raise StoreUnavailableError("the line is dead")
            with self.lock:
                self.kept += commands
            return {id: [(WORD, command) for command in each] for id, each in batch.items()}
        finally:
            with self.lock:
                self.busy -= batch.keys()
                self.at_once -= 1


def ask(group, organisation, command):
    """The answer, or what was raised."""
    try:
        return group(organisation, command)
    except (MisuseError, StoreUnavailableError) as error:
        return error


def call_often(group, number, times):
    """Of whichever organisation, and each time with an answer of its own."""
    chance = random.Random(number)
    for turn in range(times):
        command = (number, turn)
        assert group(chance.choice(ORGANISATIONS), command) == (WORD, command)


def crowd(group, commands):
    """The commands of a crowd that comes while the first turn lasts, in one organisation each."""
    with ThreadPoolExecutor(len(commands)) as threads:
        asked = [threads.submit(ask, group, id, command) for id, command in commands]
        wait_for(
            lambda: (
                sum(len(items) for items in group._line.waiting.values())
                + 1
                + sum(len(c) for t in group.commit.turns for c in t.values())
                > len(commands)
            )
        )
        group.commit.is_open.set()
        return [each.result(10) for each in asked]


def wait_for(condition):
    deadline = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        deadline.wait(0.001)
    raise AssertionError("it never came")


def test_a_lone_command_goes_at_once_in_its_own_thread():
    seen = []

    def commit(batch):
        seen.append(threading.current_thread())
        return {id: list(each) for id, each in batch.items()}

    assert GroupCommit(commit)(A, 7) == 7
    assert seen == [threading.current_thread()]


def test_those_who_come_meanwhile_share_the_next_commit():
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)
    answers = crowd(group, [(A, number) for number in range(20)])
    assert answers == [(WORD, number) for number in range(20)]
    assert [len(turn[A]) for turn in book.turns] == [1, 19]


def test_an_organisation_is_in_one_turn_at_a_time_and_leaders_are_few():
    book = Book()
    group = GroupCommit(book, most_leaders=3, most_aside=0, most_organisations=2, most_each=4)

    with ThreadPoolExecutor(24) as threads:
        list(threads.map(lambda number: call_often(group, number, 200), range(24)))
    assert Counter(book.kept).most_common(1)[0][1] == 1
    assert len(book.kept) == 24 * 200
    assert book.most_at_once <= 3
    assert (group._line, group._leaders) == (Line(), 0)


def test_one_callers_misuse_is_heard_by_nobody_else():
    book = Book(poison={5})
    book.is_open.clear()
    answers = crowd(
        GroupCommit(book, most_leaders=1, most_aside=0), [(A, number) for number in range(10)]
    )
    assert isinstance(answers.pop(5), MisuseError)
    assert answers == [(WORD, number) for number in range(10) if number != 5]
    assert sorted(book.kept) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_an_unknown_outcome_is_heard_by_everybody_of_the_turn():
    book = Book(unknown={5})
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)
    answers = crowd(group, [(ORGANISATIONS[number % 4], number) for number in range(10)])
    unheard = [answer for answer in answers if isinstance(answer, StoreUnavailableError)]
    assert len({id(answer) for answer in unheard}) == len(unheard) == 9
    # Whoever went alone before has an answer; nobody is left, and the next one is served.
    assert book.kept == [command for _, command in (a for a in answers if isinstance(a, tuple))]
    assert group(B, 99) == (WORD, 99)


def test_what_nobody_foresaw_keeps_nobody_waiting():
    def commit(_):
        raise KeyboardInterrupt

    group = GroupCommit(commit)
    with pytest.raises(KeyboardInterrupt):
        group(A, 1)
    group.commit = Book()
    assert group(A, 2) == (WORD, 2)


def test_who_waits_for_a_wallet_keeps_nobody_elses_turn_from_beginning():
    """Two organisations whose wallets somebody else has take both places; a third goes on."""
    is_free = threading.Event()

    def commit(turn):
        if {A, B} & turn.keys():
            if len(turn) > 1:
                # Together with others they are not waited for.
                return {id: commands for id, commands in turn.items() if id not in {A, B}}
            assert is_free.wait(30)
        return turn

    group = GroupCommit(commit, most_leaders=2)
    with ThreadPoolExecutor(4) as threads:
        stuck = [threads.submit(group, id, id) for id in (A, B, A)]
        assert [group(id, number) for number in range(5) for id in (C, D)] == [
            number for number in range(5) for _ in (C, D)
        ]
        assert not any(each.done() for each in stuck)
        is_free.set()
        assert [each.result() for each in stuck] == [A, B, A]
    assert (group._line, group._leaders, group._begun) == (Line(), 0, {})


def test_a_turn_that_takes_long_keeps_nobody_elses_from_beginning():
    """Also one of several organisations, and where there is one place only."""
    turns, is_free = [], threading.Event()

    def commit(turn):
        turns.append(set(turn))
        if A in turn:
            assert is_free.wait(30)
        return turn

    group = GroupCommit(commit, most_leaders=0)
    with ThreadPoolExecutor(2) as threads:
        stuck = [threads.submit(group, id, id) for id in (A, B)]
        wait_for(lambda: len(group._line.waiting) == 2)
        group.most_leaders = 1
        wait_for(lambda: turns == [{A, B}])
        assert [group(id, id) for id in (C, D, C)] == [C, D, C]
        assert not any(each.done() for each in stuck)
        is_free.set()
        assert [each.result(30) for each in stuck] == [A, B]
    assert (group._line, group._leaders, group._begun) == (Line(), 0, {})


# Waking those who were served.


def test_whoever_comes_back_at_once_shares_the_next_turn():
    """One leads and leaves last; all others of a turn are in line again when the next begins."""
    callers, times, sizes, disk = 8, 40, [], threading.Event()

    def commit(turn):
        sizes.append(len(turn[A]))
        disk.wait(0.002)
        return turn

    group = GroupCommit(commit, most_leaders=1)

    def call(number):
        for turn in range(times):
            assert group(A, (number, turn)) == (number, turn)

    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(call, range(callers)))
    assert sum(sizes) == callers * times
    # Twice as many where the next turn begins while they wake.
    assert len(sizes) < times * 1.5


def test_a_place_is_free_when_all_of_the_turn_were_woken():
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)
    places = []

    def call(number):
        answer = group(A, number)
        places.append(group._leaders)
        return answer

    with ThreadPoolExecutor(10) as threads:
        asked = [threads.submit(call, number) for number in range(10)]
        wait_for(lambda: len(group._line.waiting.get(A, ())) == 9)
        book.is_open.set()
        assert [each.result(10) for each in asked] == [(WORD, number) for number in range(10)]
    assert places.count(1) >= 8
    assert (group._line, group._leaders) == (Line(), 0)


def test_a_round_that_nobody_goes_on_with_loses_nobody(monkeypatch):
    monkeypatch.setattr(group_commit._Round, "go_on", lambda _: None)
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)
    answers = crowd(group, [(ORGANISATIONS[number % 4], number) for number in range(20)])
    assert answers == [(WORD, number) for number in range(20)]
    assert sorted(book.kept) == list(range(20))
    assert (group._line, group._leaders) == (Line(), 0)


def test_one_who_is_interrupted_while_waking_keeps_nobody_waiting():
    """An exception out of nowhere reaches a thread as soon as it is awake."""
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)
    names = {}

    def call(number):
        names[number] = threading.get_ident()
        return ask(group, A, number)

    with ThreadPoolExecutor(10) as threads:
        asked = [threads.submit(call, number) for number in range(10)]
        wait_for(lambda: len(group._line.waiting.get(A, ())) == 9)
        (first,) = book.turns[0][A]
        struck = (first + 5) % 10
        interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc
        assert interrupt(ctypes.c_ulong(names[struck]), ctypes.py_object(KeyboardInterrupt)) == 1
        book.is_open.set()
        with pytest.raises(KeyboardInterrupt):
            asked.pop(struck).result(10)
        assert all(each.result(10)[0] == WORD for each in asked)
    assert sorted(book.kept) == list(range(10))
    assert group(A, 10) == (WORD, 10)
    assert (group._line, group._leaders) == (Line(), 0)


# Those who wait on an event loop.

WHERE = ContextVar("where")


def on_a_loop(*asking):
    """What each of them gets, or what was raised."""

    async def gathered():
        return await asyncio.gather(*(each() for each in asking), return_exceptions=True)

    return asyncio.run(gathered())


async def passed(condition):
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


def arrived(group):
    """How many have come so far.  How many of a loop share its first turn is for the system."""
    waiting = sum(map(len, group._line.waiting.values()))
    return waiting + sum(len(each) for turn in group.commit.turns for each in turn.values())


def test_a_lone_command_of_a_loop_is_served_beside_it_and_within_what_is_asked_for():
    seen = []

    def commit(batch):
        seen.append((threading.current_thread(), WHERE.get()))
        return {id: list(each) for id, each in batch.items()}

    group = GroupCommit(commit)

    async def asked():
        WHERE.set("in a request")
        return await group.soon(A, 7)

    assert on_a_loop(asked) == [7]
    ((thread, where),) = seen
    assert thread is not threading.current_thread()
    assert where == "in a request"


def test_many_who_wait_on_a_loop_share_a_commit_and_hold_no_thread():
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)

    async def opens():
        await passed(lambda: arrived(group) == 64)
        assert (group._leaders, group._resting) == (1, [])
        book.is_open.set()

    asking = [lambda number=number: group.soon(A, number) for number in range(64)]
    *answers, none = on_a_loop(*asking, opens)
    assert none is None
    assert answers == [(WORD, number) for number in range(64)]
    assert len(book.turns) <= 2
    wait_for(lambda: (group._line, group._leaders) == (Line(), 0))
    (only,) = group._resting
    assert len(only._threads) == 1


def test_threads_and_tasks_of_several_loops_share_turns():
    book = Book()
    group = GroupCommit(book, most_leaders=2, most_aside=0, most_organisations=2, most_each=4)

    def loop(number):
        async def task(number):
            chance = random.Random(number)
            for turn in range(100):
                command = (number, turn)
                assert await group.soon(chance.choice(ORGANISATIONS), command) == (WORD, command)

        asking = [lambda each=each: task(each) for each in range(number, number + 6)]
        assert on_a_loop(*asking) == [None] * 6

    with ThreadPoolExecutor(10) as threads:
        work = [threads.submit(call_often, group, number, 100) for number in range(8)]
        work += [threads.submit(loop, number) for number in (100, 200)]
        for each in work:
            each.result(60)
    assert Counter(book.kept).most_common(1)[0][1] == 1
    assert len(book.kept) == 20 * 100
    assert book.most_at_once <= 2
    wait_for(lambda: (group._line, group._leaders) == (Line(), 0))


def test_on_a_loop_too_misuse_is_heard_by_nobody_else_and_what_is_unknown_by_everybody():
    book = Book(poison={5})
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)
    before = 0

    async def opens():
        await passed(lambda: arrived(group) == before + 10)
        book.is_open.set()

    asking = [lambda number=number: group.soon(A, number) for number in range(10)]
    *answers, none = on_a_loop(*asking, opens)
    assert none is None
    assert isinstance(answers.pop(5), MisuseError)
    assert answers == [(WORD, number) for number in range(10) if number != 5]

    wait_for(lambda: group._leaders == 0)
    before = arrived(group)
    book.unknown = {15}
    book.is_open.clear()
    asking = [lambda number=number: group.soon(A, number) for number in range(10, 20)]
    *answers, none = on_a_loop(*asking, opens)
    assert none is None
    (turn,) = (each[A] for each in book.turns if 15 in each.get(A, ()))
    unheard = [each for each in answers if isinstance(each, StoreUnavailableError)]
    assert len(set(map(id, unheard))) == len(unheard) == len(turn) > 1
    assert group(B, 99) == (WORD, 99)


def test_who_goes_away_from_a_loop_has_asked_all_the_same():
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)

    async def goes():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(group.soon(A, "gone"), 0.01)
        book.is_open.set()

    assert on_a_loop(goes, lambda: group.soon(A, "stays")) == [None, (WORD, "stays")]
    wait_for(lambda: sorted(book.kept) == ["gone", "stays"])
    # Nor does a loop that is closed keep anybody waiting.
    book.is_open.clear()

    async def leaves():
        left = group.soon(A, "left")
        await asyncio.sleep(0.01)
        assert not left.done()

    asyncio.run(leaves())
    book.is_open.set()
    assert group(A, "next") == (WORD, "next")
    assert book.kept[2:] == ["left", "next"]


def test_whoever_comes_back_at_once_on_a_loop_shares_the_next_turn():
    callers, times, sizes, disk = 8, 40, [], threading.Event()

    def commit(turn):
        sizes.append(len(turn[A]))
        disk.wait(0.002)
        return turn

    group = GroupCommit(commit, most_leaders=1)

    async def call(number):
        for turn in range(times):
            assert await group.soon(A, (number, turn)) == (number, turn)

    assert on_a_loop(*[lambda each=each: call(each) for each in range(callers)]) == [None] * 8
    assert sum(sizes) == callers * times
    assert len(sizes) < times * 1.5


def test_a_turn_that_takes_long_lets_those_on_a_loop_begin():
    is_free = threading.Event()

    def commit(turn):
        if A in turn:
            assert is_free.wait(30)
        return turn

    group = GroupCommit(commit, most_leaders=1)

    async def others():
        await passed(lambda: group._begun)
        assert [await group.soon(id, id) for id in (B, C, B)] == [B, C, B]
        is_free.set()

    assert on_a_loop(lambda: group.soon(A, A), others) == [A, None]
    wait_for(lambda: (group._line, group._leaders, group._begun) == (Line(), 0, {}))


def test_what_nobody_foresaw_is_heard_on_a_loop_and_told(caplog):
    class Strange(BaseException):
        pass

    def commit(_):
        raise Strange

    group = GroupCommit(commit)
    (heard,) = on_a_loop(lambda: group.soon(A, 1))
    assert isinstance(heard, StoreUnavailableError)
    wait_for(lambda: "Strange" in caplog.text)
    group.commit = Book()
    assert on_a_loop(lambda: group.soon(A, 2)) == [(WORD, 2)]


class SlowLoop(asyncio.SelectorEventLoop):
    """Hears late of what other threads have for it."""

    def call_soon_threadsafe(self, *what, **how):
        threading.Timer(0.01, super().call_soon_threadsafe, what, how).start()


def test_a_place_is_free_when_all_of_the_turn_have_gone_on_on_their_loop():
    group = GroupCommit(Book(), most_leaders=1, most_aside=0)
    places = []

    async def asked(number):
        answer = await group.soon(A, number)
        places.append(group._leaders)
        return answer

    async def ask():
        return await asyncio.gather(*(asked(number) for number in range(10)))

    with asyncio.Runner(loop_factory=SlowLoop) as runner:
        assert runner.run(ask()) == [(WORD, number) for number in range(10)]
    assert places == [1] * 10


def test_one_who_has_gone_away_keeps_nobody_of_the_turn_from_hearing():
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)

    async def some_stay():
        first = group.soon(A, 0)
        await passed(lambda: group._begun)
        gone, *stay = [group.soon(A, number) for number in (1, 2, 3)]
        gone.cancel()
        book.is_open.set()
        return await asyncio.wait_for(asyncio.gather(first, *stay), 10)

    assert on_a_loop(some_stay) == [[(WORD, 0), (WORD, 2), (WORD, 3)]]
    assert book.kept == [0, 1, 2, 3]


def test_one_who_has_an_answer_hears_it_where_there_is_none_for_the_next():
    """Whatever goes wrong behind a commit: nobody waits for ever."""
    group = GroupCommit(lambda turn: {id: [(WORD, each[0])] for id, each in turn.items()})
    group.most_leaders = group.most_aside = 0

    async def ask():
        asked = [group.soon(A, number) for number in range(3)]
        group.most_leaders = 1
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

    first, *others = asyncio.run(ask())
    assert first == (WORD, 0)
    assert [type(each) for each in others] == [StoreUnavailableError] * 2
    assert on_a_loop(lambda: group.soon(B, 1)) == [(WORD, 1)]


class UnlikeOthersError(Exception):
    """Is not made of what it says, as those of json and cattrs are not."""

    def __init__(self, what, *, of):
        super().__init__(f"{what} of {of}")


@pytest.mark.parametrize("asking", ["threads", "a loop"])
def test_whatever_one_commands_misuse_is_it_alone_hears_of_it(asking):
    def commit(turn):
        if any(5 in each for each in turn.values()):
            raise UnlikeOthersError("tea", of=len(turn))
        return turn

    group = GroupCommit(commit, most_leaders=0, most_aside=0)
    if asking == "threads":
        with ThreadPoolExecutor(10) as threads:
            asked = [threads.submit(group, A, number) for number in range(10)]
            wait_for(lambda: len(group._line.waiting.get(A, ())) == 10)
            group.most_leaders = 1
            answers = [each.exception(10) or each.result() for each in asked]
    else:

        async def opens():
            await passed(lambda: len(group._line.waiting.get(A, ())) == 10)
            group.most_leaders = 1

        asked = [lambda number=number: group.soon(A, number) for number in range(10)]
        *answers, _ = on_a_loop(*asked, opens)
    heard = answers.pop(5)
    assert isinstance(heard, UnlikeOthersError)
    assert str(heard) == "tea of 1"
    assert answers == [0, 1, 2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("times", [1, 3])
def test_where_no_thread_is_to_be_had_those_who_wait_are_served_when_there_is_one(
    monkeypatch, caplog, times
):
    """The system may have no more threads for a while: a limit of the container, or no memory."""
    start, refused = threading.Thread.start, []

    def starts(thread):
        if thread.name.startswith("group commit") and len(refused) < times:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starts)
    book = Book()
    group = GroupCommit(book, most_leaders=1, most_aside=0)

    async def ask():
        asked = [group.soon(id, id) for id in ORGANISATIONS]
        return await asyncio.wait_for(asyncio.gather(*asked), 10)

    assert asyncio.run(ask()) == [(WORD, id) for id in ORGANISATIONS]
    assert len(refused) == times
    assert sorted(book.kept) == sorted(ORGANISATIONS)
    assert "can't start new thread" in caplog.text
    wait_for(lambda: (group._line, group._leaders) == (Line(), 0))
    # As many places as before, for whoever waits in a thread too.
    assert group(A, 7) == (WORD, 7)
    assert (group._line, group._leaders) == (Line(), 0)


def test_what_a_request_was_within_is_forgotten_when_it_has_its_answer():
    """Also while others, who came later, go on waiting."""
    book = Book()
    book.is_open.clear()
    group = GroupCommit(book, most_leaders=1, most_aside=0)

    class Request:
        pass

    async def asked():
        request = Request()
        WHERE.set(request)
        assert await group.soon(A, 1) == (WORD, 1)
        return weakref.ref(request)

    async def ask():
        first = asyncio.create_task(asked())
        await passed(lambda: group._begun)
        second = group.soon(A, 2)
        group.most_leaders = 0
        book.is_open.set()
        request = await first
        del first
        await passed(lambda: group._leaders == 0)
        for _ in range(3):
            # The thread that has led lets go of it a moment later.
            await asyncio.sleep(group_commit.PATIENCE)
            gc.collect()
        assert request() is None
        assert not second.done()
        group.most_leaders = 1
        return await asyncio.wait_for(second, 10)

    assert asyncio.run(ask()) == (WORD, 2)


ENDING = """
import asyncio, threading
from uuid import UUID
from adapters.system.group_commit import GroupCommit

is_over = threading.Event()

def commit(turn):
    # The loop is closed, and the process about to end.
    assert is_over.wait(30)
    print("kept", sorted(command for each in turn.values() for command in each), flush=True)
    return turn

async def ask():
    group.soon(UUID(int=1), 1)
    while not group._begun:
        await asyncio.sleep(0.001)
    group.soon(UUID(int=1), 2)

group = GroupCommit(commit)
asyncio.run(ask())
is_over.set()
"""


def test_a_process_that_ends_does_so_when_all_that_was_asked_is_done():
    """Whoever stops to wait has asked all the same; and no commit is torn off."""
    done = subprocess.run(
        [sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "kept [1]\nkept [2]\n", "")
