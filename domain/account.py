"""Issuing accounts: where an organisation issues from, on one family of networks, in one mode.

An account may have had several keys.  Which one signs for an address the chain says, so an account
keeps all that it ever had::

    its own key       rules `address`; what is made from now on is made with it
    earlier keys      rule what was not moved: an address of before, or a network that still obeys
    adopted address   made elsewhere, and handed over to a key of the account, network by network
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from attrs import evolve, frozen

from domain.errors import IllegalTransitionError
from domain.identifiers import AccountId, KeyRef, NetworkId, OrganisationId
from domain.network import Family
from domain.signing import PublicKey


class AccountState(Enum):
    REQUESTED = "requested"
    READY = "ready"
    #: Its own key signs nothing any more, for ever.
    FAILED = "failed"
    #: Nothing is begun or signed with it until somebody enables it.
    DISABLED = "disabled"


class Origin(Enum):
    """Where the secret of its first key comes from."""

    CUSTODIAN = "custodian"
    #: From a passphrase of its owner's, by ARC-76: nobody makes a key before it is given.
    ARC76 = "arc76"
    #: From a custodian, since the passphrase was given up before it was given.
    CUSTODIAN_INSTEAD = "custodian_instead"


@frozen(kw_only=True)
class AccountKey:
    """One of an account's keys."""

    key: KeyRef
    public_key: PublicKey
    #: The address that it was to rule.
    address: str
    #: Once it is not, it never is again.
    is_enabled: bool = True
    #: Requests may name its custodian, and issue from its address instead of the account's own.
    issues: bool = False
    #: Where its address was adopted: it obeys the key there, and is issued from there alone.
    networks: frozenset[NetworkId] = frozenset()

    @property
    def custodian(self) -> str:
        """Scheme of the custodian that holds it."""
        return self.key.partition(":")[0]


@frozen(kw_only=True)
class Account:
    """Never a log-in, never a ledger account.

    A row starts requested; the worker creates its key, with credentials the API does not have,
    unless its origin is a passphrase.
    """

    organisation: OrganisationId
    id: AccountId
    family: Family
    live: bool
    #: Scheme of the custodian that shall hold, or holds, the key: ``local-keys``.
    custodian: str
    origin: Origin = Origin.CUSTODIAN
    state: AccountState = AccountState.REQUESTED
    key: KeyRef | None = None
    public_key: PublicKey | None = None
    address: str | None = None
    #: All keys but its own, oldest first: those of before, and one that is being moved to.
    further_keys: tuple[AccountKey, ...] = ()
    created_at: datetime

    @property
    def own_key(self) -> AccountKey | None:
        if self.key is None or self.public_key is None or self.address is None:
            return None
        is_enabled = self.state is not AccountState.FAILED
        return AccountKey(
            key=self.key,
            public_key=self.public_key,
            address=self.address,
            is_enabled=is_enabled,
        )

    @property
    def keys(self) -> tuple[AccountKey, ...]:
        """All of them, its own first."""
        return (*([self.own_key] if self.own_key is not None else []), *self.further_keys)

    @property
    def awaits_passphrase(self) -> bool:
        return self.origin is Origin.ARC76 and self.state is AccountState.REQUESTED

    def find(self, key: KeyRef) -> AccountKey | None:
        return next((each for each in self.keys if each.key == key), None)

    def issuing(self, custodian: str | None, network: NetworkId) -> AccountKey | None:
        """From which address is issued where a request names *custodian*; None: from none."""
        for each in reversed(self.further_keys):
            is_meant = custodian in {None, each.custodian}
            if network in each.networks and each.is_enabled and is_meant:
                return each
        if custodian in {None, self.custodian}:
            return self.own_key
        return next(
            (
                each
                for each in reversed(self.further_keys)
                if each.issues and each.is_enabled and each.custodian == custodian
            ),
            None,
        )

    def ruling(self, address: str) -> AccountKey | None:
        """The key that was last to rule one of the account's addresses."""
        latest_first = (*self.keys[:1], *reversed(self.keys[1:]))
        return next((each for each in latest_first if each.address == address), None)

    def newest_at(self, custodian: str) -> AccountKey | None:
        """The key of the highest version that *custodian* holds."""
        held = [each for each in self.keys if each.custodian == custodian]
        return max(held, key=lambda each: int(each.key.rpartition("/")[2]), default=None)

    def with_key(self, key: KeyRef, public_key: PublicKey, address: str) -> Account:
        """The account once its key exists."""
        if self.state is not AccountState.REQUESTED:
            msg = f"account {self.id} is {self.state.value}: it has its key already"
            raise IllegalTransitionError(msg)
        return evolve(
            self, state=AccountState.READY, key=key, public_key=public_key, address=address
        )

    def without_passphrase(self) -> Account:
        """The account whose key its custodian makes after all."""
        if not self.awaits_passphrase:
            raise IllegalTransitionError(f"account {self.id} awaits no passphrase")
        return evolve(self, origin=Origin.CUSTODIAN_INSTEAD)

    def with_further(self, key: AccountKey) -> Account:
        """The account with one more key, which rules nothing yet."""
        if self.find(key.key) is not None:
            raise IllegalTransitionError(f"account {self.id} has {key.key} already")
        return evolve(self, further_keys=(*self.further_keys, key))

    def with_adopted(self, address: str, network: NetworkId) -> Account:
        """The account once *address* obeys its own key on *network*."""
        own = self.own_key
        if own is None or self.state is not AccountState.READY:
            raise IllegalTransitionError(f"account {self.id} can adopt nothing")
        known = next(
            (each for each in self.further_keys if (each.key, each.address) == (own.key, address)),
            None,
        )
        before = known or evolve(own, address=address)
        adopted = evolve(before, networks=before.networks | {network})
        # Last, as the one that was adopted last is issued from.
        others = tuple(each for each in self.further_keys if each is not known)
        return evolve(self, further_keys=(*others, adopted))

    def moved_to(self, key: KeyRef) -> Account:
        """The account with one of its further keys for its own."""
        before, after = self.own_key, self.find(key)
        if before is None or after is None or not after.is_enabled:
            raise IllegalTransitionError(f"account {self.id} cannot have {key} for its own")
        if before.key == key:
            return self
        further = (*(each for each in self.further_keys if each is not after), before)
        is_failed = self.state is AccountState.FAILED
        return evolve(
            self,
            custodian=after.custodian,
            # What failed for want of a key has one again.
            state=AccountState.READY if is_failed else self.state,
            key=after.key,
            public_key=after.public_key,
            address=after.address,
            further_keys=further,
        )

    def without(self, key: KeyRef) -> Account:
        """The account after *key* was disabled where it is held."""
        return evolve(
            self,
            state=AccountState.FAILED if self.key == key else self.state,
            # An address that was adopted obeys the account's own key, too.
            further_keys=tuple(
                evolve(each, is_enabled=False) if each.key == key else each
                for each in self.further_keys
            ),
        )

    def enabled(self) -> Account:
        return self._switched(AccountState.DISABLED, AccountState.READY)

    def disabled(self) -> Account:
        return self._switched(AccountState.READY, AccountState.DISABLED)

    def _switched(self, before: AccountState, after: AccountState) -> Account:
        if self.state is not before:
            raise IllegalTransitionError(f"account {self.id} is {self.state.value}")
        return evolve(self, state=after)
