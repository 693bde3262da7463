"""`axfer`: opt in, transfer, claw back, close."""

from entrypoints.devnet.algod.accounts import Holding
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text
from entrypoints.devnet.algod.execution.applied import NOTHING, Applied
from entrypoints.devnet.algod.execution.assets import existing, give, take
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction) -> Applied:
    asset, amount = transaction.number("xaid"), transaction.number("aamt")
    receiver = transaction.address("arcv")
    source, clawback = transaction.sender, False
    if transaction.address("asnd") != ZERO_ADDRESS:
        parameters, _ = existing(draft, asset)
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
    account = draft.account(address)
    if asset not in account.holdings:
        parameters, _ = existing(draft, asset)
        holding = Holding(frozen=parameters.default_frozen)
        draft.put(address, account.with_holding(asset, holding))


def _close(draft: Draft, source: bytes, asset: int, target: bytes) -> Applied:
    account = draft.account(source)
    if asset in account.created:
        raise RefusedError("cannot close asset ID in allocating account")
    holding = account.holdings.get(asset)
    if holding is None:
        raise RefusedError(f"asset {asset} not present in account {address_text(source)}")
    # What is frozen may still go back to where it came from.
    home = asset in draft.account(target).created
    take(draft, source, asset, holding.amount, even_frozen=home)
    give(draft, target, asset, holding.amount, even_frozen=home)
    rest = draft.account(source).holdings[asset].amount
    if rest:
        raise RefusedError(f"asset {asset} not zero ({rest}) after closing")
    draft.put(source, draft.account(source).without_holding(asset))
    return Applied(asset_closing_amount=holding.amount)
