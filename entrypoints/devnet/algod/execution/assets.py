"""What the effects on assets share: looking one up, taking from and giving to holdings."""

from dataclasses import replace

from entrypoints.devnet.algod.accounts import AssetParameters
from entrypoints.devnet.algod.encoding import address_text
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft


def existing(draft: Draft, asset: int) -> tuple[AssetParameters, bytes]:
    """Its parameters and its creator.  A role that nobody has is the zero address, which never
    sends anything.

    Raises:
        RefusedError: there is no such asset.
    """
    creator = draft.creator(asset)
    if creator is None:
        raise RefusedError(f"asset {asset} does not exist or has been deleted")
    return draft.account(creator).created[asset], creator


def take(draft: Draft, address: bytes, asset: int, amount: int, *, even_frozen: bool) -> None:
    """Nothing is asked of whom nothing is taken from."""
    if not amount:
        return
    account = draft.account(address)
    holding = account.holdings.get(asset)
    if holding is None:
        raise RefusedError(f"asset {asset} missing from {address_text(address)}")
    if holding.frozen and not even_frozen:
        raise RefusedError(f"asset {asset} frozen in {address_text(address)}")
    if holding.amount < amount:
        raise RefusedError(
            f"underflow on subtracting {amount} from sender amount {holding.amount}"
        )
    rest = replace(holding, amount=holding.amount - amount)
    draft.put(address, account.with_holding(asset, rest))


def give(draft: Draft, address: bytes, asset: int, amount: int, *, even_frozen: bool) -> None:
    if not amount:
        return
    account = draft.account(address)
    holding = account.holdings.get(asset)
    if holding is None:
        raise RefusedError(
            f"receiver error: must optin, asset {asset} missing from {address_text(address)}"
        )
    if holding.frozen and not even_frozen:
        raise RefusedError("asset frozen in recipient")
    # No holding can overflow: all of them together are the asset's total.
    increased = replace(holding, amount=holding.amount + amount)
    draft.put(address, account.with_holding(asset, increased))
