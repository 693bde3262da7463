"""Take endpoints that something waits for, and give each a turn in a thread of its own.

Whoever answers late or not at all gets a quarter of the threads at most, so that those who answer
are not kept waiting by them.  What goes wrong with one is caught here: it is logged, and its lease
runs out.
"""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from attrs import define, field

from application.notifications.deliver import DeliverWebhooks
from application.notifications.fan_out import FanOut
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.storage.webhooks import EndpointClaim
from application.ports.storage.work import LeaseLostError, StoreUnavailableError
from domain.identifiers import Prefix, public_id

log = logging.getLogger(__name__)

#: How often the trail and the lines are looked at when nothing was found the last time.
IDLE = timedelta(milliseconds=500)
_SOON = timedelta(milliseconds=20)
#: How soon a thread that has become free is noticed.
_BUSY = timedelta(milliseconds=100)
_AFTER_TROUBLE = timedelta(seconds=1)


@define(kw_only=True)
class WebhookLoop:
    fan_out: FanOut
    deliver: DeliverWebhooks
    #: Endpoints that are sent to at once.
    threads: int
    _fast: set[EndpointClaim] = field(factory=set)
    _slow: set[EndpointClaim] = field(factory=set)
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, stop: threading.Event) -> None:
        """Work until *stop*, then let the messages in hand arrive."""
        with ThreadPoolExecutor(self.threads, thread_name_prefix="webhook") as pool:
            while not stop.is_set():
                pause = self._round(pool, stop)
                stop.wait(pause.total_seconds())

    def _round(self, pool: ThreadPoolExecutor, stop: threading.Event) -> timedelta:
        try:
            made = self._fan_out(stop)
            with self._lock:
                free = self.threads - len(self._fast) - len(self._slow)
                slow = max(1, self.threads // 4) - len(self._slow)
            claims = self.deliver.take(free, slow=max(0, slow)) if free > 0 else []
        except StoreUnavailableError as error:
            log.warning("webhooks wait: %s", error)
            return _AFTER_TROUBLE
        except Exception:
            log.exception("webhooks wait")
            return _AFTER_TROUBLE
        for claim in claims:
            with self._lock:
                (self._slow if claim.is_slow else self._fast).add(claim)
            pool.submit(self._turn, claim, stop).add_done_callback(_never_silent)
        if made or claims:
            return _SOON
        return _BUSY if free <= 0 else IDLE

    def _fan_out(self, stop: threading.Event) -> int:
        """Raises: StoreUnavailableError."""
        made = 0
        for organisation in self.fan_out.behind():
            if stop.is_set():
                break
            try:
                made += self.fan_out(organisation)
            except StoreUnavailableError:
                raise
            except Exception:
                # What one trail has in it keeps nobody else waiting.
                log.exception("%s is told nothing", public_id(Prefix.ORGANISATION, organisation))
        return made

    def _turn(self, claim: EndpointClaim, stop: threading.Event) -> None:
        name = public_id(Prefix.WEBHOOK_ENDPOINT, claim.endpoint)
        try:
            self.deliver(claim, stop.is_set)
        except LeaseLostError:
            log.info("%s is in other hands by now", name)
        except (StoreUnavailableError, CustodyUnavailableError, CustodyRefusedError) as error:
            log.warning("%s waits until its lease ends: %s", name, error)
        except Exception:
            log.exception("%s waits until its lease ends", name)
        finally:
            with self._lock:
                self._fast.discard(claim)
                self._slow.discard(claim)


def _never_silent(future: Future[None]) -> None:
    if (error := future.exception()) is not None:
        log.error("a thread that sends webhooks failed", exc_info=error)
