"""Erase a person: destroy the key under which the trail keeps what is personal.

What others need stays: ids, and the events that name them, whose proofs go on to hold.  Nobody
logs in as them again; their sessions and the API keys they made are dead.

Memberships that ended count as those that did not: a hold of an organisation that they left keeps
them, and it is told.  Of whoever is and was in none the installation's trail says it.

An event is of the instant when it is written, also where somebody goes on long after who began:
`erased_at` in it says when the erasing was.
"""

from datetime import datetime

from attrs import evolve, frozen

from application.access.links import unlink_all
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.access import keys_made_by
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.work import Scope, Store, Work
from application.retention.holds import refusal_for_subjects
from domain.audit import OPERATOR, JsonValue, timestamp
from domain.errors import Refusal
from domain.identifiers import (
    INSTALLATION,
    MemberId,
    OrganisationId,
    Prefix,
    UserId,
    public_id,
)
from domain.organisation import ApiKey

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
            members = work.organisations.memberships_of_user()
        if known is None:
            name = public_id(Prefix.USER, user)
            return Refusal(code="not_found", detail=f"there is no user {name}")
        # Whoever was in none is told of by the installation.
        first = members[0][0] if members else INSTALLATION
        erased = self._destroy(user, first, reason)
        if isinstance(erased, Refusal):
            return erased
        with self.store.begin(Scope(user=user)) as work:
            # Nobody joins anything any more.
            members = work.organisations.memberships_of_user()
        keys = sum(self._tell(*member, user, erased.at, reason) for member in members)
        if not members:
            self._tell_the_installation(user, erased.at, reason)
        return evolve(erased, api_keys=keys)

    def _destroy(self, user: UserId, first: OrganisationId, reason: str) -> Erased | Refusal:
        """All that is destroyed goes in one transaction, with the first of the events.

        A hold on the person is looked for in it, under the lock of holds.  One that comes later
        comes too late: what is left is to tell, and no hold stops that.
        """
        scope = Scope(organisation=first, user=user)
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
            unlink_all(work, now)
            sessions = work.sessions.revoke_all(now)
            work.api_keys.revoke_of_erased(now)
            trail = self._trail(first)
            _say(trail, user, now, now, reason)
            trail.write(work)
        return Erased(user=user, at=now, sessions=sessions, api_keys=0, is_repeated=False)

    def _tell(
        self,
        organisation: OrganisationId,
        member: MemberId,
        user: UserId,
        at: datetime,
        reason: str,
    ) -> int:
        """In this organisation: the event, where it is not there, and those of the API keys."""
        subject = public_id(Prefix.USER, user)
        with self.store.begin(Scope(organisation=organisation)) as work:
            trail = self._trail(organisation)
            now = self.clock.now()
            if not _is_told(work, subject):
                _say(trail, user, now, at, reason)
            made = keys_made_by(work.api_keys, member)
            untold = [key for key in made if _died_untold(work, key, at)]
            for key in untold:
                trail.add(
                    _REVOKED,
                    public_id(Prefix.API_KEY, key.id),
                    now,
                    live=key.live,
                    correlation=subject,
                    details={"erased_at": timestamp(at)},
                )
            trail.write(work)
        return len(untold)

    def _tell_the_installation(self, user: UserId, at: datetime, reason: str) -> None:
        """Where a release of before has told nobody."""
        with self.store.begin(Scope.installation()) as work:
            if _is_told(work, public_id(Prefix.USER, user)):
                return
            trail = self._trail(INSTALLATION)
            _say(trail, user, self.clock.now(), at, reason)
            trail.write(work)

    def _trail(self, organisation: OrganisationId) -> Trail:
        return Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)


def _say(trail: Trail, user: UserId, now: datetime, at: datetime, reason: str) -> None:
    details: dict[str, JsonValue] = {"erased_at": timestamp(at), "reason": reason}
    trail.add(ACTION, public_id(Prefix.USER, user), now, details=details)


def _is_told(work: Work, subject: str) -> bool:
    return any(event.action == ACTION for event in work.audit.of_subject(subject))


def _held(work: Work, user: UserId) -> Refusal | None:
    """By a hold on them or on a membership, on an organisation they are or were in, or on all."""
    members = work.organisations.memberships_of_user()
    subjects = [public_id(Prefix.USER, user)]
    subjects += [public_id(Prefix.MEMBER, member) for _, member in members]
    return refusal_for_subjects(work, [organisation for organisation, _ in members], subjects)


def _died_untold(work: Work, key: ApiKey, at: datetime) -> bool:
    """Whether *key* was revoked by the erasing at *at*, and nobody has said so."""
    told = work.audit.of_subject(public_id(Prefix.API_KEY, key.id))
    return key.revoked_at == at and not any(event.action == _REVOKED for event in told)
