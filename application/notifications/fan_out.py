"""From the trail to the lines of endpoints: whoever writes an event does nothing for it.

An endpoint's cursor says up to which number of the trail it was held against what it wants.  The
trail's numbers are given under one lock and without gaps, so nothing can appear below a number
that was seen, and moving the cursor in the transaction that adds the deliveries makes each event
one delivery, whichever worker does it.
"""

from collections.abc import Sequence

from attrs import evolve, frozen

from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.identifiers import DeliveryId, OrganisationId
from domain.notification import Notification, actions_of, notifications
from domain.webhook import Delivery, Endpoint

#: Organisations in one round.
_ROUND = 100
#: Events in one transaction.
BATCH = 200


@frozen(kw_only=True)
class FanOut:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def behind(self) -> list[OrganisationId]:
        """Whose trail has something new, for one round."""
        with self.store.begin(Scope()) as work:
            return work.webhooks.behind(_ROUND)

    def __call__(self, organisation: OrganisationId) -> int:
        """A batch of one organisation's events; how many deliveries they became."""
        with self.store.begin(Scope(organisation=organisation)) as work:
            endpoints = work.webhooks.lock_lagging()
            if not endpoints:
                return 0
            told, through = _news(work, endpoints)
            made: list[Delivery] = []
            for endpoint in endpoints:
                mine = self._deliveries(endpoint, told)
                made += mine
                after = endpoint.with_more(len(mine), self.clock.now())
                work.webhooks.put(evolve(after, cursor=max(endpoint.cursor, through)))
            work.webhooks.add_deliveries(made)
        return len(made)

    def _deliveries(self, endpoint: Endpoint, told: Sequence[Notification]) -> list[Delivery]:
        wanted = [
            each
            for each in told
            if each.sequence > endpoint.cursor and endpoint.wants(each.kind, live=each.live)
        ]
        return [
            Delivery.of(
                endpoint,
                each,
                id=DeliveryId(self.identifiers.next()),
                number=number,
                now=self.clock.now(),
            )
            for number, each in enumerate(wanted, start=endpoint.next_number)
        ]


def _news(work: Work, endpoints: Sequence[Endpoint]) -> tuple[list[Notification], int]:
    """What is behind the first of their cursors, and how far that goes."""
    end = work.audit.head()
    actions = frozenset[str]().union(*(actions_of(each.event_types) for each in endpoints))
    first = min(each.cursor for each in endpoints)
    events = work.audit.named(actions, after=first, through=end, limit=BATCH)
    return notifications(events), events[-1].sequence if len(events) == BATCH else end
