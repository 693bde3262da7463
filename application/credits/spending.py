"""How much is taken within an hour: counted where credits are held, under the wallet's lock."""

from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from application.audit.trail import Trail
from application.ports.storage.work import Work
from domain.abuse import AbuseRules, Rule, Spending, spend
from domain.errors import Refusal
from domain.identifiers import OrganisationId, Prefix, public_id


@frozen
class Hours:
    """What a member, and the whole organisation, have taken, as it is under that lock."""

    _work: Work
    _spendings: Mapping[str, Spending]

    @classmethod
    def of(cls, work: Work, organisation: OrganisationId, member: str) -> "Hours":
        """*member* is a public id; a key takes for its maker."""
        return cls(work, work.spendings.get(spenders(organisation, member)))

    def refusal(self, now: datetime) -> Refusal | None:
        """Why they take nothing more now; None: they may."""
        refusals = (each.refusal(now) for each in self._spendings.values())
        return next((refusal for refusal in refusals if refusal is not None), None)

    def count(self, trail: Trail, rules: AbuseRules, taken: int, now: datetime) -> None:
        """*taken* credits were held: tell whose hour is over its limit by that."""
        counted = {}
        for subject, before in self._spendings.items():
            counted[subject], is_alert = spend(rules, before, taken, now)
            if is_alert:
                trail.add(
                    Rule.HOURLY_SPEND.action,
                    subject,
                    now,
                    details={
                        "credits": counted[subject].total(now),
                        "limit": rules.credits_per_hour,
                        "frozen": counted[subject].refusal(now) is not None,
                    },
                )
        self._work.spendings.put(counted)


def spenders(organisation: OrganisationId, member: str) -> tuple[str, str]:
    return member, public_id(Prefix.ORGANISATION, organisation)
