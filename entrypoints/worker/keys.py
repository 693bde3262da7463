"""What is asked of accounts' keys, gone on with by whoever looks."""

import logging
from collections.abc import Callable

from application.keys.carry_out import NotYetError
from application.ports.storage.work import Scope, Store, StoreUnavailableError
from domain.identifiers import KeyChangeId, OrganisationId, Prefix, public_id
from entrypoints.container import Container

log = logging.getLogger(__name__)

_BATCH = 100


def key_changes(container: Container) -> Callable[[], None]:
    """Look once at every change that is open."""
    store, carry_out = container.store(), container.carry_out_key_change()

    def look() -> None:
        for organisation, id in _all_open(store):
            try:
                carry_out(organisation, id)
            except NotYetError as error:
                # One that cannot go on stands in nobody's way.
                log.warning("%s", error)
            except StoreUnavailableError:
                # Nor would any other.
                raise
            except Exception:
                # A fault of ours, or a row that somebody has changed: the others go on.
                log.exception("%s stays as it is", public_id(Prefix.KEY_CHANGE, id))

    return look


def _all_open(store: Store) -> list[tuple[OrganisationId, KeyChangeId]]:
    """Oldest first.  All of them: however many wait, those behind them have their turn."""
    limit = _BATCH
    while True:
        with store.begin(Scope()) as work:
            found = work.key_changes.open(limit)
        if len(found) < limit:
            return found
        limit *= 2
