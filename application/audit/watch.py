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


@frozen(kw_only=True)
class WatchSeals:
    store: Store
    alarms: Alarms
    clock: Clock

    def __call__(self) -> Sealed | None:
        """None: no log is open, which `tallystick doctor` tells.

        Raises: StoreUnavailableError.
        """
        with self.store.begin(Scope()) as work:
            log = next((log for log in work.seals.logs() if log.is_open), None)
            if log is None:
                return None
            latest = work.seals.latest(log.number)
            backlog = work.seals.backlog(log.number)
            found = Sealed(
                log=log,
                waiting=backlog.events,
                since=backlog.since,
                size=work.seals.size(log.number),
                signed_size=latest.checkpoint.size if latest else 0,
                signed_at=latest.signed_at if latest else None,
            )
        self._tell(found, self.clock.now())
        return found

    def _tell(self, found: Sealed, now: datetime) -> None:
        if found.since is not None and now - found.since > MOST_LAG:
            self.alarms.sound(
                "seal_lag",
                found.log.origin,
                f"{found.waiting} events are not sealed, the oldest since {found.since}",
            )
        signed_at = found.signed_at or found.log.opened_at
        if found.size > found.signed_size and now - signed_at > MOST_AGE:
            self.alarms.sound(
                "checkpoint_age",
                found.log.origin,
                f"{found.size - found.signed_size} leaves are not signed for since {signed_at}",
            )
