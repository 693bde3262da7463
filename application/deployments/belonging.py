"""Whose a token is, and why what is ordered of it waits while that changes.

An order is given by the token's owner.  What was accepted before a token changes hands, and is
untouched, is given by the new owner afterwards; what is begun lands before, or ends.  Nothing that
is begun goes on while its account is disabled: then a hand-over waits for what may land, and for
nothing else.
"""

from application.ports.storage.deployments import HAND_OVERS
from application.ports.storage.paging import LONGEST_PAGE, PageRequest
from application.ports.storage.work import Work
from domain.deployment import Deployment
from domain.identifiers import OperationId
from domain.operation import OperationKind, Postponed, WaitReason


def owner_of(work: Work, token: Deployment) -> str | None:
    """The address that the token belongs to which the deployment *token* has made."""
    return work.deployments.handed_to([token.id]).get(token.id, token.owner)


def hand_overs_of(work: Work, token: OperationId) -> list[Deployment]:
    """All that have given the token of the deployment *token* to somebody, or are to."""
    found: list[Deployment] = []
    while True:
        asked = PageRequest(limit=LONGEST_PAGE, after=found[-1].id if found else None)
        page = work.deployments.list(asked, kinds=HAND_OVERS, of=token)
        found.extend(page.items)
        if not page.has_more:
            return found


def giver_of(work: Work, order: Deployment) -> str | None:
    """Who gives an untouched *order* as things are now; None: whoever it was given by before."""
    if not order.is_untouched or order.of is None or order.kind is OperationKind.HAND_OVER:
        return None
    return work.deployments.handed_to([order.of]).get(order.of)


def changing_hands(
    work: Work, operation: Deployment, *, is_stopped: bool = False
) -> Postponed | None:
    """Why *operation* must not begin, nor be said not to work; None: its token stays where it is.

    Ask under the account's lock before a slot is given; *is_stopped* where that is disabled.
    """
    if operation.of is None:
        return None
    if operation.kind is OperationKind.HAND_OVER:
        begun = [
            each
            for each in work.deployments.on_token(operation.of)
            if each.id != operation.id and _comes_first(each, is_stopped=is_stopped)
        ]
        if begun and not operation.has_begun:
            detail = f"{len(begun)} operations on the token are under way"
            return Postponed(WaitReason.QUEUED, detail)
        return None
    for each in hand_overs_of(work, operation.of):
        # What is begun lands before a hand-over that is not.
        if each.state.is_open and (operation.is_untouched or not each.is_untouched):
            detail = f"{each.named} gives the token to another address of the account"
            return Postponed(WaitReason.ACCOUNT_NOT_READY, detail)
    if operation.is_untouched and giver_of(work, operation) not in {None, operation.owner}:
        return Postponed(WaitReason.QUEUED, "its token belongs to another address by now")
    return None


def _comes_first(begun: Deployment, *, is_stopped: bool) -> bool:
    """Whether its token is not handed over before *begun* is over."""
    if not begun.state.is_open:
        return False
    has_slot = begun.step.open_slot is not None
    # Of a disabled account nothing is given another slot.
    return has_slot if is_stopped else not begun.is_untouched
