"""What the effects on assets share: looking one up, taking from and giving to holdings."""

from dataclasses import replace

from entrypoints.devnet.algod.accounts import Asset
from entrypoints.devnet.algod.encoding import address_text
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft


def existing(draft: Draft, id: int) -> Asset:
    """A role that nobody has is the zero address, which never sends anything.

    Raises:
        RefusedError: there is no such asset.
    """
    asset = draft.asset(id)
    if asset is None:
        raise RefusedError(f"asset {id} does not exist or has been deleted")
    return asset


def is_creator(draft: Draft, address: bytes, id: int) -> bool:
    asset = draft.asset(id)
    return asset is not None and asset.creator == address


def take(draft: Draft, address: bytes, asset: int, amount: int, *, even_frozen: bool) -> None:
    """Nothing is asked of whom nothing is taken from."""
    if not amount:
        return
    holding = draft.holding(address, asset)
    if holding is None:
        raise RefusedError(f"asset {asset} missing from {address_text(address)}")
    if holding.frozen and not even_frozen:
        raise RefusedError(f"asset {asset} frozen in {address_text(address)}")
    if holding.amount < amount:
        raise RefusedError(
            f"underflow on subtracting {amount} from sender amount {holding.amount}"
        )
    draft.put_holding(address, asset, replace(holding, amount=holding.amount - amount))


def give(draft: Draft, address: bytes, asset: int, amount: int, *, even_frozen: bool) -> None:
    """No holding can overflow: all of them together are the asset's total."""
    if not amount:
        return
    holding = draft.holding(address, asset)
    if holding is None:
        raise RefusedError(
            f"receiver error: must optin, asset {asset} missing from {address_text(address)}"
        )
    if holding.frozen and not even_frozen:
        raise RefusedError("asset frozen in recipient")
    draft.put_holding(address, asset, replace(holding, amount=holding.amount + amount))
