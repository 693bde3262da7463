"""Four eyes: a second member says yes to a plan's hash before anything of it is signed."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import evolve, field, frozen, validators

from domain.errors import Refusal
from domain.identifiers import MemberId, OperationId, OrganisationId

#: How long a plan waits for somebody; then nothing comes of it.
LIFE = timedelta(days=3)


class Verdict(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@frozen(kw_only=True)
class Approval:
    organisation: OrganisationId
    deployment: OperationId
    #: What is approved: nothing else may be carried out under it.
    plan_hash: bytes = field(validator=[validators.min_len(32), validators.max_len(32)])
    #: Of an API key, who made it.
    asked_by: MemberId
    asked_at: datetime
    expires_at: datetime
    verdict: Verdict = Verdict.PENDING
    decided_by: MemberId | None = None
    decided_at: datetime | None = field(default=None)

    @decided_at.validator
    def _says_who_decided(self, _: object, value: datetime | None) -> None:
        is_decided = self.verdict is not Verdict.PENDING
        if (self.decided_by is not None, value is not None) != (is_decided, is_decided):
            raise ValueError("a verdict has somebody and an instant")

    @classmethod
    def asked(
        cls,
        organisation: OrganisationId,
        deployment: OperationId,
        plan_hash: bytes,
        by: MemberId,
        now: datetime,
    ) -> "Approval":
        return cls(
            organisation=organisation,
            deployment=deployment,
            plan_hash=plan_hash,
            asked_by=by,
            asked_at=now,
            expires_at=now + LIFE,
        )

    def waits(self, now: datetime) -> bool:
        return self.verdict is Verdict.PENDING and now < self.expires_at

    def refusal(self, now: datetime) -> Refusal | None:
        """Why nothing will come of it; None: it waits, or may begin."""
        if self.verdict is Verdict.REJECTED:
            return Refusal(code="approval_rejected", detail="another member has said no")
        if self.verdict is Verdict.PENDING and not self.waits(now):
            return Refusal(code="approval_expired", detail="nobody has approved it in time")
        return None

    def decided(
        self, verdict: Verdict, plan_hash: bytes, by: MemberId, now: datetime
    ) -> "Approval | Refusal":
        """By *by*, who has seen the plan with *plan_hash*.  The same again is no error."""
        if plan_hash != self.plan_hash:
            return Refusal(code="plan_changed", detail="another hash was asked for")
        if (self.verdict, self.decided_by) == (verdict, by):
            return self
        if self.verdict is not Verdict.PENDING:
            return Refusal(code="approval_decided", detail=f"it is {self.verdict} already")
        if refusal := self.refusal(now):
            return refusal
        if by == self.asked_by and verdict is Verdict.APPROVED:
            return Refusal(code="approval_by_requester", detail="somebody else has to approve it")
        return evolve(self, verdict=verdict, decided_by=by, decided_at=now)
