"""A legal hold: nothing that it touches is dropped, deleted or erased before it is lifted."""

from datetime import datetime

from attrs import frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.audit import OPERATOR, JsonValue, timestamp
from domain.errors import Refusal
from domain.identifiers import LegalHoldId, OrganisationId, Prefix, public_id
from domain.retention import LegalHold, Month

LONGEST_REASON = 500
REASON_MISSING = Refusal(code="reason_missing", detail="say why: it is kept in the trail")


@frozen(kw_only=True)
class PlaceHold:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self,
        organisation: OrganisationId,
        reason: str,
        *,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> LegalHold | Refusal:
        """In force with the commit.  The installation's own organisation stands for all."""
        if since is not None and until is not None and since >= until:
            return Refusal(code="nothing_to_hold", detail="it would be over before it begins")
        if not reason.strip():
            return REASON_MISSING
        with self.store.begin(Scope(organisation=organisation)) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail="there is no such organisation")
            hold = LegalHold(
                organisation=organisation,
                id=LegalHoldId(self.identifiers.next()),
                subject=subject,
                since=since,
                until=until,
                reason=reason[:LONGEST_REASON],
                placed_at=self.clock.now(),
            )
            work.legal_holds.add(hold)
            trail = _trail(self.identifiers, organisation)
            trail.add("legal_hold.placed", hold.name, hold.placed_at, details=_details(hold))
            trail.write(work)
        return hold


@frozen(kw_only=True)
class LiftHold:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, id: LegalHoldId, because: str
    ) -> LegalHold | Refusal:
        if not because.strip():
            return REASON_MISSING
        with self.store.begin(Scope(organisation=organisation)) as work:
            hold = work.legal_holds.get(id)
            if hold is None:
                return Refusal(code="not_found", detail="there is no such legal hold")
            if not hold.is_placed:
                return Refusal(code="hold_lifted", detail=f"{hold.name} was lifted before")
            now = self.clock.now()
            lifted = hold.lifted(now, because[:LONGEST_REASON])
            if not work.legal_holds.lift(lifted):
                return Refusal(code="hold_lifted", detail=f"{hold.name} was lifted before")
            trail = _trail(self.identifiers, organisation)
            details: dict[str, JsonValue] = {"reason": because[:LONGEST_REASON]}
            trail.add("legal_hold.lifted", hold.name, now, details=details)
            trail.write(work)
        return lifted


def holds_on_month(store: Store, month: Month) -> list[LegalHold]:
    """What keeps *month* where it is."""
    with store.begin(Scope.installation()) as work:
        placed = work.legal_holds.placed()
    found = []
    for organisation, id in placed:
        with store.begin(Scope(organisation=organisation)) as work:
            hold = work.legal_holds.get(id)
        if hold is not None and hold.holds_month(month):
            found.append(hold)
    return found


def holds_on_subject(work: Work, subject: str) -> list[LegalHold]:
    """What forbids erasing what is known of *subject* in the scope's organisation."""
    return [hold for hold in work.legal_holds.all() if hold.holds_subject(subject)]


def refusal_of(month: Month, holds: list[LegalHold]) -> Refusal | None:
    if not holds:
        return None
    named = ", ".join(
        f"{hold.name} of {public_id(Prefix.ORGANISATION, hold.organisation)}" for hold in holds
    )
    return Refusal(code="legal_hold", detail=f"{month} is held by {named}")


def _trail(identifiers: Identifiers, organisation: OrganisationId) -> Trail:
    return Trail(identifiers=identifiers, organisation=organisation, actor=OPERATOR)


def _details(hold: LegalHold) -> dict[str, JsonValue]:
    return {
        "reason": hold.reason,
        "since": None if hold.since is None else timestamp(hold.since),
        "subject": hold.subject,
        "until": None if hold.until is None else timestamp(hold.until),
    }
