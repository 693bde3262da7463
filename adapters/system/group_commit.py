"""Waiting commands share a transaction (ADR 23).

Whoever finds a place free leads: takes the next turn of the line, its own command among others',
and commits it.  Whoever comes meanwhile waits in the line, and one of them leads the next turn.
So a lone command goes at once, nobody waits for a timer, and the busier it is the more commands
share one commit.

Those who were served wake one another, and the last one wakes the leader, who gives up its place
then: threads that wake all at once fight for the interpreter, and whoever comes back at once with
its next command shares the next turn.

Whoever waits on an event loop holds no thread (ADR 52): where one of them is to lead, a thread of
ours does it in its name, and all who were served on a loop are told at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Generic, TypeVar, cast
from weakref import WeakSet

from attrs import define, field, frozen

from application.metered.line import Line
from application.ports.storage.work import StoreUnavailableError
from application.ports.together import Together
from domain.identifiers import OrganisationId

log = logging.getLogger(__name__)

C = TypeVar("C")
A = TypeVar("A")

#: Seconds that a turn may take before somebody else begins beside it; and that anybody waits to be
#: woken before looking for itself.
PATIENCE = 0.05

#: Commits the commands of several organisations in one transaction, and answers each in its
#: place.  An organisation that could not be served together with others is left out; alone it is
#: served.  Where it raises nothing of them is kept, unless it is `StoreUnavailableError`: then
#: nobody knows.
Commit = Callable[[Mapping[OrganisationId, Sequence[C]]], Mapping[OrganisationId, Sequence[A]]]


@define(eq=False)
class _Ticket(Generic[C, A]):
    """Somebody in the line."""

    command: C
    #: Has a place, and is to lead the next turn.
    is_called: bool = False
    is_leading: bool = False
    #: Has an outcome.  Whoever was served is not called any more.
    is_served: bool = False
    answer: A | None = None
    error: Exception | None = None

    def outcome(self) -> A:
        if self.error is not None:
            raise self.error
        return cast("A", self.answer)


@define(eq=False)
class _Caller(_Ticket[C, A]):
    """Waits in a thread of its own."""

    #: Says that something has changed.
    bell: SimpleQueue[None] = field(factory=SimpleQueue)
    #: Who is to be woken after it.
    round: _Round | None = None


@define(eq=False)
class _Task(_Ticket[C, A]):
    """Waits on an event loop."""

    loop: AbstractEventLoop = field(kw_only=True)
    future: Future[A] = field(kw_only=True)
    #: Whoever leads in its name does so within what is asked for.
    context: Context = field(factory=copy_context)

    def tell(self) -> None:
        """On its loop.  Whoever has gone away is not told."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast("A", self.answer))


@define(eq=False)
class _Round:
    """Those of a turn who wait to be woken.  All of them have an outcome when it begins.

    So where one is interrupted and wakes nobody, the others are late by `PATIENCE`, and not lost.
    """

    waiting: deque[SimpleQueue[None]] = field(factory=deque)
    _end: SimpleQueue[None] = field(factory=SimpleQueue)

    def go_on(self) -> None:
        """Wake the next one; whoever was woken does it."""
        try:
            bell = self.waiting.popleft()
        except IndexError:
            bell = self._end
        bell.put(None)

    def go_round(self) -> None:
        """Wake all of them, and wait until they are."""
        if self.waiting:
            self.go_on()
            with suppress(Empty):
                self._end.get(timeout=PATIENCE)


@define(eq=False)
class GroupCommit(Together[C, A]):
    commit: Commit[C, A]
    #: How many turns are committed at once; each takes a connection.  A turn costs much by itself:
    #: one of many commands is cheaper, and serves more, than two of half as many.
    most_leaders: int = 1
    #: How many more are committed while turns take longer than `PATIENCE`: somebody else is at a
    #: wallet, or the disk is slow, and that keeps nobody else's turn from beginning.
    most_aside: int = 4
    most_organisations: int = 64
    #: Commands of one organisation in one turn.
    most_each: int = 64
    _line: Line[_Ticket[C, A]] = field(factory=Line)
    _leaders: int = 0
    #: When the turns that are being committed began.
    _begun: dict[object, float] = field(factory=dict)
    #: Loops on which somebody looks every `PATIENCE` whether another turn may begin.
    _watching: WeakSet[AbstractEventLoop] = field(factory=WeakSet)
    _lock: Lock = field(factory=Lock)
    #: Have led in the name of those who have no thread, and will again: one thread each.
    _resting: list[ThreadPoolExecutor] = field(factory=list)

    def soon(self, organisation: OrganisationId, command: C) -> Awaitable[A]:
        loop = asyncio.get_running_loop()
        ticket: _Task[C, A] = _Task(command, loop=loop, future=loop.create_future())
        with self._lock:
            self._line = self._line.joined(organisation, ticket)
            self._call_another()
            if loop not in self._watching:
                self._watching.add(loop)
                # Within nothing: it goes on when what this is asked within is long over.
                loop.call_later(PATIENCE, self._look, loop, context=Context())
        return ticket.future

    def _look(self, loop: AbstractEventLoop) -> None:
        with self._lock:
            self._call_another()
            if self._line.waiting:
                loop.call_later(PATIENCE, self._look, loop)
            else:
                self._watching.discard(loop)

    def _lead_for(self, task: _Task[C, A], thread: ThreadPoolExecutor) -> None:
        """Lead in the name of *task*, in *thread* of ours; then in that of who comes next."""
        while True:
            try:
                # It may be called again before this thread is out of it.
                task.context.copy().run(self._take_turn, task)
            except BaseException:
                # Those of the turn have heard that it was interrupted: nobody waits for us here.
                log.exception("a turn was interrupted")
                self._leave(thread)
                raise
            with self._lock:
                self._leaders -= 1
                first = self._chosen()
                if not isinstance(first, _Task):
                    self._resting.append(thread)
                    self._call(first)
                    return
                task = first

    def __call__(self, organisation: OrganisationId, command: C) -> A:
        ticket: _Caller[C, A] = _Caller(command)
        with self._lock:
            self._line = self._line.joined(organisation, ticket)
            self._call_another()
        try:
            while True:
                is_served = ticket.is_served
                if ticket.is_called:
                    self._lead(ticket)
                elif is_served:
                    return ticket.outcome()
                else:
                    self._await(ticket)
        finally:
            if ticket.round is not None:
                ticket.round.go_on()

    def _await(self, ticket: _Caller[C, A]) -> None:
        try:
            ticket.bell.get(timeout=PATIENCE)
        except Empty:
            with self._lock:
                self._call_another()

    def _lead(self, leader: _Caller[C, A]) -> None:
        """One turn, then the place goes to somebody who waits."""
        try:
            self._take_turn(leader)
        finally:
            self._leave()

    def _take_turn(self, leader: _Ticket[C, A]) -> None:
        """Nothing, where somebody else has served the leader meanwhile."""
        turn: Mapping[OrganisationId, Sequence[_Ticket[C, A]]] = {}
        with self._lock:
            leader.is_called = False
            if not leader.is_served:
                leader.is_leading = True
                turn, self._line = self._line.turn(
                    most_organisations=self.most_organisations, most_each=self.most_each
                )
                self._call_another()
        try:
            if turn:
                self._serve(turn)
        except BaseException as error:
            _tell(turn, StoreUnavailableError(f"interrupted: {type(error).__name__}"))
            raise
        finally:
            leader.is_leading = False

    def _leave(self, thread: ThreadPoolExecutor | None = None) -> None:
        with self._lock:
            self._leaders -= 1
            if thread is not None:
                self._resting.append(thread)
            self._call_another()

    def _call_another(self) -> None:
        self._call(self._chosen())

    def _chosen(self) -> _Ticket[C, A] | None:
        """The first who waits, who is to lead; None: there is no place, or nobody.

        One who was called already calls the next one itself, as soon as it has its turn.
        """
        first = self._line.first
        if first is None or first.is_called:
            return None
        if self._leaders >= self.most_leaders + self._stuck():
            return None
        first.is_called = True
        self._leaders += 1
        return first

    def _call(self, ticket: _Ticket[C, A] | None) -> None:
        if isinstance(ticket, _Task):
            self._call_for(ticket)
        elif isinstance(ticket, _Caller):
            ticket.bell.put(None)

    def _call_for(self, task: _Task[C, A]) -> None:
        thread = self._resting.pop() if self._resting else _thread()
        try:
            thread.submit(self._lead_for, task, thread)
        except RuntimeError as error:
            # The system has no more threads now.  Whoever looks next calls it again.
            task.is_called = False
            self._leaders -= 1
            log.warning("nobody leads: %s", error)

    def _serve(self, turn: Mapping[OrganisationId, Sequence[_Ticket[C, A]]]) -> None:
        """Serve all of *turn*; whoever is done may have its next turn at once."""
        waiting = set(turn)
        try:
            self._serve_all(turn, waiting)
        finally:
            self._finish(waiting, waiting)

    def _serve_all(
        self,
        turn: Mapping[OrganisationId, Sequence[_Ticket[C, A]]],
        waiting: set[OrganisationId],
    ) -> None:
        try:
            with self._noted():
                answers = self.commit(
                    {id: [ticket.command for ticket in tickets] for id, tickets in turn.items()}
                )
        except StoreUnavailableError as error:
            _tell(turn, error)
        except Exception as error:  # noqa: BLE001 - whoever it is about hears it
            each = [(id, ticket) for id, tickets in turn.items() for ticket in tickets]
            if len(each) == 1:
                _tell(turn, error)
                return
            # Nothing was kept, so each may go again, alone.
            for id, ticket in each:
                self._serve_all({id: (ticket,)}, set())
        else:
            _answer(turn, answers)
            self._finish(waiting, answers)
            for id in turn.keys() - answers.keys():
                self._serve_all({id: turn[id]}, waiting)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        turn = object()
        with self._lock:
            self._begun[turn] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._begun[turn]

    def _stuck(self) -> int:
        """How many leaders take long, as far as others may go on for them."""
        if self._leaders < self.most_leaders:
            return 0
        since = time.monotonic() - PATIENCE
        return min(self.most_aside, sum(began <= since for began in self._begun.values()))

    def _finish(
        self, waiting: set[OrganisationId], organisations: Iterable[OrganisationId]
    ) -> None:
        """Those of *waiting* have had their turn."""
        with self._lock:
            done = waiting & set(organisations)
            waiting -= done
            self._line = self._line.finished(done)
            self._call_another()


def _thread() -> ThreadPoolExecutor:
    """Starts with its first work, and is waited for when the process ends.

    One that could not start has that work before it for ever, and is given up with it.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="group commit")


def _answer(
    turn: Mapping[OrganisationId, Sequence[_Ticket[C, A]]],
    answers: Mapping[OrganisationId, Sequence[A]],
) -> None:
    round = _Round()
    served: list[_Ticket[C, A]] = []
    for id, given in answers.items():
        for ticket, answer in zip(turn[id], given, strict=True):
            ticket.answer = answer
            if isinstance(ticket, _Caller):
                ticket.round = round
            ticket.is_served = True
            served.append(ticket)
    told = _tell_loops([ticket for ticket in served if isinstance(ticket, _Task)])
    # Whoever leads sees that it was served when its own turn is over, and is not waited for.
    # Those who begin to lead after this do not: they have seen it.
    callers = [ticket for ticket in served if isinstance(ticket, _Caller)]
    round.waiting.extend([ticket.bell for ticket in callers if not ticket.is_leading])
    round.go_round()
    told.wait()


def _tell(turn: Mapping[OrganisationId, Sequence[_Ticket[C, A]]], error: Exception) -> None:
    """Of all of *turn* those who have no outcome; on loops nobody looks whether there is one."""
    everybody = [ticket for tickets in turn.values() for ticket in tickets]
    told = [ticket for ticket in everybody if not ticket.is_served]
    for ticket in told:
        ticket.error = error if len(told) == 1 else _again(error)
        ticket.is_served = True
    for ticket in told:
        if isinstance(ticket, _Caller):
            ticket.bell.put(None)
    # Also those who were answered by a leader that was interrupted before it could say so.
    _tell_loops([ticket for ticket in everybody if isinstance(ticket, _Task)])


@frozen
class _Told:
    """Loops that are told of outcomes, each in one message: that costs as much as all the rest."""

    loops: Collection[AbstractEventLoop]
    _ended: SimpleQueue[None] = field(factory=SimpleQueue)

    def tell(self, tasks: Sequence[_Task[Any, Any]]) -> None:
        """On their loop.  What is said to it here comes when all of *tasks* have gone on."""
        for task in tasks:
            task.tell()
        tasks[0].loop.call_soon(self._ended.put, None)

    def wait(self) -> None:
        """Until all of them have gone on; they may have come back by then."""
        with suppress(Empty):
            for _ in self.loops:
                self._ended.get(timeout=PATIENCE)


def _tell_loops(tasks: Sequence[_Task[Any, Any]]) -> _Told:
    loops: dict[AbstractEventLoop, list[_Task[Any, Any]]] = {}
    for task in tasks:
        loops.setdefault(task.loop, []).append(task)
    told = _Told(loops.keys())
    for loop, those in loops.items():
        # One that was closed has nobody who waits, and is not waited for longer than `PATIENCE`.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(told.tell, those)
    return told


def _again(error: Exception) -> Exception:
    """An exception of each caller's own: raising writes a traceback into it.

    Not every one is made of its `args`; those that several hear of are: `StoreUnavailableError`.
    """
    copy = type(error)(*error.args)
    copy.__cause__ = error
    return copy
