"""Who runs next, and what time it is: cooperative, virtual, and the same for the same seed.

An *actor* is a piece of ordinary code in a greenlet of its own.  It runs until it sleeps, waits,
or comes to a point where the scheduler lets somebody else go on.  Time passes only when nobody
can run.  A *group* is what dies together: a process.

Whoever polls says so (`idle`), and is asked less often the longer nothing has happened: thousands
of quiet hours cost little.  Whatever happens (`touch`) makes everybody poll at their own pace
again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from attrs import define, field
from greenlet import getcurrent, greenlet

#: No poll is put off for longer than this, in seconds.
LONGEST_QUIET = 4 * 3600.0
#: The share of a quiet time that a poll may be put off for.
_STRETCH = 1.0
#: Whoever does so much in no time will never be done.
MOST_STILL = 30_000


class Died(BaseException):
    """Of a process that dies; not an Exception, so that nobody catches it on the way down."""


class StuckError(Exception):
    """The history does not come to an end."""


@define(eq=False)
class Group:
    """What dies and stands still together."""

    name: str
    actors: list[Actor] = field(factory=list)
    is_dead: bool = False
    #: In virtual seconds: nothing of it runs before.
    frozen_until: float = 0.0


@define(eq=False)
class Actor:
    name: str
    group: Group
    greenlet: greenlet
    #: Which of its timers counts; others are over.
    timer: int = 0
    #: What it polls at, and when it does so next; None: it does not poll.
    pace: float | None = None
    until: float = 0.0
    woken: bool = False
    is_over: bool = False


@define(eq=False)
class Scheduler:
    random: Random
    #: How likely somebody else goes on at a point.
    restlessness: float = 0.2
    #: Nobody polls more often than after so many seconds, however idle.
    pace: float = 0.0
    now: float = 0.0
    #: How often somebody went on.
    turns: int = 0
    most_turns: int = 5_000_000
    current: Actor | None = None
    #: What ended an actor that should have caught it.
    fell: Callable[[str, BaseException], None] = lambda _name, _error: None
    _ready: list[Actor] = field(factory=list)
    _timers: list[tuple[float, int, Actor]] = field(factory=list)
    _numbers: Any = field(factory=lambda: count(1))
    _polling: dict[Actor, None] = field(factory=dict)
    _doomed: list[Group] = field(factory=list)
    _touched_at: float = 0.0
    #: How often somebody came to a point since the time last moved.
    _still: int = 0
    _still_at: float = 0.0
    _hub: greenlet = field(factory=getcurrent)

    # What actors do.

    def point(self) -> None:
        """Somebody else may go on here."""
        actor = self.current
        if actor is None:
            return
        if actor.group.is_dead:
            raise Died(actor.name)
        self._still = self._still + 1 if self._still_at == self.now else 0
        self._still_at = self.now
        if self._still > MOST_STILL:
            self._leave(actor)
        if actor.group.frozen_until > self.now:
            self._sleep(actor, actor.group.frozen_until - self.now)
        elif self.restlessness and self.random.random() < self.restlessness:
            self._ready.append(actor)
            self._leave(actor)

    def sleep(self, seconds: float) -> None:
        if self.current is not None:
            self._sleep(self.current, seconds)

    def idle(self, seconds: float) -> None:
        """Until the next poll."""
        seconds = max(seconds, self.pace)
        actor = self.current
        if actor is None:
            return
        quiet = (self.now - self._touched_at) * _STRETCH
        if quiet > seconds:
            actor.pace = seconds
            self._polling[actor] = None
            seconds = min(quiet, max(seconds, LONGEST_QUIET))
        try:
            self._sleep(actor, seconds)
        finally:
            self._polling.pop(actor, None)
            actor.pace = None

    def wait(self, seconds: float | None) -> bool:
        """Until somebody wakes this actor; False: nobody did in time."""
        actor = self.current
        if actor is None:
            raise AssertionError("nobody else could end this waiting")
        actor.woken = False
        if seconds is None:
            self._leave(actor)
        else:
            self._sleep(actor, seconds)
        return actor.woken

    def wake(self, actor: Actor) -> None:
        if not actor.is_over:
            actor.woken = True
            actor.timer = 0
            if actor not in self._ready:
                self._ready.append(actor)

    # What is done to them.

    def spawn(self, name: str, group: Group, act: Callable[[], object]) -> Actor:
        def run() -> None:
            try:
                if not group.is_dead:
                    act()
            except Died:
                pass
            except Exception as error:  # noqa: BLE001 - it is told, and fails the episode
                self.fell(name, error)
            finally:
                actor.is_over = True
                if actor in group.actors:
                    group.actors.remove(actor)

        actor = Actor(name=name, group=group, greenlet=greenlet(run, self._hub))
        group.actors.append(actor)
        self._ready.append(actor)
        return actor

    def kill(self, group: Group) -> None:
        """Whoever is in the middle of something in there does not come to its end."""
        group.is_dead = True
        self._doomed.append(group)

    def touch(self) -> None:
        """Something has happened: whoever polls does so at their own pace again."""
        self._touched_at = self.now
        for actor in [*self._polling]:
            if actor.pace is not None and actor.until > self.now + actor.pace:
                self._set(actor, actor.pace * self.random.random())

    def at(self, instant: float, group: Group, name: str, act: Callable[[], object]) -> None:
        """Have *act* done at *instant*."""

        def later() -> None:
            self.sleep(instant - self.now)
            act()

        self.spawn(name, group, later)

    def run(self, until: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Raises: StuckError."""
        while not is_over():
            self.bury()
            if self._still > MOST_STILL:
                raise StuckError(f"something goes round and round at {self.now:.0f} s")
            if self._ready:
                self._go_on(self._ready.pop(self.random.randrange(len(self._ready))))
                continue
            if not self._timers or self._timers[0][0] > until:
                self.now = until
                return
            instant, number, actor = heapq.heappop(self._timers)
            if actor.timer == number and not actor.is_over:
                self.now = max(self.now, instant)
                actor.timer = 0
                self._ready.append(actor)

    # Inside.

    def _go_on(self, actor: Actor) -> None:
        if actor.is_over:
            return
        if actor.group.frozen_until > self.now and not actor.group.is_dead:
            self._set(actor, actor.group.frozen_until - self.now)
            return
        self.turns += 1
        if self.turns > self.most_turns:
            raise StuckError(f"{self.turns} turns, and it is {self.now:.0f} s")
        self.current = actor
        try:
            actor.greenlet.switch()
        finally:
            self.current = None

    def bury(self) -> None:
        """Whoever was killed ends now."""
        while self._doomed:
            group = self._doomed.pop()
            for actor in [*group.actors]:
                actor.timer = 0
                self._polling.pop(actor, None)
                # Also one that was never begun has to come to its end.
                if actor.greenlet and not actor.is_over:
                    self.current = actor
                    try:
                        actor.greenlet.throw(Died(actor.name))
                    finally:
                        self.current = None
                actor.is_over = True
            group.actors.clear()
            self._ready = [each for each in self._ready if not each.is_over]

    def _sleep(self, actor: Actor, seconds: float) -> None:
        self._set(actor, seconds)
        self._leave(actor)

    def _set(self, actor: Actor, seconds: float) -> None:
        number = next(self._numbers)
        actor.timer, actor.until = number, self.now + max(0.0, seconds)
        heapq.heappush(self._timers, (actor.until, number, actor))

    def _leave(self, actor: Actor) -> None:
        if actor.group.is_dead:
            raise Died(actor.name)
        self._hub.switch()
        if actor.group.is_dead:
            raise Died(actor.name)
