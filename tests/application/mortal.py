"""Ports that fail at a call which the test chooses.

Every call of every port is numbered, through all lives of a worker.  A transaction is two calls:
entering it, and its commit; to die before the commit is to die inside.  What happens at which
number is data, so that Hypothesis draws it and shrinks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from application.ports.storage.work import Scope, Store, Work

BEFORE, AFTER = "death before", "death after"
DEATHS = (BEFORE, AFTER)


class Death(BaseException):
    """Not an Exception, so that nobody catches it on the way down."""


class Fate:
    """What happens at which call; whatever is no death is left to *happen*, before the call."""

    def __init__(
        self, schedule: Mapping[int, str], happen: Callable[[str], None] | None = None
    ) -> None:
        self.schedule = schedule
        self.happen = happen
        #: The calls there were, by name.
        self.calls: list[str] = []

    def __call__(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        event = self.schedule.get(len(self.calls))
        self.calls.append(name)
        if event == BEFORE:
            raise Death(name)
        if event is not None and event not in DEATHS and self.happen is not None:
            self.happen(event)
        answer = function(*arguments)
        if event == AFTER:
            raise Death(name)
        return answer


class Mortal:
    """A chain or a custodian: passes every call on, and dies when it is told to."""

    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return lambda *arguments: self._fate(name, attribute, *arguments)


class MortalStore(Store):
    def __init__(self, store: Store, fate: Fate) -> None:
        self._store, self._fate = store, fate

    @contextmanager
    def begin(self, scope: Scope) -> Iterator[Work]:
        transaction = self._fate("begin", self._store.begin, scope)
        ends = "commit"
        with transaction as work:
            yield work
            # Raised in here, a death before the commit undoes what was written.
            event = self._fate.schedule.get(len(self._fate.calls))
            if event == BEFORE:
                self._fate(ends, lambda: None)
        self._fate(ends, lambda: None)
