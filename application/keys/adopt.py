"""Adopt an address that was made elsewhere, where its owner has handed it over to a key of ours.

What shows that it is theirs to give is on chain: it obeys the key of the issuing account that
adopts it, and only who ruled it before could have told it to.
"""

from collections.abc import Mapping

from attrs import frozen

from application.access.caller import Caller
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store, Work
from domain.account import Account, AccountState
from domain.errors import Refusal
from domain.identifiers import AccountId, NetworkId, Prefix, public_id
from domain.organisation import Permission


@frozen(kw_only=True)
class AdoptAddress:
    store: Store
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, caller: Caller, id: AccountId, address: str, network: NetworkId
    ) -> Account | Refusal:
        """The account, which issues from *address* on *network* from now on; once, and again.

        Raises:
            ChainUnavailableError: nobody knows whom the address obeys.
            WrongChainError: the node is of another chain.
        """
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        with self.store.begin(caller.scope) as work:
            account = work.accounts.get(id)
        chain = self.chains[network]
        if account is None:
            return Refusal(code="not_found", detail="there is no such account")
        if address == account.address:
            return account
        if refusal := _unfit(account, chain):
            return refusal
        own = account.own_key
        if own is None:
            raise AssertionError("a ready account has its key")
        ruler, state = chain.address(own.public_key), chain.signer_state(address)
        if state.ruler != ruler:
            obeys = f"{address} does not obey {ruler} on {network}"
            return Refusal(code="address_not_ruled", detail=f"{obeys}; rekey it to that address")
        with self.store.begin(caller.scope) as work:
            return self._adopt(work, caller, account, address, network)

    def _adopt(
        self, work: Work, caller: Caller, seen: Account, address: str, network: NetworkId
    ) -> Account | Refusal:
        account = work.accounts.lock(seen.id)
        if account is None:
            raise AssertionError("an account is never deleted")
        if account.own_key != seen.own_key or work.key_changes.open_of(account.id) is not None:
            # Else it might be adopted for a key that is on its way out.
            return Refusal(
                code="key_change_under_way", detail="the account's keys are being changed"
            )
        if account.state is not AccountState.READY:
            return Refusal(code="account_disabled", detail=f"the account is {account.state.value}")
        adopted = account.with_adopted(address, network)
        # Their order counts: what was adopted last is issued from.
        if adopted.further_keys == account.further_keys:
            return account
        work.accounts.put(adopted)
        trail = caller.trail(self.identifiers)
        trail.add(
            "account.address_adopted",
            public_id(Prefix.ACCOUNT, account.id),
            self.clock.now(),
            live=account.live,
            details={"address": address, "key": account.key, "network": network},
        )
        trail.write(work)
        return adopted


def _unfit(account: Account, chain: Chain) -> Refusal | None:
    """Why *account* adopts nothing there."""
    if (account.family, account.live) != (chain.network.family, chain.network.live):
        return Refusal(code="account_not_found", detail="this account is for other networks")
    if not account.family.rekeys:
        detail = f"on {account.family.value} networks an address is its key"
        return Refusal(code="rekey_not_offered", detail=detail)
    if account.state is AccountState.REQUESTED:
        return Refusal(code="account_not_ready", detail="the account has no key yet")
    if account.state is not AccountState.READY:
        return Refusal(code="account_disabled", detail=f"the account is {account.state.value}")
    return None
