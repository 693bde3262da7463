"""Give up a passphrase that nobody gives: a custodian makes the keys after all.

::

    requested, waits for a passphrase ─▶ requested, as any other ─▶ a worker makes its key

For an organisation whose founder has left, and who alone could have given it.  An account that has
its key keeps it: there is nothing to give up.
"""

from collections.abc import Mapping, Sequence

from attrs import frozen

from application.access.caller import Caller
from application.audit.trail import Trail
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.account import Account, Origin
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import NetworkId, OrganisationId, Prefix, public_id
from domain.network import Family
from domain.organisation import Permission


@frozen(kw_only=True)
class GiveUpPassphrase:
    store: Store
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller) -> Sequence[Account] | Refusal:
        """The accounts that a custodian makes keys for instead; again the same, and no more."""
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        return self._given_up(caller.trail(self.identifiers))

    def by_operator(self, organisation: OrganisationId) -> Sequence[Account] | Refusal:
        """As `__call__`, by whoever runs the installation."""
        trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=OPERATOR)
        return self._given_up(trail)

    def _given_up(self, trail: Trail) -> Sequence[Account] | Refusal:
        """All of them at once: no organisation is left to wait for half of its accounts.

        Those of a family without a network here have nobody to make an address of them: they wait
        on, and may be given up once there is one.
        """
        families = {chain.network.family for chain in self.chains.values()}
        with self.store.begin(Scope(organisation=trail.organisation)) as work:
            accounts = [
                each
                for each in _locked(work)
                if each.family in families
                and (each.awaits_passphrase or each.origin is Origin.CUSTODIAN_INSTEAD)
            ]
            if not accounts:
                return Refusal(
                    code="no_passphrase_awaited",
                    detail="no account of the organisation waits for a passphrase",
                )
            for each in accounts:
                if refusal := self._in_the_way(each):
                    return refusal
            after = [self._without(work, trail, each) for each in accounts]
            trail.write(work)
        return after

    def _in_the_way(self, account: Account) -> Refusal | None:
        """Why its custodian cannot make the key.

        It stays the one that was to take the key in: what it may have taken in, it passes over.
        """
        scheme, curve = account.custodian, account.family.curve
        if not account.awaits_passphrase:
            return None
        if scheme not in self.custodians:
            detail = f"the custodian {scheme} is not configured"
            return Refusal(code="custodian_not_configured", detail=detail)
        if curve not in self.custodians[scheme].capabilities().curves:
            detail = f"the custodian {scheme} does not sign on {curve.value}"
            return Refusal(code="curve_not_offered", detail=detail)
        return None

    def _without(self, work: Work, trail: Trail, account: Account) -> Account:
        if not account.awaits_passphrase:
            return account
        waiting, named = account.without_passphrase(), public_id(Prefix.ACCOUNT, account.id)
        work.accounts.put(waiting)
        work.outbox.add("account.requested", named)
        trail.add(
            "account.passphrase_given_up",
            named,
            self.clock.now(),
            live=account.live,
            details={"family": account.family.value, "custodian": account.custodian},
        )
        return waiting


def _locked(work: Work) -> list[Account]:
    """All of the organisation's, in the order of locks: by id, whatever a clock has said."""
    found = [
        account
        for family in Family
        for live in (False, True)
        if (account := work.accounts.find(family, live=live)) is not None
    ]
    in_order = sorted(found, key=lambda account: account.id.int)
    return [account for each in in_order if (account := work.accounts.lock(each.id)) is not None]
