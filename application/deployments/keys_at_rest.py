"""While an account's authority changes on a chain, nothing else of it is in flight there.

What was signed by the one key could not land after a rekey, and would fail through no fault of its
own.  So a rekey takes its slot when nothing else of the account has one, and while a change is
under way nothing else is given one: both are decided under the account's lock.  Where tokens go
with the account, it is the same for each token and what is ordered of it.
"""

from application.deployments.belonging import changing_hands
from application.ports.storage.work import Work
from domain.account import Account, AccountKey, AccountState
from domain.deployment import Deployment
from domain.key_change import KeyAction, KeyChangeState
from domain.operation import OperationKind, Postponed, WaitReason


def keys_at_rest(work: Work, operation: Deployment, account: Account | None) -> Postponed | None:
    """Why *operation* must not have a slot now; None: it may.  *account* is locked."""
    if account is None:
        return None
    if operation.kind is OperationKind.REKEY:
        others = work.deployments.in_flight(account.id, operation.network, operation.id)
        if others:
            detail = f"{others} operations of the account are in flight"
            return Postponed(WaitReason.QUEUED, detail)
        return None
    is_of_a_change = operation.kind is OperationKind.HAND_OVER
    if account.state is AccountState.DISABLED and not is_of_a_change:
        detail = "the issuing account is disabled"
        return Postponed(WaitReason.ACCOUNT_NOT_READY, detail)
    if not account.family.rekeys:
        ruling = account.ruling(operation.owner or "")
        if ruling is not None and is_disabled(work, account, ruling):
            # What would be issued to its address could never be ordered about.
            detail = f"the key of {ruling.address} is disabled for good"
            return Postponed(WaitReason.ACCOUNT_NOT_READY, detail)
        is_stopped = account.state is AccountState.DISABLED
        return changing_hands(work, operation, is_stopped=is_stopped)
    change = work.key_changes.open_of(account.id)
    rekey = work.deployments.get(change.operation(operation.network)) if change else None
    if change is None or rekey is None or not rekey.state.is_open:
        return None
    detail = f"{change.named} gives the issuing account another key"
    return Postponed(WaitReason.ACCOUNT_NOT_READY, detail)


def is_disabled(work: Work, account: Account, key: AccountKey) -> bool:
    """Whether one of the account's keys signs nothing any more, or is being disabled this moment.

    Ask under the account's lock or the wallet's: whoever disables a key begins under both.
    """
    change = work.key_changes.open_of(account.id)
    is_under_way = (
        change is not None
        and (change.action, change.state) == (KeyAction.DISABLE, KeyChangeState.UNDER_WAY)
        and change.key == key.key
    )
    return is_under_way or not key.is_enabled
