"""Put back what a queue may have lost, and forget what is over.

Every task can be made again from a row: accounts that still have no key are asked for again, gifts
that have not arrived are delivered again, exports that nobody is at are gone on with, letters
that were not sent are sent.
"""

from datetime import timedelta

from attrs import frozen

from application.exports.request import TOPIC as EXPORTS
from application.mail.write import TOPIC as LETTERS
from application.people.gifts import TOPIC
from application.ports.clock import Clock
from application.ports.storage.work import Scope, Store
from application.ports.tasks import Tasks
from domain.abuse import MEMORY
from domain.identifiers import Prefix, public_id

BATCH = 100
MONTHS_AHEAD = 3
#: How long a letter is remembered that is over.
LETTERS_KEPT = timedelta(days=7)
FLOWS_KEPT = timedelta(days=1)


@frozen(kw_only=True)
class Sweep:
    store: Store
    tasks: Tasks
    clock: Clock

    def __call__(self) -> int:
        """Tell how many tasks were made again."""
        now = self.clock.now()
        with self.store.begin(Scope.installation()) as work:
            requested = work.accounts.requested(BATCH)
            gifts = work.gifts.under_way(BATCH)
            exports = work.exports.waiting(BATCH)
            letters = work.letters.due(now, BATCH)
            work.idempotency.purge(now)
            work.login_attempts.purge(now - MEMORY - timedelta(hours=1))
            work.letters.purge(now - LETTERS_KEPT)
            work.sign_in_flows.purge(now - FLOWS_KEPT)
        with self.store.begin(Scope.installation()) as work:
            work.audit.prepare_months(now, MONTHS_AHEAD)
        for organisation, id in requested:
            self.tasks.defer("account.requested", organisation, public_id(Prefix.ACCOUNT, id))
        for organisation, gift in gifts:
            self.tasks.defer(TOPIC, organisation, public_id(Prefix.GIFT, gift))
        for organisation, export in exports:
            self.tasks.defer(EXPORTS, organisation, public_id(Prefix.EXPORT, export))
        for organisation, letter in letters:
            self.tasks.defer(LETTERS, organisation, public_id(Prefix.LETTER, letter))
        return len(requested) + len(gifts) + len(exports) + len(letters)
