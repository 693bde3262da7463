"""Give a requested account its key, at the custodian it was requested from."""

from collections.abc import Mapping

from attrs import frozen

from application.audit.trail import Trail
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.account import Account, AccountState, Origin
from domain.audit import WORKER
from domain.identifiers import AccountId, NetworkId, OrganisationId, Prefix, public_id
from domain.network import Family


class NotConfiguredError(Exception):
    """This process lacks the custodian or the chain family the account needs."""


@frozen(kw_only=True)
class CreateAccountKey:
    store: Store
    custodians: Mapping[str, Custodian]
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(self, organisation: OrganisationId, id: AccountId) -> Account | None:
        """The account with its key.  Doing it twice, or two at once, gives one key.

        One whose origin is a passphrase waits for it.  Where that was given up, its custodian may
        have taken a key in all the same, from somebody who died over it: that one is passed over.

        Raises:
            NotConfiguredError, CustodyRefusedError, CustodyUnavailableError.
        """
        scope = Scope(organisation=organisation)
        with self.store.begin(scope) as work:
            account = work.accounts.get(id)
        if account is None or account.state is not AccountState.REQUESTED:
            return account
        if account.awaits_passphrase:
            return account
        custodian = self.custodians.get(account.custodian)
        if custodian is None:
            raise NotConfiguredError(f"no custodian {account.custodian} is configured")
        chain, family = chain_of(self.chains, account.family), account.family
        described = custodian.create_key(organisation, id, family.curve, family.key_use)
        may_be_taken_in = family.curve in custodian.capabilities().imports
        if account.origin is Origin.CUSTODIAN_INSTEAD and may_be_taken_in:
            # Only a first version is ever taken in.
            described = custodian.rotate(described.key)
        with self.store.begin(scope) as work:
            account = work.accounts.lock(id)
            if account is None or account.state is not AccountState.REQUESTED:
                return account
            address = chain.address(described.public_key)
            ready = account.with_key(described.key, described.public_key, address)
            work.accounts.put(ready)
            trail = Trail(identifiers=self.identifiers, organisation=organisation, actor=WORKER)
            trail.add(
                "account.ready",
                public_id(Prefix.ACCOUNT, id),
                self.clock.now(),
                live=ready.live,
                details={"address": address, "key": described.key},
            )
            trail.write(work)
        return ready


def chain_of(chains: Mapping[NetworkId, Chain], family: Family) -> Chain:
    """One that knows what addresses of *family* look like.

    Raises: NotConfiguredError.
    """
    for chain in chains.values():
        if chain.network.family is family:
            return chain
    raise NotConfiguredError(f"no network of the family {family.value} is configured")
