"""What a tariff gives every month: so many credits in each period, and never twice.

An upgrade inside a period gives the difference, a downgrade takes nothing; whatever order they
come in, a period has given the most that was due at any instant of it.  Each part is a lot of its
own, by an economic fact that says its period: `plan:free:<organisation>:<YYYY-MM>` of a calendar
month in UTC, and the same with its number for what came on top.  Periods that were paid for have
facts of their own (`domain.payment`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import uuid5

from attrs import field, frozen, validators

from domain.catalogue import month_of
from domain.identifiers import LotId, OrganisationId, Prefix, public_id
from domain.ledger import PRIORITIES, Lot, Source

#: How often a month can be topped up.  Each time gives more than there was, so that a catalogue
#: has at most as many steps as tariffs; after a change of the file there may be others.
MOST_PARTS = 20


@frozen(kw_only=True)
class Allowance:
    """Credits that are due and have not been given."""

    fact: str
    credits: int = field(validator=validators.gt(0))
    expires_at: datetime

    def lot(self, organisation: OrganisationId, now: datetime) -> Lot:
        """Its id follows from its fact: it is the same before it is given as after."""
        return Lot(
            id=LotId(uuid5(organisation, self.fact)),
            source=Source.PLAN,
            priority=PRIORITIES[Source.PLAN],
            amount=self.credits,
            remaining=self.credits,
            effective_at=now,
            expires_at=self.expires_at,
            fact=self.fact,
        )


def monthly_facts(organisation: OrganisationId, now: datetime) -> tuple[str, ...]:
    """Facts of the calendar month around *now*, in the order in which they are used."""
    return _facts_of(organisation, month_of(now).start)


@lru_cache(maxsize=2048)
def _facts_of(organisation: OrganisationId, month: datetime) -> tuple[str, ...]:
    # The same for a month, and asked for with every hold of it.
    first = f"plan:free:{public_id(Prefix.ORGANISATION, organisation)}:{month:%Y-%m}"
    return first, *(f"{first}:{number}" for number in range(2, MOST_PARTS + 1))


def due(
    entitled: int, facts: Sequence[str], granted: Mapping[str, int], now: datetime
) -> Allowance | None:
    """What is missing this calendar month to *entitled* credits.

    *granted* is how much each of *facts*, those of the month, has given so far.
    """
    missing = entitled - sum([granted[fact] for fact in facts if fact in granted])
    free = next((fact for fact in facts if fact not in granted), None)
    if missing <= 0 or free is None:
        return None
    return Allowance(fact=free, credits=missing, expires_at=month_of(now).end)
