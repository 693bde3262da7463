"""Hand on what committed transactions left in the outbox.

At least once: a task deferred just before a crash is deferred again, and every task may repeat.
"""

from attrs import frozen

from application.ports.storage.work import Scope, Store
from application.ports.tasks import Tasks

BATCH = 100


@frozen(kw_only=True)
class Dispatch:
    store: Store
    tasks: Tasks

    def __call__(self) -> int:
        """Hand on the oldest rows; tell how many there were."""
        with self.store.begin(Scope.installation()) as work:
            rows = work.outbox.take(BATCH)
            # The queue lives in the same database: this is a write of ours, not a call outside.
            for row in rows:
                self.tasks.defer(row.topic, row.organisation, row.key)
        return len(rows)
