"""Brings events to a webhook endpoint, as badly as Stripe may.

Order is not guaranteed, duplicates are possible, what is refused is sent again: for three days in
live mode, three times over some hours in test mode.  Time is the account's; nothing sleeps.
https://docs.stripe.com/webhooks
"""

import heapq
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entrypoints.devnet.stripe.account import Account
from entrypoints.devnet.stripe.faults import BEFORE, Plan
from entrypoints.devnet.stripe.old_version import as_before
from entrypoints.devnet.stripe.records import Record
from entrypoints.devnet.stripe.signatures import signed

#: Is handed the raw body and the headers, and answers with an HTTP status.
Receiver = Callable[[bytes, Mapping[str, str]], int]

_HOUR = 3_600
#: Seconds between a failure and the next attempt.
RETRIES = {
    False: (600, 2 * _HOUR, 4 * _HOUR),
    True: (300, 1_800, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, *[12 * _HOUR] * 4),
}
#: A signature's tolerance, in seconds.
TOLERANCE = 300
#: After this nothing is tried any more.
_LONGEST = 4 * 86_400


@dataclass(frozen=True, kw_only=True)
class Attempt:
    event: Record
    #: What goes wrong with this one; None: it is sent as it should be.
    fault: str | None
    #: Of BEFORE, what goes wrong with those after this one.
    then: tuple[str, ...]
    #: The other kinds that this event meets.
    kinds: tuple[str, ...]
    #: How many attempts failed before.
    failed: int = 0
    is_copy: bool = False


class Deliverer:
    """One endpoint.  `counts` are faults that really struck, `struck` says which met which event.

    `forgeries_accepted` names the faults whose forged or stale deliveries were answered with 2xx:
    it is empty for an endpoint that looks at signatures.
    """

    def __init__(
        self,
        account: Account,
        receiver: Receiver,
        secrets: Sequence[str],
        *,
        plan: Plan | None = None,
        types: Sequence[str] = ("*",),
        signing_clock: Callable[[], float] | None = None,
    ) -> None:
        """`types` are the events the endpoint asked for; one may end in a star.

        `signing_clock` says when a delivery is signed, in seconds since 1970, for endpoints whose
        own clock does not follow the account's; by default the account's.
        """
        self.account = account
        self.receiver = receiver
        self.secrets = tuple(secrets)
        self.plan = plan or Plan()
        self.types = tuple(types)
        self._signing_clock = signing_clock or (lambda: account.now)
        self.counts: Counter[str] = Counter()
        self.struck: dict[str, set[str]] = {}
        self.forgeries_accepted: list[str] = []
        #: Events that were given up: only the list has them.
        self.given_up: list[str] = []
        #: Event ids in the order in which they were first taken in.
        self.arrived: list[str] = []
        self._lock = threading.RLock()
        self._order = 0
        self._place: dict[str, int] = {}
        self._ready: list[tuple[int, int, Attempt]] = []
        self._waiting: list[tuple[int, int, Attempt]] = []
        account.listeners.append(self)

    # What the account tells

    def wants(self, type: str) -> bool:  # noqa: A002 - Stripe's name
        return any(
            type == each or (each.endswith("*") and type.startswith(each[:-1]))
            for each in self.types
        )

    def offer(self, event: Record) -> None:
        with self._lock:
            kinds = self.plan.choose(event)
            before = tuple(kind for kind in kinds if kind in BEFORE)
            others = tuple(kind for kind in kinds if kind not in BEFORE)
            self._place[event["id"]] = self._order
            attempt = _next_of(event, before, others)
            if "reorder" not in others:
                self._line_up(attempt)
            elif self.plan.random.random() < 0.5:
                # Some places further back in the line.
                self._line_up(attempt, 1 + self.plan.random.randrange(6))
            else:
                self._wait(attempt, self.plan.random.randint(1, 900))

    def _line_up(self, attempt: Attempt, further_back: int = 0) -> None:
        self._order += 1
        heapq.heappush(self._ready, (self._order + further_back, self._order, attempt))

    def _wait(self, attempt: Attempt, seconds: int) -> None:
        self._order += 1
        heapq.heappush(self._waiting, (self.account.now + seconds, self._order, attempt))

    # Time

    def deliver(self) -> int:
        """Send everything that is due now; tells how many attempts that were."""
        count = 0
        while (attempt := self._next()) is not None:
            self._send(attempt)
            count += 1
        return count

    def run(self, seconds: int) -> None:
        """Let time pass, with what happens in the account and what is to be sent, in order."""
        end = self.account.now + seconds
        while True:
            self.deliver()
            moments = [self.next_due(), self.account.next_due()]
            due = min((moment for moment in moments if moment is not None), default=None)
            if due is None or due > end:
                break
            self._to(due)
        self._to(end)
        self.deliver()

    def finish(self) -> None:
        """Let time pass until nothing is waiting to be sent, at most four days."""
        end = self.account.now + _LONGEST
        self.deliver()
        while (due := self.next_due()) is not None and due <= end:
            self._to(due)
            self.deliver()

    def _to(self, moment: int) -> None:
        with self.account.lock:
            self.account.advance(max(0, moment - self.account.now))

    def next_due(self) -> int | None:
        """When there is something to send; None: everything was sent or given up."""
        with self._lock:
            if self._ready:
                return self.account.now
            return self._waiting[0][0] if self._waiting else None

    def _next(self) -> Attempt | None:
        with self._lock:
            while self._waiting and self._waiting[0][0] <= self.account.now:
                self._line_up(heapq.heappop(self._waiting)[2])
            return heapq.heappop(self._ready)[2] if self._ready else None

    # One attempt

    def _send(self, attempt: Attempt) -> None:
        event = attempt.event
        if attempt.fault == "drop":
            self._strike(event, "drop")
            self.given_up.append(event["id"])
            return
        body, headers = self._written(attempt)
        if attempt.fault is None and "concurrent" in attempt.kinds and not attempt.is_copy:
            statuses = self._at_once(body, headers)
            self._strike(event, "concurrent")
        else:
            statuses = [self.receiver(body, headers)]
        was_taken = any(200 <= status < 300 for status in statuses)
        if attempt.fault is not None:
            self._strike(event, attempt.fault)
            if was_taken and attempt.fault != "answer_lost":
                self.forgeries_accepted.append(attempt.fault)
            self._retry(attempt, _next_of(event, attempt.then, attempt.kinds))
        elif was_taken:
            self._arrived(attempt)
        else:
            self._retry(attempt, attempt)

    def _written(self, attempt: Attempt) -> tuple[bytes, dict[str, str]]:
        event, fault = attempt.event, attempt.fault
        if "old_version" in attempt.kinds:
            with self.account.lock:
                event = as_before(self.account, event)
            if "old_version" not in self.struck.get(event["id"], ()):
                self._strike(event, "old_version")
        body = json.dumps(event).encode()
        moment = int(self._signing_clock())
        if fault == "late":
            moment -= self.plan.random.randint(TOLERANCE + 1, 86_400)
        secrets = ["whsec_nobodys"] if fault == "wrong_secret" else self.secrets
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signed(body, secrets, moment),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        if fault == "corrupted":
            place = self.plan.random.randrange(len(body))
            body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        return body, headers

    def _at_once(self, body: bytes, headers: Mapping[str, str]) -> list[int]:
        barrier = threading.Barrier(2)
        statuses: list[int] = []
        errors: list[BaseException] = []

        def send() -> None:
            try:
                barrier.wait(timeout=30)
                statuses.append(self.receiver(body, headers))
            except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
                errors.append(error)

        threads = [threading.Thread(target=send, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return statuses

    def _arrived(self, attempt: Attempt) -> None:
        event = attempt.event
        if attempt.is_copy:
            self._strike(event, "duplicate")
            return
        self.account.has_arrived(event)
        place = self._place[event["id"]]
        overtaken = any(self._place[id] > place for id in self.arrived[-50:])
        if "reorder" in attempt.kinds and overtaken:
            self._strike(event, "reorder")
        self.arrived.append(event["id"])
        if "duplicate" in attempt.kinds:
            copy = Attempt(event=event, fault=None, then=(), kinds=attempt.kinds, is_copy=True)
            for _ in range(self.plan.random.randint(1, 2)):
                self._again(copy, self.plan.random.choice((0, 0, 60, 2 * _HOUR)))

    def _again(self, attempt: Attempt, seconds: int) -> None:
        with self._lock:
            if seconds:
                self._wait(attempt, seconds)
            else:
                self._line_up(attempt, self.plan.random.randrange(4))

    def _retry(self, attempt: Attempt, following: Attempt) -> None:
        if attempt.is_copy:
            # Stripe does not know that it sent this one twice.
            return
        waits = RETRIES[self.account.livemode]
        if following.fault == "drop":
            self._again(following, 0)
        elif attempt.failed >= len(waits):
            self.given_up.append(attempt.event["id"])
        else:
            again = _again_after(following, attempt.failed + 1)
            self._again(again, waits[attempt.failed])

    def _strike(self, event: Record, kind: str) -> None:
        with self._lock:
            self.counts[kind] += 1
            self.struck.setdefault(event["id"], set()).add(kind)


def _next_of(event: Record, before: tuple[str, ...], kinds: tuple[str, ...]) -> Attempt:
    if before:
        return Attempt(event=event, fault=before[0], then=before[1:], kinds=kinds)
    return Attempt(event=event, fault="drop" if "drop" in kinds else None, then=(), kinds=kinds)


def _again_after(attempt: Attempt, failed: int) -> Attempt:
    fields: dict[str, Any] = {**attempt.__dict__, "failed": failed}
    return Attempt(**fields)
