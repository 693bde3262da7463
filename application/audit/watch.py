"""See that events are sealed and signed for, and tell the operator when they are not."""

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

    def lag(self, now: datetime) -> str | None:
        """What is too long not sealed."""
        if self.since is None or now - self.since <= MOST_LAG:
            return None
        return f"{self.waiting} events are not sealed, the oldest since {self.since}"

    def age(self, now: datetime) -> str | None:
        """What is too long not signed for."""
        signed_at = self.signed_at or self.log.opened_at
        if self.size <= self.signed_size or now - signed_at <= MOST_AGE:
            return None
        return f"{self.size - self.signed_size} leaves are not signed for since {signed_at}"


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
        origin, now = found.log.origin, self.clock.now()
        if lag := found.lag(now):
            self.alarms.sound("seal_lag", origin, lag)
        if age := found.age(now):
            self.alarms.sound("checkpoint_age", origin, age)

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
