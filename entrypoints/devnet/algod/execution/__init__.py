"""What each type of transaction does to a draft: one module a type.

An effect has the fee already taken and the account already rekeyed.  It changes the draft or
refuses; whoever calls it drops the draft of what was refused.  `perform` takes all of a
transaction's way, for those that people send and for those that programs make.
"""

from collections.abc import Callable
from dataclasses import replace

from entrypoints.devnet.algod.applied import Applied
from entrypoints.devnet.algod.avm.run import Run
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS
from entrypoints.devnet.algod.execution import (
    application,
    asset_config,
    asset_freeze,
    asset_transfer,
    payment,
)
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction

Effect = Callable[[Draft, SignedTransaction], Applied]

EFFECTS: dict[str, Effect] = {
    "pay": payment.apply,
    "acfg": asset_config.apply,
    "axfer": asset_transfer.apply,
    "afrz": asset_freeze.apply,
}


def perform(draft: Draft, transaction: SignedTransaction, run: Run, position: int) -> Applied:
    """Fee, rekeying, effect.  Raises: RefusedError."""
    draft.move(transaction.sender, run.allowance.fee_sink, transaction.fee)
    _rekey(draft, transaction)
    if transaction.type == "appl":
        return application.apply(draft, transaction, run, position)
    return EFFECTS[transaction.type](draft, transaction)


def _rekey(draft: Draft, transaction: SignedTransaction) -> None:
    target = transaction.address("rekey")
    if target == ZERO_ADDRESS:
        return
    # Rekeyed to itself, an account is its own again.
    authorizer = ZERO_ADDRESS if target == transaction.sender else target
    account = draft.account(transaction.sender)
    draft.put(transaction.sender, replace(account, authorizer=authorizer))


__all__ = ["EFFECTS", "Applied", "Effect", "perform"]
