"""Withdraw a change of keys that no worker has begun with."""

from attrs import frozen

from application.access.caller import Caller
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Store
from domain.errors import Refusal
from domain.identifiers import KeyChangeId, Prefix, public_id
from domain.key_change import KeyChange, KeyChangeState
from domain.organisation import Permission

_UNKNOWN = Refusal(code="not_found", detail="there is no such key change")


@frozen(kw_only=True)
class WithdrawKeyChange:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self, caller: Caller, id: KeyChangeId) -> KeyChange | Refusal:
        """Withdrawing what is withdrawn already is no error.

        A key that its custodian has made meanwhile is nobody's, and is found again by whoever
        asks for one next.
        """
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        with self.store.begin(caller.scope) as work:
            seen = work.key_changes.get(id)
            account = work.accounts.lock(seen.account) if seen is not None else None
            change = work.key_changes.get(id)
            if account is None or change is None:
                return _UNKNOWN
            if change.state is KeyChangeState.CANCELLED:
                return change
            if change.state is not KeyChangeState.REQUESTED:
                detail = f"the change is {change.state.value}"
                return Refusal(code="too_late_to_cancel", detail=detail)
            now = self.clock.now()
            cancelled = change.cancelled(now)
            work.key_changes.put(cancelled)
            trail = caller.trail(self.identifiers)
            trail.add(
                "key_change.cancelled",
                change.named,
                now,
                live=account.live,
                details={"account": public_id(Prefix.ACCOUNT, account.id)},
            )
            trail.write(work)
        return cancelled
