"""Claim what is due, carry it on, give it back.

A claim is a lease of `LEASE`, renewed every `RENEW_EVERY` while somebody works on it.  Whatever
goes wrong with one deployment is caught here, and here only: it is logged, its lease is left to
run out, and another worker, or this one, tries again.
"""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from attrs import define, field

from application.deployments.advance import Advance
from application.deployments.full_lines import FullLines
from application.ports.clock import Clock
from application.ports.storage.deployments import Claim
from application.ports.storage.work import (
    FenceLostError,
    LeaseLostError,
    Scope,
    Store,
    StoreUnavailableError,
)
from application.ports.telemetry import SpanKind, Telemetry
from domain.identifiers import Prefix, public_id
from entrypoints.worker import niceness
from entrypoints.worker.lull import Lull

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=8)
RENEW_EVERY = timedelta(seconds=2)
#: How often the queue is looked at: after something was due, when nothing was, and when nothing
#: has been for a while.
SOON = timedelta(milliseconds=10)
IDLE = timedelta(milliseconds=200)
QUIET = timedelta(milliseconds=500)
#: What is under way comes first, so that it ends; but for these looks, whoever has much of it that
#: comes to nothing would let nothing begin.
_QUEUED_FIRST_EVERY = 4
_AFTER_TROUBLE = timedelta(seconds=1)


@define(kw_only=True)
class DeploymentLoop:
    store: Store
    clock: Clock
    advance: Advance
    #: Where *advance* tells what is not worth asking for now.
    full: FullLines
    telemetry: Telemetry
    #: Names this worker in its claims.
    worker: UUID
    threads: int
    #: Of those who carry on, against whoever else wants the processor (`nice`); leases are renewed
    #: before all of it.
    niceness: int = 0
    renew_every: timedelta = RENEW_EVERY
    #: By organisation and operation: two organisations may use the same id.
    _working: dict[tuple[UUID, UUID], Claim] = field(factory=dict)
    _finished: list[Claim] = field(factory=list)
    _looks: int = 0
    _lull: Lull = field(factory=lambda: Lull(soon=SOON, often=IDLE, seldom=QUIET))
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, stop: threading.Event) -> None:
        """Work until *stop*; then finish the step in hand and give back the leases."""
        renewing = threading.Thread(target=self._renew, args=(stop,), name="renew", daemon=True)
        renewing.start()
        niceness.of_this_thread(self.niceness)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="advance") as pool:
            while not stop.is_set():
                stop.wait(self._round(pool).total_seconds())
        try:
            self._exchange(0)
        except StoreUnavailableError:
            log.warning("leases are left to run out: the store does not answer")
        renewing.join(timeout=self.renew_every.total_seconds())

    def _round(self, pool: ThreadPoolExecutor) -> timedelta:
        """Give back what is finished, take what is due: how long to wait for the next round."""
        with self._lock:
            # Twice as many as threads, so that none waits for the next round.
            free = self.threads * 2 - len(self._working)
        try:
            claims = self._exchange(free)
        except StoreUnavailableError as error:
            log.warning("the store does not answer: %s", error)
            return _AFTER_TROUBLE
        for claim in claims:
            with self._lock:
                self._working[claim.organisation, claim.operation] = claim
            future = pool.submit(self._carry_on, claim)
            future.add_done_callback(_never_silent)
        return self._lull.pause(found=bool(claims))

    def _exchange(self, free: int) -> list[Claim]:
        """Give back what is finished, and take as many as are *free*: one commit for both."""
        with self._lock:
            finished, self._finished = self._finished, []
        if not finished and free <= 0:
            return []
        with self.store.begin(Scope()) as work:
            if finished:
                work.claims.give_back(finished)
            if free <= 0:
                return []
            self._looks += 1
            return work.claims.take(
                self.clock.now(),
                free,
                LEASE,
                self.worker,
                queued_first=self._looks % _QUEUED_FIRST_EVERY == 0,
                full=self.full.networks(),
            )

    def _carry_on(self, claim: Claim) -> None:
        name = public_id(Prefix.DEPLOYMENT, claim.operation)
        cause = claim.cause
        with self.telemetry.span(
            "advance_deployment", kind=SpanKind.CONSUMER, after=cause.trace
        ) as span:
            span.concerns(
                request_id=cause.request_id,
                organisation=public_id(Prefix.ORGANISATION, claim.organisation),
                deployment=name,
            )
            give_back = False
            try:
                state = self.advance(claim)
            except (LeaseLostError, FenceLostError) as error:
                span.failed(type(error).__name__)
                log.info("%s is in other hands by now", name)
            except StoreUnavailableError as error:
                span.failed(type(error).__name__)
                log.warning("%s stays as it is until its lease ends: %s", name, error)
            except Exception as error:
                span.failed(type(error).__name__)
                log.exception("%s stays as it is until its lease ends", name)
            else:
                span.says(state=state and state.value)
                log.debug("%s is %s", name, state)
                give_back = True
            self._end(claim, give_back=give_back)

    def _end(self, claim: Claim, *, give_back: bool) -> None:
        with self._lock:
            self._working.pop((claim.organisation, claim.operation), None)
            if give_back:
                self._finished.append(claim)

    def _renew(self, stop: threading.Event) -> None:
        """Keep the leases of what is being worked on, also while it is being finished."""
        while not stop.wait(self.renew_every.total_seconds()) or self._working:
            with self._lock:
                claims = list(self._working.values())
            if not claims:
                continue
            try:
                with self.store.begin(Scope()) as work:
                    work.claims.renew(claims, LEASE)
            except StoreUnavailableError as error:
                log.warning("leases are not renewed: %s", error)
            except Exception:
                # Whatever it was, leases go on being renewed.
                log.exception("leases are not renewed")
            if stop.is_set():
                stop.wait(self.renew_every.total_seconds())


def _never_silent(future: Future[None]) -> None:
    if (error := future.exception()) is not None:
        log.error("a worker's thread failed", exc_info=error)
