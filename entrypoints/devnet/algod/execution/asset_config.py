"""`acfg`: create an asset, change its roles, or destroy it."""

from dataclasses import replace

from entrypoints.devnet.algod.accounts import Asset, AssetParameters, Holding
from entrypoints.devnet.algod.applied import NOTHING, Applied
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text
from entrypoints.devnet.algod.execution.assets import existing
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction) -> Applied:
    id, fields = transaction.number("caid"), transaction.txn.get("apar", {})
    if id == 0:
        return _create(draft, transaction.sender, AssetParameters.from_fields(fields))
    asset = existing(draft, id)
    if transaction.sender != asset.parameters.manager:
        raise RefusedError(
            "this transaction should be issued by the manager. It is issued by"
            f" {address_text(transaction.sender)}, manager key"
            f" {address_text(asset.parameters.manager)}"
        )
    if fields:
        wanted = AssetParameters.from_fields(fields)
        draft.put_asset(id, asset.creator, _with_roles_of(asset.parameters, wanted))
    else:
        _destroy(draft, id, asset)
    return NOTHING


def _create(draft: Draft, creator: bytes, parameters: AssetParameters) -> Applied:
    # The transaction is counted after it was applied, and the asset has its number.
    id = draft.counter() + 1
    draft.put_asset(id, creator, parameters)
    draft.put_holding(creator, id, Holding(parameters.total))
    return Applied(created_asset=id)


def _with_roles_of(parameters: AssetParameters, wanted: AssetParameters) -> AssetParameters:
    """A role that was given up once stays so; all that is no role is ignored."""

    def role(now: bytes, then: bytes) -> bytes:
        return ZERO_ADDRESS if now == ZERO_ADDRESS else then

    return replace(
        parameters,
        manager=role(parameters.manager, wanted.manager),
        reserve=role(parameters.reserve, wanted.reserve),
        freeze=role(parameters.freeze, wanted.freeze),
        clawback=role(parameters.clawback, wanted.clawback),
    )


def _destroy(draft: Draft, id: int, asset: Asset) -> None:
    total = asset.parameters.total
    holding = draft.holding(asset.creator, id)
    held = 0 if holding is None else holding.amount
    if held != total:
        raise RefusedError(f"cannot destroy asset: creator is holding only {held}/{total}")
    draft.put_asset(id, asset.creator, None)
    draft.put_holding(asset.creator, id, None)
