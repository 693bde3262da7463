"""`afrz`: freeze or thaw one holding."""

from dataclasses import replace

from entrypoints.devnet.algod.applied import NOTHING, Applied
from entrypoints.devnet.algod.encoding import address_text
from entrypoints.devnet.algod.execution.assets import existing
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction) -> Applied:
    asset, address = transaction.number("faid"), transaction.address("fadd")
    parameters = existing(draft, asset).parameters
    if transaction.sender != parameters.freeze:
        raise RefusedError(
            f"freeze not allowed: sender {address_text(transaction.sender)},"
            f" freeze {address_text(parameters.freeze)}"
        )
    holding = draft.holding(address, asset)
    if holding is None:
        raise RefusedError("asset not found in account")
    frozen = bool(transaction.txn.get("afrz", False))
    draft.put_holding(address, asset, replace(holding, frozen=frozen))
    return NOTHING
