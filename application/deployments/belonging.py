"""Whose a token is, and why what is ordered of it waits while that changes.

An order is given by the token's owner.  What was accepted before a token changes hands, and is
untouched, is given by the new owner afterwards; what is begun lands before, or ends.
"""

from application.ports.storage.deployments import HAND_OVERS
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Work
from domain.deployment import Deployment
from domain.operation import OperationKind, Postponed, WaitReason


def owner_of(work: Work, token: Deployment) -> str | None:
    """The address that the token belongs to which the deployment *token* has made."""
    return work.deployments.handed_to([token.id]).get(token.id, token.owner)


def giver_of(work: Work, order: Deployment) -> str | None:
    """Who gives an untouched *order* as things are now; None: whoever it was given by before."""
    if not order.is_untouched or order.of is None or order.kind is OperationKind.HAND_OVER:
        return None
    return work.deployments.handed_to([order.of]).get(order.of)


def changing_hands(work: Work, operation: Deployment) -> Postponed | None:
    """Why *operation* must not begin, nor be said not to work; None: its token stays where it is.

    Ask under the account's lock before a slot is given.
    """
    if operation.of is None:
        return None
    if operation.kind is OperationKind.HAND_OVER:
        begun = [
            each
            for each in work.deployments.on_token(operation.of)
            if each.id != operation.id and each.state.is_open and not each.is_untouched
        ]
        if begun and not operation.has_begun:
            detail = f"{len(begun)} operations on the token are under way"
            return Postponed(WaitReason.QUEUED, detail)
        return None
    if not operation.is_untouched:
        return None
    handed = work.deployments.list(PageRequest(limit=100), kinds=HAND_OVERS, of=operation.of)
    for each in handed.items:
        if each.state.is_open:
            detail = f"{each.named} gives the token to another address of the account"
            return Postponed(WaitReason.ACCOUNT_NOT_READY, detail)
    if giver_of(work, operation) not in {None, operation.owner}:
        return Postponed(WaitReason.QUEUED, "its token belongs to another address by now")
    return None
