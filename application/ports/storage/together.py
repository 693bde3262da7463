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


class SharedStore(Store, Protocol):
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
