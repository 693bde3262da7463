"""Whom members have told of what happens, and what arrived there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen

from adapters.memory.egress import MemoryEgress, Received
from application.ports.egress import EgressUnavailableError, Reply
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler


@frozen(kw_only=True)
class Message:
    id: str
    body: dict[str, Any]


@define(eq=False)
class Receiver:
    scheduler: Scheduler
    url: str
    mood: str = "well"
    moody_until: float = 0.0
    #: What was taken, in the order in which it came.
    taken: list[Message] = field(factory=list)

    def __call__(self, request: Received) -> Reply:
        mood = self.mood if self.scheduler.now < self.moody_until else "well"
        if mood == "silent":
            raise EgressUnavailableError("not_connected", "nobody answers there")
        if mood == "refuses":
            return Reply(status=500)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.taken.append(Message(id=headers["webhook-id"], body=json.loads(request.body)))
        if mood == "answer lost":
            raise EgressUnavailableError("timeout", "no answer in time")
        return Reply(status=200)

    @property
    def is_slow(self) -> bool:
        return self.mood == "slow" and self.scheduler.now < self.moody_until


@define(eq=False)
class Way:
    """From one process to receivers."""

    egress: MemoryEgress
    process: Process

    def check(self, url: str) -> None:
        self.egress.check(url)

    @contextmanager
    def line(self, url: str) -> Iterator[Any]:
        with self.egress.line(url) as line:
            yield _Line(line, url, self)


@define(eq=False)
class _Line:
    line: Any
    url: str
    way: Way

    def post(self, *arguments: Any) -> Any:
        receiver: Any = self.way.egress.receivers.get(self.url)
        if receiver is not None and receiver.is_slow:
            receiver.scheduler.sleep(12.0 * receiver.scheduler.random.random())
        return self.way.process.call_out("egress.post", lambda: self.line.post(*arguments))
