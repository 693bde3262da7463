"""Ask for another key, or for one key less.  Nothing happens here: a worker carries it out.

The API has no credentials for custodians.  What it can say beforehand, it says: which custodian
there is, what that one signs, and that an account has one change at a time.
"""

from collections.abc import Mapping

from attrs import frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.once import Answered, Once
from application.ports.clock import Clock
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store, Work
from domain.account import Account, AccountState
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import (
    INSTALLATION,
    AccountId,
    KeyChangeId,
    KeyRef,
    OrganisationId,
    Prefix,
    public_id,
)
from domain.key_change import KeyAction, KeyChange
from domain.organisation import Permission

_UNKNOWN = Refusal(code="not_found", detail="there is no such account")
#: Its lines of slots know its keys, and everybody's deployments are signed by them.
_TREASURY = Refusal(
    code="treasury_not_offered", detail="the keys of the treasury are not changed this way"
)


@frozen(kw_only=True)
class KeyWish:
    account: AccountId
    action: KeyAction
    #: Where to `MOVE` to, or to `ADD` one: the scheme of a custodian.
    custodian: str | None = None
    #: Which one to `DISABLE`.
    key: KeyRef | None = None


@frozen(kw_only=True)
class RequestKeyChange:
    store: Store
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]
    #: Schemes of those that organisations may choose.
    offered: frozenset[str]
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, caller: Caller, wish: KeyWish, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[KeyChange] | Refusal:
        """Store the request, once per *key*."""
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._accept(work, caller.trail(self.identifiers), caller.name, wish),
            id_of=lambda change: change.id,
            again=lambda work, id: work.key_changes.get(KeyChangeId(id)),
        )
        return once(caller.scope, key, fingerprint)

    def by_operator(self, organisation: OrganisationId, wish: KeyWish) -> KeyChange | Refusal:
        """As `__call__`, by whoever runs the installation; asked for again it is refused."""
        if organisation == INSTALLATION:
            return _TREASURY
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
        with self.store.begin(Scope(organisation=trail.organisation)) as work:
            return self._accept(work, trail, OPERATOR.kind, wish)

    def _accept(self, work: Work, trail: Trail, by: str, wish: KeyWish) -> KeyChange | Refusal:
        account = work.accounts.lock(wish.account)
        if account is None:
            return _UNKNOWN
        named = self._custodian(account, wish)
        if isinstance(named, Refusal):
            return named
        now = self.clock.now()
        change = KeyChange(
            organisation=trail.organisation,
            id=KeyChangeId(self.identifiers.next()),
            account=account.id,
            action=wish.action,
            custodian=named,
            key=wish.key if wish.action is KeyAction.DISABLE else None,
            requested_by=by,
            requested_at=now,
        )
        if not work.key_changes.add(change):
            return Refusal(
                code="key_change_under_way", detail="another change of this account's keys is open"
            )
        trail.add(
            "key_change.requested",
            change.named,
            now,
            live=account.live,
            details={
                "account": public_id(Prefix.ACCOUNT, account.id),
                "action": change.action.value,
                "custodian": change.custodian,
                "key": change.key,
            },
        )
        trail.write(work)
        return change

    def _custodian(self, account: Account, wish: KeyWish) -> str | Refusal:
        """The custodian whose key it is about, where the wish can be carried out."""
        own = account.own_key
        if own is None:
            return Refusal(code="account_not_ready", detail="the account has no key yet")
        if wish.action is KeyAction.DISABLE:
            return self._disabled_at(account, wish.key)
        keeps_its_key = account.family.rekeys or wish.action is KeyAction.REKEY
        if keeps_its_key and not own.is_enabled:
            detail = "a disabled key neither hands over its address nor signs for another's"
            return Refusal(code="key_disabled", detail=detail)
        scheme = wish.custodian if wish.action.names_a_custodian else account.custodian
        is_there = wish.action.names_a_custodian and scheme == account.custodian
        if scheme is None or is_there:
            detail = f"the account's key is at {account.custodian} already"
            return Refusal(code="custodian_unchanged", detail=detail)
        if wish.action.names_a_custodian and scheme not in self.offered:
            detail = f"offered here: {', '.join(sorted(self.offered))}"
            return Refusal(code="custodian_not_offered", detail=detail)
        return self._offered(account, scheme)

    def _disabled_at(self, account: Account, key: KeyRef | None) -> str | Refusal:
        known = account.find(key) if key is not None else None
        if known is None:
            return Refusal(code="not_found", detail="the account has no such key")
        is_own = key == account.key
        if is_own and account.state is AccountState.READY:
            # Two decisions, as it is for ever.
            detail = "it is the account's own key: disable the account first"
            return Refusal(code="key_in_use", detail=detail)
        if known.custodian not in self.custodians:
            # Nobody could carry it out, and no other change could be asked for meanwhile.
            return _not_configured(known.custodian)
        return known.custodian

    def _offered(self, account: Account, scheme: str) -> str | Refusal:
        if scheme not in self.custodians:
            return _not_configured(scheme)
        curve = account.family.curve
        if curve not in self.custodians[scheme].capabilities().curves:
            detail = f"the custodian {scheme} does not sign on {curve.value}"
            return Refusal(code="curve_not_offered", detail=detail)
        return scheme


def _not_configured(scheme: str) -> Refusal:
    detail = f"no custodian {scheme} is configured"
    return Refusal(code="custodian_not_configured", detail=detail)


@frozen(kw_only=True)
class ChooseCustodian:
    """Which of its addresses an organisation issues from where a request does not say."""

    store: Store
    offered: frozenset[str]
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller, custodian: str | None) -> str | Refusal | None:
        """None: each account's own.  What was accepted before goes on as it was accepted."""
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        if custodian is not None and custodian not in self.offered:
            detail = f"offered here: {', '.join(sorted(self.offered))}"
            return Refusal(code="custodian_not_offered", detail=detail)
        with self.store.begin(caller.scope) as work:
            # Under the wallet's lock, as deployments are accepted.
            work.ledger.stand_in_line()
            if work.accounts.chosen() != custodian:
                work.accounts.choose(custodian)
                trail = caller.trail(self.identifiers)
                trail.add(
                    "organisation.custodian_chosen",
                    public_id(Prefix.ORGANISATION, caller.organisation),
                    self.clock.now(),
                    details={"custodian": custodian},
                )
                trail.write(work)
        return custodian


@frozen(kw_only=True)
class SwitchAccount:
    """Take an account out of use, or back into it.  Needs no custodian, and counts at once."""

    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller, id: AccountId, *, on: bool) -> Account | Refusal:
        """Doing it twice does nothing more."""
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        return self._switch(caller.trail(self.identifiers), id, on=on)

    def by_operator(
        self, organisation: OrganisationId, id: AccountId, *, on: bool
    ) -> Account | Refusal:
        if organisation == INSTALLATION:
            return _TREASURY
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
        return self._switch(trail, id, on=on)

    def _switch(self, trail: Trail, id: AccountId, *, on: bool) -> Account | Refusal:
        with self.store.begin(Scope(organisation=trail.organisation)) as work:
            account = work.accounts.lock(id)
            if account is None:
                return _UNKNOWN
            wanted = AccountState.READY if on else AccountState.DISABLED
            if account.state is wanted:
                return account
            if account.state is AccountState.REQUESTED:
                return Refusal(code="account_not_ready", detail="the account has no key yet")
            if account.state is AccountState.FAILED:
                return Refusal(
                    code="key_disabled", detail="the account's key is disabled for good"
                )
            switched = account.enabled() if on else account.disabled()
            work.accounts.put(switched)
            trail.add(
                "account.enabled" if on else "account.disabled",
                public_id(Prefix.ACCOUNT, id),
                self.clock.now(),
                live=account.live,
            )
            trail.write(work)
        return switched
