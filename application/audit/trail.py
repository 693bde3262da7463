"""Collects what happens in one transaction, to be written at its end.

The audit head is the last lock of all, so events are gathered first and appended once.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import define, evolve, field

from application.audit.personal import MEMBER, Person
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Work
from domain.audit import SALT_BYTES, Actor, AuditDraft, AuditEvent, JsonValue, timestamp
from domain.identifiers import EventId, OrganisationId, Prefix, public_id
from domain.ledger import JournalEntry, Lot, Portion


@define(kw_only=True)
class Trail:
    """What one transaction has to say to one organisation's audit log."""

    identifiers: Identifiers
    organisation: OrganisationId
    actor: Actor
    request_id: str | None = None
    _drafts: list[AuditDraft] = field(factory=list)

    def by(self, actor: Actor) -> "Trail":
        """The same trail in another's name: what either gathers is written by this one."""
        return evolve(self, actor=actor)

    def add(
        self,
        action: str,
        subject: str,
        at: datetime,
        *,
        live: bool = False,
        correlation: str | None = None,
        details: Mapping[str, JsonValue] | None = None,
        person: Person | None = None,
    ) -> EventId:
        """The event's id; it is nobody's before `write`.

        *person*: who did it, kept under a key of their own.
        """
        id = EventId(self.identifiers.next())
        if person is not None:
            details = {**(details or {}), MEMBER: person.sealed(self.organisation, id)}
        draft = AuditDraft(
            id=id,
            organisation=self.organisation,
            at=at,
            actor=self.actor,
            action=action,
            subject=subject,
            live=live,
            correlation=correlation or subject,
            request_id=self.request_id,
            details=details or {},
            salt=self.identifiers.secret(SALT_BYTES),
        )
        self._drafts.append(draft)
        return id

    def add_postings(
        self, entries: Iterable[JournalEntry], correlation: str | None, *, live: bool = False
    ) -> None:
        """One event per journal line, so that neither can be changed without the other.

        It says more than the line: with it, the trail alone tells each lot's balance
        (`domain.as_of`).
        """
        organisation = public_id(Prefix.ORGANISATION, self.organisation)
        for entry in entries:
            posting = entry.posting
            details: dict[str, JsonValue] = {
                "amount": posting.amount,
                "credit": str(posting.credit),
                "debit": str(posting.debit),
                "journal_sequence": entry.sequence,
            }
            if posting.hold is not None:
                details["hold"] = public_id(Prefix.HOLD, posting.hold)
            if posting.lot is not None:
                details["grant"] = public_id(Prefix.GRANT, posting.lot)
            if posting.portions:
                details["grants"] = _by_lot(posting.portions)
            if posting.opens is not None:
                details["opens"] = _opened(posting.opens)
            if posting.of is not None:
                details["of"] = public_id(Prefix.GRANT, posting.of)
            self.add(
                posting.action,
                organisation,
                entry.at,
                live=live,
                correlation=correlation,
                details=details,
            )

    def write(self, work: Work) -> tuple[AuditEvent, ...]:
        """Append everything gathered.  The last thing a transaction does."""
        drafts = tuple(self._drafts)
        self._drafts.clear()
        return work.audit.append(*drafts) if drafts else ()


def _by_lot(portions: Iterable[Portion]) -> dict[str, JsonValue]:
    """Credits by public id of their lot."""
    credits_of: dict[str, int] = {}
    for portion in portions:
        name = public_id(Prefix.GRANT, portion.lot)
        credits_of[name] = credits_of.get(name, 0) + portion.amount
    return dict(credits_of)


def _opened(lot: Lot) -> dict[str, JsonValue]:
    return {
        "effective_at": timestamp(lot.effective_at),
        "expires_at": None if lot.expires_at is None else timestamp(lot.expires_at),
        "fact": lot.fact,
        "source": lot.source.value,
    }
