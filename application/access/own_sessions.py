"""A person's own sessions: end one, and have the current one act for another organisation."""

from attrs import evolve, frozen

from application.access.caller import Caller
from application.audit.personal import KnowPeople
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import OrganisationId, Prefix, SessionId, public_id
from domain.organisation import Member, Session

_NONE = Refusal(code="not_found", detail="there is no such session")


@frozen(kw_only=True)
class EndSession:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def __call__(self, caller: Caller, id: SessionId) -> Refusal | None:
        """Ending one that is over is no error."""
        if caller.user is None:
            return Refusal(code="session_required", detail="an API key has no sessions")
        with self.store.begin(Scope(user=caller.user)) as work:
            standing = work.sessions.standing(id)
        if standing is None:
            return _NONE
        _, organisation, member = standing
        person = self.people(caller.user, caller.source)
        # The trail of the organisation that it acts for.
        with self.store.begin(Scope(organisation=organisation.id, user=caller.user)) as work:
            session = work.sessions.lock(id)
            if session is None:
                return _NONE
            if session.revoked_at is not None:
                return None
            now = self.clock.now()
            work.sessions.put(evolve(session, revoked_at=now, successor=None))
            trail = _trail(self.identifiers, member, caller.request_id)
            trail.add(
                "session.revoked",
                public_id(Prefix.SESSION, id),
                now,
                details={"reason": "ended_by_its_user"},
                person=person,
            )
            trail.write(work)
        return None


@frozen(kw_only=True)
class SwitchOrganisation:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def __call__(self, caller: Caller, to: OrganisationId) -> Session | Refusal:
        """The session goes on, its tokens too: they name the session only."""
        if caller.user is None or caller.session is None:
            return Refusal(code="session_required", detail="an API key has one organisation")
        with self.store.begin(Scope(user=caller.user)) as work:
            members = [member for _, member in work.organisations.of_user()]
        member = next((each for each in members if each.organisation == to), None)
        if member is None:
            return Refusal(code="not_found", detail="you are in no such organisation")
        person = self.people(caller.user, caller.source)
        with self.store.begin(Scope(organisation=to, user=caller.user)) as work:
            session = work.sessions.lock(caller.session)
            if session is None or session.revoked_at is not None:
                return Refusal(code="invalid_token", detail="this session is over; log in again")
            if session.organisation == to:
                return session
            switched = evolve(session, organisation=to)
            work.sessions.put(switched)
            trail = _trail(self.identifiers, member, caller.request_id)
            name = public_id(Prefix.SESSION, session.id)
            trail.add("session.switched", name, self.clock.now(), person=person)
            trail.write(work)
        return switched


def _trail(identifiers: Identifiers, member: Member, request_id: str) -> Trail:
    return Trail(
        identifiers=identifiers,
        organisation=member.organisation,
        actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
        request_id=request_id,
    )
