"""What each type of transaction does to a draft: one module a type, found through `EFFECTS`.

An effect has the fee already taken and the account already rekeyed.  It changes the draft or
refuses; whoever calls it drops the draft of what was refused.  An interpreter of programs is one
more module here, and one more line in `EFFECTS`.
"""

from collections.abc import Callable

from entrypoints.devnet.algod.execution import (
    asset_config,
    asset_freeze,
    asset_transfer,
    payment,
)
from entrypoints.devnet.algod.execution.applied import Applied
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction

Effect = Callable[[Draft, SignedTransaction], Applied]

EFFECTS: dict[str, Effect] = {
    "pay": payment.apply,
    "acfg": asset_config.apply,
    "axfer": asset_transfer.apply,
    "afrz": asset_freeze.apply,
}

__all__ = ["EFFECTS", "Applied", "Effect"]
