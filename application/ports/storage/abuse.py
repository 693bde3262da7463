"""Where it is counted what members and organisations do, for all processes."""

from collections.abc import Collection, Mapping
from typing import Protocol

from domain.abuse import Spending, Throttle


class Throttles(Protocol):
    """Of the scope's organisation, by the public id of a member or API key."""

    def lock(self, subject: str) -> Throttle:
        """What is counted of *subject*, if anything; locked until the transaction ends."""
        ...

    def put(self, subject: str, throttle: Throttle) -> None:
        """Store what became of the locked one."""
        ...


class Spendings(Protocol):
    """Of the scope's organisation, by public id: members, API keys, and the organisation itself.

    No lock of their own: they are read to be changed, and written, under the wallet's lock.
    """

    def get(self, subjects: Collection[str]) -> Mapping[str, Spending]:
        """One for each of *subjects*; those of which nothing was counted are empty."""
        ...

    def put(self, spendings: Mapping[str, Spending]) -> None: ...
