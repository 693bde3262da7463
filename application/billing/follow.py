"""Tell of licences that change because time passes, and give back what is off from then on.

Nothing is decided here: whoever begins something asks the facts itself, whether or not anybody has
looked since.
"""

from attrs import frozen

from application.audit.trail import Trail
from application.credits.licence import follow_licence
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import WORKER

BATCH = 100


@frozen(kw_only=True)
class FollowLicences:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self) -> int:
        """Tell how many organisations were looked at."""
        with self.store.begin(Scope()) as work:
            due = work.licences.due(self.clock.now(), BATCH)
        for organisation in due:
            with self.store.begin(Scope(organisation=organisation)) as work:
                work.ledger.stand_in_line()
                trail = Trail(
                    identifiers=self.identifiers, organisation=organisation, actor=WORKER
                )
                follow_licence(work, trail, self.clock.now())
                trail.write(work)
        return len(due)
