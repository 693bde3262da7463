"""A legal hold: nothing that it touches is dropped, deleted or erased before it is lifted.

Placing one, and beginning what one forbids, take the same lock and keep it until they are
committed: so either the act sees the hold, or whoever places it sees the act.
"""

from collections.abc import Collection
from datetime import datetime

from attrs import frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.audit import OPERATOR, JsonValue
from domain.errors import Refusal
from domain.identifiers import (
    INSTALLATION,
    LegalHoldId,
    OrganisationId,
    Prefix,
    UserId,
    kind_of,
    parse_id,
    public_id,
)
from domain.retention import LegalHold, Month

LONGEST_REASON = 500
SUBJECT_MALFORMED = Refusal(
    code="malformed_subject", detail="a subject is a public id: usr_…, mem_…, dep_…"
)
_UNTIL = ": until the trail says that it was lifted, whatever its row says"
REASON_MISSING = Refusal(code="reason_missing", detail="say why: it is kept in the trail")


@frozen(kw_only=True)
class Placed:
    hold: LegalHold
    #: Months whose archives are being deleted: the hold came too late for these.
    too_late_for: tuple[Month, ...]
    #: The subject is a person whom the organisation never had: the hold keeps nobody.
    is_of_nobody: bool


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
    ) -> Placed | Refusal:
        """In force with the commit.  The installation's own organisation stands for all.

        *subject* is a public id, and nothing else: it goes into the trail in clear.
        """
        if since is not None and until is not None and since >= until:
            return Refusal(code="nothing_to_hold", detail="it would be over before it begins")
        if not reason.strip():
            return REASON_MISSING
        if subject is not None and kind_of(subject) is None:
            return SUBJECT_MALFORMED
        is_of_nobody = subject is not None and self._is_nobody(organisation, subject)
        with self.store.begin(Scope(organisation=organisation)) as work:
            if work.organisations.get() is None:
                return Refusal(code="not_found", detail="there is no such organisation")
            work.legal_holds.lock()
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
            too_late_for = tuple(
                archive.month
                for archive in work.archives.all()
                if archive.is_being_deleted and hold.holds_month(archive.month)
            )
            trail = _trail(self.identifiers, organisation)
            details = hold.details | {"too_late_for": [str(each) for each in too_late_for]}
            trail.add("legal_hold.placed", hold.name, hold.placed_at, details=details)
            trail.write(work)
        return Placed(hold=hold, too_late_for=too_late_for, is_of_nobody=is_of_nobody)

    def _is_nobody(self, organisation: OrganisationId, subject: str) -> bool:
        """Whether *subject* would be a person, and there is none in *organisation*.

        A member's id does not tell of which organisation it is: for all of them it is believed.
        """
        user, member = parse_id(Prefix.USER, subject), parse_id(Prefix.MEMBER, subject)
        if user is not None:
            with self.store.begin(Scope(user=UserId(user))) as work:
                if organisation == INSTALLATION:
                    return work.users.get() is None
                members = work.organisations.memberships_of_user()
            return organisation not in {each for each, _ in members}
        if member is None or organisation == INSTALLATION:
            return False
        with self.store.begin(Scope(organisation=organisation)) as work:
            return member not in {each.id for each in work.members.ever()}


@frozen(kw_only=True)
class LiftHold:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, organisation: OrganisationId, id: LegalHoldId, because: str
    ) -> LegalHold | Refusal:
        """Also of one whose row says that it was lifted, or is gone, and the trail does not."""
        if not because.strip():
            return REASON_MISSING
        with self.store.begin(Scope(organisation=organisation)) as work:
            work.legal_holds.lock()
            hold = work.legal_holds.in_force(id)
            if hold is None:
                known = work.legal_holds.get(id)
                if known is None:
                    return Refusal(code="not_found", detail="there is no such legal hold")
                return Refusal(code="hold_lifted", detail=f"{known.name} was lifted before")
            now = self.clock.now()
            lifted = hold.lifted(now, because[:LONGEST_REASON])
            work.legal_holds.lift(lifted)
            trail = _trail(self.identifiers, organisation)
            details: dict[str, JsonValue] = {"reason": because[:LONGEST_REASON]}
            trail.add("legal_hold.lifted", hold.name, now, details=details)
            trail.write(work)
        return lifted


def refusal_for_month(work: Work, month: Month) -> Refusal | None:
    """What keeps *month* where it is; for whoever acts on it under the lock."""
    held = work.legal_holds.over(month)
    return (
        None
        if not held
        else Refusal(code="legal_hold", detail=f"{month} is held by {_names(held)}{_UNTIL}")
    )


def refusal_for_subjects(
    work: Work, organisations: Collection[OrganisationId], subjects: Collection[str]
) -> Refusal | None:
    """What forbids erasing *subjects*: a hold of theirs, or of the installation, for everybody."""
    held = work.legal_holds.on([*organisations, INSTALLATION], subjects)
    if not held:
        return None
    return Refusal(code="legal_hold", detail=f"held by {_names(held)}{_UNTIL}")


def _names(held: list[tuple[OrganisationId, LegalHoldId]]) -> str:
    return ", ".join(
        f"{public_id(Prefix.LEGAL_HOLD, id)} of {public_id(Prefix.ORGANISATION, organisation)}"
        for organisation, id in held
    )


def _trail(identifiers: Identifiers, organisation: OrganisationId) -> Trail:
    return Trail(identifiers=identifiers, organisation=organisation, actor=OPERATOR)
