"""`pay`: microalgos to a receiver, and perhaps all that is left to somebody else."""

from entrypoints.devnet.algod.accounts import EMPTY
from entrypoints.devnet.algod.applied import NOTHING, Applied
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction) -> Applied:
    receiver, amount = transaction.address("rcv"), transaction.number("amt")
    if amount or receiver != ZERO_ADDRESS:
        draft.move(transaction.sender, receiver, amount)
    target = transaction.address("close")
    if target == ZERO_ADDRESS:
        return NOTHING
    rest = draft.account(transaction.sender).microalgos
    draft.move(transaction.sender, target, rest)
    left = draft.account(transaction.sender)
    for count, what in [
        (left.holdings, "assets"),
        (left.opted_in, "applications opted in. Please opt out or clear them"),
        (left.applications, "created applications"),
        (left.boxes, "boxes"),
    ]:
        if count:
            raise RefusedError(f"cannot close: {count} outstanding {what}")
    draft.put(transaction.sender, EMPTY)
    return Applied(closing_amount=rest)
