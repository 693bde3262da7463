"""Erase a person: destroy the key under which the trail keeps what is personal.

What others need stays: ids, and the events that name them, whose proofs go on to hold.  Nobody
logs in as them again; their sessions and the API keys they made are dead.
"""

from datetime import datetime

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.access import keys_made_by
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.work import Scope, Store, Work
from application.retention.holds import refusal_for_subjects
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import Prefix, UserId, public_id
from domain.organisation import ApiKey, Member

ACTION = "subject.erased"
_REVOKED = "api_key.revoked"
#: RFC 2606: no mail ever arrives there.
_NOWHERE = "erased.invalid"


@frozen(kw_only=True)
class Erased:
    user: UserId
    at: datetime
    #: How much was alive until now.
    sessions: int
    api_keys: int
    #: It was done before; what was left of it was done now.
    is_repeated: bool


@frozen(kw_only=True)
class EraseSubject:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def find(self, address: str) -> UserId | None:
        """Who logs in with *address*."""
        with self.store.begin(Scope()) as work:
            return work.users.find_login(address)

    def __call__(self, user: UserId, reason: str) -> Erased | Refusal:
        """Once or again: what was begun is finished, and what is done stays.

        *reason* is kept for seven years, in clear: it must not name the person.
        """
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        with self.store.begin(Scope(user=user)) as work:
            known = work.users.get()
            members = _members(work)
        if known is None:
            name = public_id(Prefix.USER, user)
            return Refusal(code="not_found", detail=f"there is no user {name}")
        erased = self._destroy(user, members[0] if members else None, reason)
        if isinstance(erased, Refusal):
            return erased
        with self.store.begin(Scope(user=user)) as work:
            # Nobody joins anything any more.
            members = _members(work)
        keys = sum(self._tell(member, erased.at, reason) for member in members)
        return evolve(erased, api_keys=keys)

    def _destroy(self, user: UserId, first: Member | None, reason: str) -> Erased | Refusal:
        """All that is destroyed goes in one transaction, with the first of the events.

        A hold on the person is looked for in it, under the lock of holds.  One that comes later
        comes too late: what is left is to tell, and no hold stops that.
        """
        scope = Scope(organisation=first.organisation if first else None, user=user)
        with self.store.begin(scope) as work:
            work.legal_holds.lock()
            key = work.subject_keys.lock()
            now = self.clock.now()
            if key is not None and key.destroyed_at is not None:
                at = key.destroyed_at
                # Of a release that left them to the next step.
                work.api_keys.revoke_of_erased(at)
                return Erased(user=user, at=at, sessions=0, api_keys=0, is_repeated=True)
            if refusal := _held(work, user):
                return refusal
            if key is None and not work.subject_keys.add(
                SubjectKey(user=user, wrapped=None, made_at=now, destroyed_at=now)
            ):
                # Somebody has made one meanwhile.
                key = work.subject_keys.lock()
            if key is not None:
                work.subject_keys.destroy(now)
            work.users.erase(f"{public_id(Prefix.USER, user)}@{_NOWHERE}")
            work.letters.end_of_user(now)
            sessions = work.sessions.revoke_all(now)
            work.api_keys.revoke_of_erased(now)
            if first is not None:
                trail = self._trail(first)
                _say(trail, user, now, reason)
                trail.write(work)
        return Erased(user=user, at=now, sessions=sessions, api_keys=0, is_repeated=False)

    def _tell(self, member: Member, at: datetime, reason: str) -> int:
        """In this organisation: the event, where it is not there, and those of the API keys."""
        subject = public_id(Prefix.USER, member.user)
        with self.store.begin(Scope(organisation=member.organisation)) as work:
            trail = self._trail(member)
            if not any(event.action == ACTION for event in work.audit.of_subject(subject)):
                _say(trail, member.user, at, reason)
            made = keys_made_by(work.api_keys, member.id)
            untold = [key for key in made if _died_untold(work, key, at)]
            for key in untold:
                trail.add(
                    _REVOKED,
                    public_id(Prefix.API_KEY, key.id),
                    at,
                    live=key.live,
                    correlation=subject,
                )
            trail.write(work)
        return len(untold)

    def _trail(self, member: Member) -> Trail:
        return Trail(
            identifiers=self.identifiers, organisation=member.organisation, actor=OPERATOR
        )


def _say(trail: Trail, user: UserId, at: datetime, reason: str) -> None:
    trail.add(ACTION, public_id(Prefix.USER, user), at, details={"reason": reason})


def _members(work: Work) -> list[Member]:
    return [member for _, member in work.organisations.of_user()]


def _held(work: Work, user: UserId) -> Refusal | None:
    """By a hold on them or on a membership, on an organisation of theirs, or on everybody."""
    members = _members(work)
    subjects = [public_id(Prefix.USER, user)]
    subjects += [public_id(Prefix.MEMBER, member.id) for member in members]
    return refusal_for_subjects(work, [member.organisation for member in members], subjects)


def _died_untold(work: Work, key: ApiKey, at: datetime) -> bool:
    """Whether *key* was revoked by the erasing at *at*, and nobody has said so."""
    told = work.audit.of_subject(public_id(Prefix.API_KEY, key.id))
    return key.revoked_at == at and not any(event.action == _REVOKED for event in told)
