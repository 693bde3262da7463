"""Several organisations' works in one transaction: how waiting commands share a commit."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from attrs import frozen

from application.ports.clock import Clock
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.identifiers import HoldId, OrganisationId


@frozen(kw_only=True)
class Wanted:
    """What is to be known of one organisation beside its wallet."""

    holds: frozenset[HoldId] = frozenset()
    #: Those of them that are to be made, unless they are there.
    new: frozenset[HoldId] = frozenset()
    #: Public ids of the members whose `Throttles` are locked, before any wallet.
    askers: frozenset[str] = frozenset()
    #: Under which something may be remembered.
    keys: frozenset[IdempotencyKey] = frozenset()


@frozen(kw_only=True)
class Joint:
    """A transaction that holds several wallets.  Locks of later ranks are not to be had in it."""

    #: Each sees and changes its own organisation only.
    works: Mapping[OrganisationId, Work]
    #: Read when every wallet was locked.
    now: datetime
    #: Those whose wallet somebody else has: they are not waited for, and have no work here.
    busy: frozenset[OrganisationId]


class StaleError(Exception):
    """What a transaction took for known is not so, or not known; nothing of it was kept."""


class SharedStore(Store, Protocol):
    def known(
        self, wanted: Mapping[OrganisationId, Wanted], clock: Clock
    ) -> AbstractContextManager[Joint] | None:
        """As `together`, about what this process knows of all the wanted, without asking for it.

        None: something is not known.  At the end all that was taken for known is compared with
        what is so, under locks, and written in the same moment; nobody is busy.

        Raises:
            StaleError: where the works ask for more than is known, and at the end where anything
                is not as it was known.  Nothing was kept: serve them by `together`.
        """
        ...

    def together(
        self, wanted: Mapping[OrganisationId, Wanted], clock: Clock
    ) -> AbstractContextManager[Joint]:
        """As `begin`, for several organisations, with their wallets locked.

        What `Ledger.lock` tells of the wanted holds and of those whose lease is over, what
        `IdempotencyKeys.recall` tells of the wanted keys, and what is counted of the askers is
        loaded for all at once; what is recorded, counted and appended is written for all at once,
        at the end.
        One wanted organisation alone is waited for.
        """
        ...
