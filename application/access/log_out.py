"""Log out: the session is over, whatever tokens of it are still around."""

from attrs import evolve, frozen

from application.access.caller import Caller
from application.audit.personal import KnowPeople
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.identifiers import Prefix, public_id


@frozen(kw_only=True)
class LogOut:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople

    def __call__(self, caller: Caller) -> None:
        if caller.session is None or caller.user is None:
            return
        person = self.people(caller.user, caller.source)
        scope = Scope(organisation=caller.organisation, user=caller.user)
        with self.store.begin(scope) as work:
            session = work.sessions.lock(caller.session)
            if session is None or session.revoked_at is not None:
                return
            now = self.clock.now()
            work.sessions.put(evolve(session, revoked_at=now))
            trail = caller.trail(self.identifiers)
            trail.add("session.closed", public_id(Prefix.SESSION, session.id), now, person=person)
            trail.write(work)
