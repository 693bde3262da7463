"""How much is taken within an hour: counted where credits are held, under the wallet's lock."""

from datetime import datetime

from application.audit.trail import Trail
from application.ports.storage.work import Work
from domain.abuse import AbuseRules, Rule, spend
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id


def frozen_refusal(work: Work, trail: Trail, member: str, now: datetime) -> Refusal | None:
    """Why *member*, or the whole organisation, takes nothing more now; None: they may.

    *member* is a public id; a key takes for its maker.
    """
    spendings = work.spendings.get(_subjects(trail, member))
    refusals = (each.refusal(now) for each in spendings.values())
    return next((refusal for refusal in refusals if refusal is not None), None)


def count_spend(
    work: Work, trail: Trail, rules: AbuseRules, member: str, taken: int, now: datetime
) -> None:
    """*taken* credits were held for *member*: tell whose hour is over its limit by that."""
    counted = {}
    for subject, before in work.spendings.get(_subjects(trail, member)).items():
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
    work.spendings.put(counted)


def _subjects(trail: Trail, member: str) -> tuple[str, str]:
    return member, public_id(Prefix.ORGANISATION, trail.organisation)
