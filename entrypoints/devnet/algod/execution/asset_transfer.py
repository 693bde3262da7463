"""`axfer`: opt in, transfer, claw back, close."""

from entrypoints.devnet.algod.accounts import Holding
from entrypoints.devnet.algod.applied import NOTHING, Applied
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text
from entrypoints.devnet.algod.execution.assets import existing, give, is_creator, take
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction) -> Applied:
    asset, amount = transaction.number("xaid"), transaction.number("aamt")
    receiver = transaction.address("arcv")
    source, clawback = transaction.sender, False
    if transaction.address("asnd") != ZERO_ADDRESS:
        parameters = existing(draft, asset).parameters
        if transaction.sender != parameters.clawback:
            raise RefusedError(
                f"clawback not allowed: sender {address_text(transaction.sender)},"
                f" clawback {address_text(parameters.clawback)}"
            )
        source, clawback = transaction.address("asnd"), True
    if not amount and receiver == source and not clawback:
        _opt_in(draft, source, asset)
    take(draft, source, asset, amount, even_frozen=clawback)
    give(draft, receiver, asset, amount, even_frozen=clawback)
    target = transaction.address("aclose")
    return NOTHING if target == ZERO_ADDRESS else _close(draft, source, asset, target)


def _opt_in(draft: Draft, address: bytes, asset: int) -> None:
    if draft.holding(address, asset) is None:
        frozen = existing(draft, asset).parameters.default_frozen
        draft.put_holding(address, asset, Holding(frozen=frozen))


def _close(draft: Draft, source: bytes, asset: int, target: bytes) -> Applied:
    if is_creator(draft, source, asset):
        raise RefusedError("cannot close asset ID in allocating account")
    holding = draft.holding(source, asset)
    if holding is None:
        raise RefusedError(f"asset {asset} not present in account {address_text(source)}")
    # What is frozen may still go back to where it came from.
    home = is_creator(draft, target, asset)
    take(draft, source, asset, holding.amount, even_frozen=home)
    give(draft, target, asset, holding.amount, even_frozen=home)
    rest = draft.holding(source, asset)
    if rest is not None and rest.amount:
        raise RefusedError(f"asset {asset} not zero ({rest.amount}) after closing")
    draft.put_holding(source, asset, None)
    return Applied(asset_closing_amount=holding.amount)
