"""See that events are sealed and signed for, and tell the operator when they are not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from attrs import frozen

from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.storage.seals import Log
from application.ports.storage.work import Scope, Store

#: How long an event may wait to be sealed.
MOST_LAG = timedelta(minutes=10)
#: How old the last checkpoint may be while the tree has grown since.
MOST_AGE = timedelta(minutes=15)


@frozen(kw_only=True)
class Sealed:
    """How far sealing is."""

    log: Log
    #: Events that no leaf is for yet, and since when the oldest waits.
    waiting: int
    since: datetime | None
    size: int
    #: Leaves that the last checkpoint is over, and when it was signed.
    signed_size: int
    signed_at: datetime | None

    def problems(self, now: datetime) -> Iterator[tuple[str, str]]:
        """What an operator has to hear: codes of alarms, and details."""
        if self.since is not None and now - self.since > MOST_LAG:
            yield (
                "seal_lag",
                f"{self.waiting} events are not sealed, the oldest since {self.since}",
            )
        signed_at = self.signed_at or self.log.opened_at
        if self.size > self.signed_size and now - signed_at > MOST_AGE:
            yield (
                "checkpoint_age",
                f"{self.size - self.signed_size} leaves are not signed for since {signed_at}",
            )


@frozen(kw_only=True)
class WatchSeals:
    store: Store
    alarms: Alarms
    clock: Clock

    def __call__(self) -> None:
        """Sound the alarms.  Raises: StoreUnavailableError."""
        found = self.look()
        if found is None:
            return
        for code, detail in found.problems(self.clock.now()):
            self.alarms.sound(code, found.log.origin, detail)

    def look(self) -> Sealed | None:
        """None: no log is open, which `tallystick doctor` tells.

        Raises: StoreUnavailableError.
        """
        with self.store.begin(Scope()) as work:
            log = next((log for log in work.seals.logs() if log.is_open), None)
            if log is None:
                return None
            latest = work.seals.latest(log.number)
            backlog = work.seals.backlog(log.number)
            return Sealed(
                log=log,
                waiting=backlog.events,
                since=backlog.since,
                size=work.seals.size(log.number),
                signed_size=latest.checkpoint.size if latest else 0,
                signed_at=latest.signed_at if latest else None,
            )
