"""What was so at an instant, by what an organisation's audit trail says and nothing else."""

from datetime import datetime

from attrs import frozen

from application.ports.storage.work import Scope, Store
from domain.as_of import AsOf, State
from domain.identifiers import OrganisationId

_PAGE = 1_000


@frozen(kw_only=True)
class StateAsOf:
    store: Store

    def __call__(self, organisation: OrganisationId, instant: datetime) -> State:
        """The trail is read from its beginning, page by page: events are never changed, so each
        page may be a transaction of its own.
        """
        as_of = AsOf(instant)
        while True:
            last = as_of.sequence
            with self.store.begin(Scope(organisation=organisation)) as work:
                events = work.audit.all(after=last, limit=_PAGE)
            if not all(as_of.feed(event.content()) for event in events) or len(events) < _PAGE:
                return as_of.state()
