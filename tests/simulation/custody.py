"""A custodian that is down, is asked too often, or does not say what it has done."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from attrs import define

from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from application.ports.custody import CustodyUnavailableError
from tests.simulation.scheduler import Scheduler


def a_custodian(chance: Callable[[int], bytes]) -> MemoryCustodian:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevelopmentOnlyWarning)
        return MemoryCustodian(chance=chance)


@define(eq=False)
class Moody:
    """In front of the keys: as one process meets them."""

    scheduler: Scheduler
    keys: MemoryCustodian
    down_until: float = 0.0
    #: So many signatures in a second, and no more; None: as many as are asked for.
    throttle: int | None = None
    #: So many of the next answers do not arrive.
    lost: int = 0
    _second: int = -1
    _signed: int = 0

    def heal(self) -> None:
        self.down_until, self.throttle, self.lost = 0.0, None, 0

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.keys, name)
        if name not in {"sign", "create_key", "describe"}:
            return attribute

        def ask(*arguments: Any, **named: Any) -> Any:
            if self.scheduler.now < self.down_until:
                raise CustodyUnavailableError("the custodian does not answer")
            if name == "sign" and self._is_too_often():
                raise CustodyUnavailableError("too many requests")
            answer = attribute(*arguments, **named)
            if self.lost:
                self.lost -= 1
                raise CustodyUnavailableError("the answer did not arrive")
            return answer

        return ask

    def _is_too_often(self) -> bool:
        second = int(self.scheduler.now)
        if second != self._second:
            self._second, self._signed = second, 0
        self._signed += 1
        return self.throttle is not None and self._signed > self.throttle
