"""What quotas allow, in one transaction: asked where holds are made, under the wallet's lock."""

from collections.abc import Iterable
from datetime import datetime

from attrs import define, field

from application.ports.storage.people import Binding
from application.ports.storage.work import Work
from domain.catalogue import Period, month_of, period_of
from domain.errors import Refusal
from domain.identifiers import HoldId, TeamId
from domain.ledger import Hold
from domain.quota import Quota, Standing, Subject, Window, charged

_Key = tuple[Subject, Window]


@define
class QuotaBook:
    """Quotas as this transaction's own holds have used them so far.

    What is stored was taken by others; what is held here and not stored yet is counted on top.
    """

    _work: Work
    _now: datetime
    _bindings: dict[str | None, Binding] = field(factory=dict)
    _standings: dict[_Key, Standing] = field(factory=dict)
    _attributed: list[tuple[HoldId, tuple[TeamId, ...]]] = field(factory=list)

    def charge(self, hold: Hold) -> Refusal | None:
        """Count *hold* for who asked and for their teams; refused, it counts for nobody."""
        binding = self._binding(hold.member)
        if not binding.quotas and not binding.teams:
            return None
        after = charged([self._standing(quota) for quota in binding.quotas], hold.amount)
        if isinstance(after, Refusal):
            return after
        for standing in after:
            self._standings[standing.quota.subject, standing.quota.window] = standing
        if binding.teams:
            self._attributed.append((hold.id, binding.teams))
        return None

    def record(self) -> None:
        """Store whom the holds count for, once these are stored."""
        for hold, teams in self._attributed:
            self._work.quotas.attribute(hold, teams)
        self._attributed.clear()

    def _binding(self, asker: str | None) -> Binding:
        if asker not in self._bindings:
            self._bindings[asker] = (
                Binding() if asker is None else self._work.quotas.binding(asker)
            )
        return self._bindings[asker]

    def _standing(self, quota: Quota) -> Standing:
        key = (quota.subject, quota.window)
        if key not in self._standings:
            (self._standings[key],) = standings(self._work, [quota], self._now)
        return self._standings[key]


def standings(work: Work, quotas: Iterable[Quota], now: datetime) -> list[Standing]:
    """*quotas* in their windows around *now*, as the store has them."""
    quotas = list(quotas)
    needs_period = any(quota.window is Window.PERIOD for quota in quotas)
    period = _period(work, now) if needs_period else month_of(now)
    found = []
    for quota in quotas:
        since = quota.window.began_at(now, period)
        taken = work.quotas.taken(quota, since, now)
        found.append(Standing(quota=quota, since=since, taken=taken))
    return found


def _period(work: Work, now: datetime) -> Period:
    """What the tariff's credits are given for."""
    running = work.billing.facts().running(now)
    paid = None if running is None else running.period
    return period_of(paid, now)
