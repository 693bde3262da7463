"""One Stripe account in one mode: what it holds, what it has told, and what time it is.

A moment is a whole number of seconds since 1970.  Time stands still until somebody advances it:
the account's own clock, or a test clock with the customers that were created on it.  What is due
on the way (a cycle, an expiry, a retry) is done at its moment, in order.

Every change of an object is told by an event that has the object as it was then; objects are
changed only through `change` and `create`, and told of by `emit`.
"""

import heapq
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from entrypoints.devnet.stripe.errors import missing
from entrypoints.devnet.stripe.records import Identifiers, Record, copied

API_VERSION = "2026-10-28.endive"
#: Events can be listed for 30 days.
EVENTS_ARE_KEPT = 30 * 86_400
#: 2026-01-01T00:00:00Z
START = 1_767_225_600

#: The request of an event that no request has caused.
NOBODY: Record = {"id": None, "idempotency_key": None}

Action = Callable[["Account", str], None]


class Listener(Protocol):
    """Somebody to whom events are brought: a webhook endpoint."""

    def wants(self, type: str) -> bool: ...  # noqa: A002 - Stripe's name

    def offer(self, event: Record) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Dunning:
    """What happens to an invoice of a subscription that could not be paid.

    Retried so many seconds after the failure before; then the subscription ends as `final`:
    canceled, unpaid, or past_due for as long as nobody does anything.
    """

    retries_after: Sequence[int] = (3 * 86_400, 5 * 86_400, 7 * 86_400)
    final: str = "canceled"


@dataclass
class Clock:
    now: int
    #: What is to be done: when, a number that keeps the order, what, and to which object.
    due: list[tuple[int, int, Action, str]] = field(default_factory=list)


@dataclass
class Refusals:
    """How a customer's next payments fail; `times` is None for all of them."""

    code: str
    times: int | None


class Account:
    """Not for several threads at once, except under `lock`; the routes and controls take it."""

    def __init__(
        self,
        *,
        seed: int | str,
        now: int = START,
        livemode: bool = False,
        dunning: Dunning | None = None,
        wall_clock: Callable[[], float] | None = None,
    ) -> None:
        """With a wall clock, time passes by itself too, and is looked up at every request."""
        self.lock = threading.RLock()
        self.livemode = livemode
        self.ids = Identifiers(seed, livemode=livemode)
        self.dunning = dunning or Dunning()
        self.api_version = API_VERSION
        #: Where a customer's browser is sent.
        self.pages_url = "https://stripe.invalid"
        self.events: deque[Record] = deque()
        #: How many endpoints an event has still to reach; what reached all is not in here.
        self.undelivered: Counter[str] = Counter()
        #: Are told of every event as it happens.
        self.listeners: list[Listener] = []
        #: The request that is being answered, for the events it causes.
        self.request: Record = dict(NOBODY)
        self.refusals: dict[str, Refusals] = {}
        #: What a checkout session's payment or subscription is to be given, by session.
        self.plans: dict[str, Record] = {}
        self._wall_clock = wall_clock
        self._ahead = 0
        self._objects: dict[str, dict[str, Record]] = {}
        self._belongings: dict[tuple[str, str], list[Record]] = {}
        self._clocks: dict[str | None, Clock] = {None: Clock(now)}
        self._clock_of_event: dict[str, str | None] = {}
        self._order = 0
        self.catch_up()

    # Time

    @property
    def now(self) -> int:
        return self._clocks[None].now

    def time_of(self, clock: str | None) -> int:
        """What time it is for the customers of a test clock; without one, for everybody else."""
        return self._clocks[clock].now

    def add_clock(self, id: str, now: int) -> None:
        self._clocks[id] = Clock(now)

    def remove_clock(self, id: str) -> None:
        self._clocks[id].due.clear()

    def after(self, clock: str | None, moment: int, action: Action, id: str) -> None:
        """Do this at a moment; the action looks whether it is still called for."""
        self._order += 1
        heapq.heappush(self._clocks[clock].due, (moment, self._order, action, id))

    def next_due(self, clock: str | None = None) -> int | None:
        due = self._clocks[clock].due
        return due[0][0] if due else None

    def advance(self, seconds: int) -> None:
        """Let the account's own clock run."""
        if self._wall_clock is not None:
            self._ahead += seconds
            self.catch_up()
        else:
            self.advance_to(self.now + seconds)

    def catch_up(self) -> None:
        """See what the wall clock says, where there is one."""
        if self._wall_clock is not None:
            self.advance_to(int(self._wall_clock()) + self._ahead)

    def advance_to(self, moment: int, clock: str | None = None) -> None:
        """Do what is due until then, each at its moment.  Time does not run backwards."""
        timeline = self._clocks[clock]
        # What time does, no request has asked for.
        asked, self.request = self.request, dict(NOBODY)
        while timeline.due and timeline.due[0][0] <= moment:
            at, _, action, id = heapq.heappop(timeline.due)
            timeline.now = max(timeline.now, at)
            action(self, id)
        timeline.now = max(timeline.now, moment)
        self.request = asked
        while self.events and self._is_forgotten(self.events[0]):
            gone = self.events.popleft()
            event: str = gone["id"]
            self._clock_of_event.pop(event)
            self.undelivered.pop(event, None)

    def _is_forgotten(self, event: Record) -> bool:
        now = self.time_of(self._clock_of_event[event["id"]])
        return bool(event["created"] < now - EVENTS_ARE_KEPT)

    # Objects

    def create(self, record: Record) -> Record:
        self._objects.setdefault(record["object"], {})[record["id"]] = record
        return record

    def find(self, kind: str, id: str) -> Record | None:
        return self._objects.get(kind, {}).get(id)

    def get(self, kind: str, id: str, param: str = "id") -> Record:
        """Raises: RefusedError, 404 resource_missing."""
        record = self.find(kind, id)
        if record is None:
            raise missing(kind, id, param)
        return record

    def all(self, kind: str) -> Iterator[Record]:
        """In the order in which they were created."""
        return iter(list(self._objects.get(kind, {}).values()))

    def file(self, record: Record, owner: str) -> None:
        """Note that an object belongs to another, so that it is found without looking at all."""
        self._belongings.setdefault((record["object"], owner), []).append(record)

    def of(self, kind: str, owner: str) -> list[Record]:
        """What was filed under the owner, in that order."""
        return [*self._belongings.get((kind, owner), ())]

    def remove(self, record: Record) -> None:
        self._objects[record["object"]].pop(record["id"], None)
        for (kind, _), records in self._belongings.items():
            if kind == record["object"] and record in records:
                records.remove(record)

    def anything(self, id: str) -> Record | None:
        """The object of this id, of whatever kind: ids are unique."""
        return next((kept[id] for kept in self._objects.values() if id in kept), None)

    def change(self, record: Record, /, **fields: Any) -> Record:
        """Set fields, and say what those were that are different now: `previous_attributes`."""
        previous = {
            name: copied(record.get(name))
            for name, value in fields.items()
            if record.get(name) != value
        }
        record.update(fields)
        return previous

    # Events

    def has_arrived(self, event: Record) -> None:
        """One endpoint has it; for the filter `delivery_success` of the list."""
        with self.lock:
            left = self.undelivered.get(event["id"], 0) - 1
            if left > 0:
                self.undelivered[event["id"]] = left
            else:
                self.undelivered.pop(event["id"], None)

    def emit(
        self, name: str, record: Record, previous: Record | None = None, clock: str | None = None
    ) -> Record:
        data: Record = {"object": copied(record)}
        if previous:
            data["previous_attributes"] = previous
        listeners = [each for each in self.listeners if each.wants(name)]
        event: Record = {
            "id": self.ids.next("event"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.time_of(clock),
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": len(listeners),
            "request": dict(self.request),
            "type": name,
        }
        self.events.append(event)
        self._clock_of_event[event["id"]] = clock
        if listeners:
            self.undelivered[event["id"]] = len(listeners)
        for listener in listeners:
            listener.offer(event)
        return event

    def update(
        self, event: str, record: Record, /, *, clock: str | None = None, **fields: Any
    ) -> Record:
        """Change and tell, unless nothing is different."""
        previous = self.change(record, **fields)
        if previous:
            self.emit(event, record, previous, clock)
        return record
