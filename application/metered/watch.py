"""The limits of metered calls, in one transaction: counters as they were read, and as they become.

What is counted is stored whatever the answer is: a refusal does not take its counting along.
"""

from datetime import datetime

from attrs import define, field

from application.audit.trail import Trail
from application.metered.usage import Answer, Asked
from application.ports.storage.work import Work
from domain.abuse import (
    AbuseRules,
    MeteredCall,
    Rule,
    Spending,
    Throttle,
    Verdict,
    failed,
    judge,
    spend,
)
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id

#: Refusals of spends that were overdrawn; those that were malformed are counted by `judge`.
_OVERDRAWN = frozenset({"insufficient_credits", "quota_exceeded"})


@define(kw_only=True)
class Watch:
    work: Work
    rules: AbuseRules
    now: datetime
    _throttles: dict[str, Throttle] = field(factory=dict)
    _spendings: dict[str, Spending] = field(factory=dict)
    _changed: set[str] = field(factory=set)
    #: Public id of the organisation, once anybody's spending was asked for.
    _organisation: str = ""

    def refusal(self, trail: Trail, asked: Asked, call: MeteredCall) -> Refusal | None:
        """Why *call* does not go through now; None: it does, and is counted."""
        verdict = judge(self.rules, self._throttle(asked), call, self.now)
        self._follow(trail, asked, verdict)
        if verdict.refusal is not None:
            return verdict.refusal
        for spending in self._of(asked).values():
            if refusal := spending.refusal(self.now):
                return refusal
        return None

    def taken(self, trail: Trail, asked: Asked, credits_: int, answer: Answer) -> None:
        """Count what became of a call that went through."""
        if isinstance(answer, Refusal):
            if answer.code in _OVERDRAWN:
                self._follow(trail, asked, failed(self._throttle(asked), self.now))
            return
        for subject, before in self._of(asked).items():
            after, is_alert = spend(self.rules, before, credits_, self.now)
            self._spendings[subject] = after
            self._changed.add(subject)
            if is_alert:
                self._tell(trail, asked, Rule.HOURLY_SPEND, subject)

    def close(self) -> None:
        """Store what was counted."""
        for subject, throttle in sorted(self._throttles.items()):
            self.work.throttles.put(subject, throttle)
        if self._changed:
            self.work.spendings.put({each: self._spendings[each] for each in self._changed})

    def _throttle(self, asked: Asked) -> Throttle:
        name = asked.caller.counted_as
        if name not in self._throttles:
            self._throttles[name] = self.work.throttles.lock(name)
        return self._throttles[name]

    def _of(self, asked: Asked) -> dict[str, Spending]:
        """What the member who asks has spent, also through keys, and the organisation."""
        name = asked.caller.counted_as
        if name not in self._spendings:
            organisation = public_id(Prefix.ORGANISATION, asked.caller.organisation)
            self._organisation = organisation
            found = self.work.spendings.get((name, organisation))
            # What is counted already is newer than what is stored.
            self._spendings = {**found, **self._spendings}
        return {each: self._spendings[each] for each in (name, self._organisation)}

    def _follow(self, trail: Trail, asked: Asked, verdict: Verdict) -> None:
        self._throttles[asked.caller.counted_as] = verdict.counters
        if verdict.tell is not None:
            self._tell(trail, asked, verdict.tell, asked.caller.counted_as)

    def _tell(self, trail: Trail, asked: Asked, rule: Rule, subject: str) -> None:
        trail.add(
            rule.action,
            subject,
            self.now,
            live=asked.live,
            correlation=public_id(Prefix.HOLD, asked.hold),
        )
