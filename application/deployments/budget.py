"""Whether the treasury can and may pay for what is asked: its balance, and the day's budget.

What an operation may take is set aside when it is accepted, in that very transaction and under the
wallet's lock, so that no two requests of an organisation share the last of its day.  It is settled
in the transaction that ends the operation, with what its attempts took.  A crash undoes both
sides of either.  It counts on the day (UTC) on which it was accepted, however long it then waits.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from attrs import field, frozen

from application.deployments.pursue import Pursuit
from application.ports.chain import Chain
from application.ports.storage.work import Work
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.identifiers import NetworkId
from domain.network import Network
from domain.operation import Intent
from domain.treasury import Level, native_spent

#: Older news of a treasury's balance are no reason to refuse anything.
STALE = timedelta(minutes=10)


@frozen(kw_only=True)
class Budgets:
    #: What one organisation may cost the treasury in a day, in base units; else anything.
    limits: Mapping[NetworkId, int] = field(factory=dict)

    def refusal(self, work: Work, chain: Chain, intent: Intent, now: datetime) -> Refusal | None:
        """Why the whole operation of *intent* is not paid for now; None: it is.

        Whoever accepts it asks under the wallet's lock.
        """
        needed = chain.allowance(intent)
        empty = _empty(work, chain.network, intent.sender, needed, now)
        return empty or self._exhausted(work, chain.network, needed, now)

    def is_beyond(self, chain: Chain, intent: Intent) -> bool:
        """Whether no day's budget is enough for the whole operation of *intent*."""
        limit = self.limits.get(chain.network.id)
        return limit is not None and chain.allowance(intent) > limit

    def reserve(self, work: Work, chain: Chain, deployment: Deployment, now: datetime) -> None:
        """Set aside what was found to be there; *deployment* is stored, or locked."""
        if deployment.network in self.limits:
            needed = chain.allowance(intent_of(deployment))
            work.native_budgets.reserve(deployment.id, deployment.network, day_of(now), needed)

    def _exhausted(
        self, work: Work, network: Network, needed: int, now: datetime
    ) -> Refusal | None:
        day = day_of(now)
        limit = self.limits.get(network.id)
        if limit is None:
            return None
        taken = work.native_budgets.used(network.id, day).taken
        if taken + needed <= limit:
            return None
        unit, left = network.base_unit, max(0, limit - taken)
        return Refusal(
            code="network_budget_exhausted",
            detail=f"this may cost {needed} {unit} on {network.id}, and {left} of the day's "
            f"{limit} {unit} are left until {day + timedelta(days=1)} 00:00 UTC",
            retry_after=_midnight_after(day) - now,
        )


def intent_of(deployment: Deployment) -> Intent:
    """Its intent; before the issuing account has an address, another one is as long."""
    owned = deployment if deployment.owner else deployment.placed(deployment.sender, None)
    return Pursuit.intent(owned)


def settle_native(work: Work, deployment: Deployment) -> None:
    """*deployment* is over: what it took is known."""
    work.native_budgets.settle(deployment.id, native_spent(deployment))


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _empty(
    work: Work, network: Network, treasury: str, needed: int, now: datetime
) -> Refusal | None:
    """By what a worker has seen a moment ago: whoever asks does not wait for a node."""
    seen = work.signers.holding(network.id, treasury)
    if seen is None or now - seen.seen_at > STALE:
        return None
    if seen.level is not Level.EMPTY and seen.balance >= needed:
        return None
    unit, missing = network.base_unit, max(needed - seen.balance, 1)
    return Refusal(
        code="treasury_empty",
        detail=f"the treasury {treasury} on {network.id} holds {seen.balance} {unit}, and this "
        f"may cost {needed}; send it {network.native_currency}: {missing} {unit} or more",
    )
