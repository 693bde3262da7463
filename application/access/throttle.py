"""Count what callers do, and say when it is too much.

In short transactions of their own: whatever becomes of the request, and however it is refused, it
was counted.  The counters are the store's, so all processes share one limit.
"""

from collections.abc import Callable
from datetime import datetime

from attrs import frozen

from application.access.caller import Caller
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store
from domain.abuse import AbuseRules, Change, MeteredCall, Throttle, Verdict, failed, judge
from domain.catalogue import Catalogue
from domain.errors import Refusal


@frozen(kw_only=True)
class CountRequests:
    store: Store
    catalogue: Catalogue
    rules: AbuseRules
    clock: Clock
    identifiers: Identifiers

    def change(self, caller: Caller) -> Verdict:
        """One more request that changes something; the verdict has its `Allowance`."""
        request = Change(limit=self._limit(caller))
        return self._count(
            caller,
            caller.paced_as,
            lambda counters, now: judge(self.rules, counters, request, now),
        )

    def metered(self, caller: Caller, call: MeteredCall) -> Refusal | None:
        """One more metered call, before credits are held for it; why it must not be."""
        verdict = self._count(
            caller,
            caller.counted_as,
            lambda counters, now: judge(self.rules, counters, call, now),
        )
        return verdict.refusal

    def failed(self, caller: Caller) -> None:
        """A metered spend was malformed or overdrawn: every fifth blocks the member's spends."""
        self._count(caller, caller.counted_as, failed)

    def _limit(self, caller: Caller) -> int:
        """The installation's number, raised by the tariff or the API key."""
        tariff = self.catalogue.tariffs.get(caller.tariff) if caller.tariff else None
        raised = (tariff and tariff.requests_per_minute, caller.requests_per_minute)
        return max(self.rules.requests_per_minute, *(limit or 0 for limit in raised))

    def _count(
        self, caller: Caller, subject: str, rule: Callable[[Throttle, datetime], Verdict]
    ) -> Verdict:
        with self.store.begin(caller.scope) as work:
            counters = work.throttles.lock(subject)
            now = self.clock.now()
            verdict = rule(counters, now)
            work.throttles.put(subject, verdict.counters)
            if verdict.tell is not None:
                trail = caller.trail(self.identifiers)
                trail.add(
                    verdict.tell.action,
                    subject,
                    now,
                    live=bool(caller.live),
                    details={"code": verdict.refusal.code if verdict.refusal else None},
                )
                trail.write(work)
        return verdict
