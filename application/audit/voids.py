"""Voiding: a number that was given to nothing gets an event that says so.

The role of the application can count a head up without writing an event, and events can be
deleted before they are sealed.  Behind such a gap nothing of the organisation is sealed.  What
fills it is an event like others, under the missing number: it hides nothing, and whoever holds
the trail against the log, or a pack, needs to know no exception.

Told to the installation first, and then done: a crash in between leaves the first event, and
doing it again finishes it.
"""

from __future__ import annotations

from attrs import frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.audit import NUMBER_VOIDED, OPERATOR, SALT_BYTES, AuditDraft, AuditEvent
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, EventId, OrganisationId, Prefix, public_id

LONGEST_REASON = 500
#: Tells the installation which number of whose was voided, by an event of `NUMBER_VOIDED`.
_TOLD = "audit.number_voided"


@frozen(kw_only=True)
class VoidNumber:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, number: int, reason: str
    ) -> AuditEvent | Refusal:
        """Refused where the number was never given, or where any trace says what had it.

        Raises: StoreUnavailableError.
        """
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for ever")
        scope = Scope(organisation=organisation)
        with self.store.begin(scope) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail="there is no such organisation")
            problem = _problem(work, number)
        if problem is not None:
            return problem
        because = self._told(organisation, number, reason[:LONGEST_REASON])
        with self.store.begin(scope) as work:
            problem = _problem(work, number)
            if problem is not None:
                return problem
            filled = work.audit.fill(number, self._draft(organisation, because))
        return filled or _not_missing(number)

    def _told(self, organisation: OrganisationId, number: int, reason: str) -> str:
        """Why it is voided: what was said the first time, where that was not finished."""
        subject = public_id(Prefix.ORGANISATION, organisation)
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
        with self.store.begin(Scope.installation()) as work:
            for event in work.audit.of_subject(subject):
                details = event.content()["details"]
                if (
                    event.action == _TOLD
                    and isinstance(details, dict)
                    and details.get("number") == number
                ):
                    return str(details["reason"])
            trail.add(
                _TOLD,
                subject,
                self.clock.now(),
                details={"number": number, "organisation": subject, "reason": reason},
            )
            trail.write(work)
        return reason

    def _draft(self, organisation: OrganisationId, reason: str) -> AuditDraft:
        subject = public_id(Prefix.ORGANISATION, organisation)
        return AuditDraft(
            id=EventId(self.identifiers.next()),
            organisation=organisation,
            at=self.clock.now(),
            actor=OPERATOR,
            action=NUMBER_VOIDED,
            subject=subject,
            live=False,
            correlation=subject,
            request_id=None,
            details={"reason": reason},
            salt=self.identifiers.secret(SALT_BYTES),
        )


def _problem(work: Work, number: int) -> Refusal | None:
    head = work.audit.head()
    if not 0 < number <= head:
        return Refusal(code="number_not_given", detail=f"the last number that was given is {head}")
    if work.audit.numbered([number]):
        return _not_missing(number)
    for log in work.seals.logs():
        if work.seals.leaf(log.number, number) is not None:
            return Refusal(
                code="number_sealed",
                detail=f"event {number} was sealed in {log.origin}: it is in an archive or a "
                "backup, and was not nothing",
            )
    return None


def _not_missing(number: int) -> Refusal:
    return Refusal(code="number_not_missing", detail=f"there is an event {number}")
