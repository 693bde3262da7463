"""`acfg`: create an asset, change its roles, or destroy it."""

from dataclasses import replace

from entrypoints.devnet.algod.accounts import AssetParameters, Holding
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text
from entrypoints.devnet.algod.execution.applied import NOTHING, Applied
from entrypoints.devnet.algod.execution.assets import existing
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction


def apply(draft: Draft, transaction: SignedTransaction) -> Applied:
    asset, fields = transaction.number("caid"), transaction.txn.get("apar", {})
    if asset == 0:
        return _create(draft, transaction.sender, AssetParameters.from_fields(fields))
    parameters, creator = existing(draft, asset)
    if transaction.sender != parameters.manager:
        raise RefusedError(
            "this transaction should be issued by the manager. It is issued by"
            f" {address_text(transaction.sender)}, manager key"
            f" {address_text(parameters.manager)}"
        )
    if fields:
        wanted = AssetParameters.from_fields(fields)
        changed = _with_roles_of(parameters, wanted)
        draft.put(creator, draft.account(creator).with_created(asset, changed))
    else:
        _destroy(draft, asset, parameters, creator)
    return NOTHING


def _create(draft: Draft, creator: bytes, parameters: AssetParameters) -> Applied:
    # The transaction is counted after it was applied, and the asset has its number.
    asset = draft.counter() + 1
    account = draft.account(creator).with_created(asset, parameters)
    draft.put(creator, account.with_holding(asset, Holding(parameters.total)))
    draft.creators[asset] = creator
    return Applied(created_asset=asset)


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


def _destroy(draft: Draft, asset: int, parameters: AssetParameters, creator: bytes) -> None:
    account = draft.account(creator)
    held = account.holdings[asset].amount
    if held != parameters.total:
        raise RefusedError(
            f"cannot destroy asset: creator is holding only {held}/{parameters.total}"
        )
    draft.put(creator, account.without_created(asset).without_holding(asset))
    draft.creators[asset] = None
