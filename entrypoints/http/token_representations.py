"""The public shape of tokens, written by hand, field by field."""

from application.tokens.inspect import Inspection
from domain.audit import timestamp
from domain.deployment import Deployment
from domain.identifiers import Prefix, instant_of, public_id
from domain.network import Network
from domain.token import KindDescription, TokenState
from entrypoints.http.error_codes import ERROR_CODES
from entrypoints.http.representations import Document, block, token_url


def token(
    each: Deployment, owner: str | None, kind: KindDescription | None, network: Network | None
) -> Document:
    """As it was issued by the deployment *each*, and of whom it is now.

    *kind*: None where it is offered no longer.
    """
    id = public_id(Prefix.TOKEN, each.id)
    path = f"/v1/tokens/{id}"
    return {
        "id": id,
        "deployment": each.named,
        "live": each.live,
        "network": each.network,
        "kind": each.token.kind,
        "standard": None if kind is None else kind.standard,
        "name": each.token.name,
        "symbol": each.token.symbol,
        "decimals": each.token.decimals,
        "token": dict(each.token.parameters),
        "address": each.result,
        "address_url": token_url(network, each.token, each.result),
        "owner": owner,
        "account": None if each.account is None else public_id(Prefix.ACCOUNT, each.account),
        "actions": [] if kind is None else [action.value for action in kind.actions],
        "client_reference": each.client_reference,
        "metadata": dict(each.metadata),
        "created_at": timestamp(instant_of(each.id) or each.accepted_at),
        "links": {
            "self": path,
            "deployment": f"/v1/deployments/{each.named}",
            "operations": f"{path}/operations",
            "compliance_indicators": f"{path}/compliance-indicators",
        },
    }


def seen(each: Inspection) -> Document:
    """What its chain shows."""
    gone = ERROR_CODES["token_gone"]
    return {
        "state": None if each.found is None else state(each.found),
        "state_missing": None if each.found is not None else _missing(gone.code, gone.title),
        "differences": list(each.differences),
        "operations_under_way": each.under_way,
    }


def unseen(code: str) -> Document:
    """Its chain could not be asked, for the reason *code*."""
    return {
        "state": None,
        "state_missing": _missing(code, ERROR_CODES[code].title),
        "differences": None,
        "operations_under_way": None,
    }


def state(each: TokenState) -> Document:
    return {
        "name": each.name,
        "symbol": each.symbol,
        "decimals": each.decimals,
        "supply": str(each.supply),
        "cap": None if each.cap is None else str(each.cap),
        "powers": {power.value: list(holders) for power, holders in each.powers.items()},
        "paused": each.paused,
        "frozen_by_default": each.frozen_by_default,
        "url": each.url,
        "metadata_hash": each.metadata_hash,
        "code": each.code,
        "block": block(each.at),
    }


def _missing(code: str, title: str) -> Document:
    return {"code": code, "sentence": f"{title}."}
