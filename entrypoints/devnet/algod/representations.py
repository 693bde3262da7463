"""What goes out as JSON, in algod's words.

Addresses are text, other byte strings base64, and names that are not UTF-8 lose what is not.
"""

from collections.abc import Mapping
from typing import Any

from entrypoints.devnet.algod.accounts import Asset, Holding
from entrypoints.devnet.algod.applications import Application, LocalState, Schema
from entrypoints.devnet.algod.applied import Applied, Delta, Value, action
from entrypoints.devnet.algod.blocks import Block, Included
from entrypoints.devnet.algod.encoding import (
    ZERO_ADDRESS,
    Fields,
    address_text,
    base32,
    base64_text,
)
from entrypoints.devnet.algod.state import View
from entrypoints.devnet.algod.transactions import SignedTransaction

_ADDRESSES = frozenset({
    "snd", "rcv", "close", "rekey", "asnd", "arcv", "aclose", "fadd", "sgnr", "fees", "rwd",
    "m", "r", "f", "c", "apat", "sa",
})  # fmt: skip


def plain(fields: Fields) -> dict[str, Any]:
    """A msgpack map as algod's JSON encoder writes it."""
    return {name: _plain(name, value) for name, value in fields.items()}


def _plain(name: str, value: object) -> object:
    if isinstance(value, dict):
        return plain(value)
    if isinstance(value, list):
        return [_plain(name, item) for item in value]
    if isinstance(value, bytes):
        if name == "prev":
            return f"blk-{base32(value)}"
        return address_text(value) if name in _ADDRESSES else base64_text(value)
    if isinstance(value, str):
        return _text(value)
    return value


def block_fields(block: Block, *, header_only: bool) -> dict[str, Any]:
    """The block as a map: zero values are left out, as everywhere."""
    header = {name: value for name, value in block.header.items() if value}
    if header_only or not block.payset:
        return header
    return {**header, "txns": [included.fields() for included in block.payset]}


def pending(
    transaction: SignedTransaction,
    error: str,
    confirmed_round: int | None,
    included: Included | None,
) -> dict[str, Any]:
    """What became of a transaction; `txn` is left as a msgpack map."""
    content: dict[str, Any] = {"pool-error": error, "txn": dict(transaction.fields)}
    if included is None or confirmed_round is None:
        return content
    applied = included.applied
    content |= {
        "confirmed-round": confirmed_round,
        "closing-amount": applied.closing_amount,
        "asset-closing-amount": applied.asset_closing_amount,
        "sender-rewards": 0,
        "receiver-rewards": 0,
        "close-rewards": 0,
    }
    return content | _created(applied) | _evaluated(transaction, applied)


def _created(applied: Applied) -> dict[str, Any]:
    named = {
        "asset-index": applied.created_asset,
        "application-index": applied.created_application,
    }
    return {name: id for name, id in named.items() if id}


def _evaluated(transaction: SignedTransaction, applied: Applied) -> dict[str, Any]:
    """What its program did."""
    named = transaction.txn.get("apat", ())
    accounts = [transaction.sender, *named, *applied.shared_accounts]
    content: dict[str, Any] = {}
    if applied.logs:
        content["logs"] = list(applied.logs)
    if applied.global_delta:
        content["global-state-delta"] = _delta(applied.global_delta)
    if applied.local_deltas:
        content["local-state-delta"] = [
            {"address": address_text(accounts[place]), "delta": _delta(delta)}
            for place, delta in sorted(applied.local_deltas.items())
        ]
    if applied.inner:
        content["inner-txns"] = [_inner(each.transaction, each.applied) for each in applied.inner]
    return content


def _inner(transaction: SignedTransaction, applied: Applied) -> dict[str, Any]:
    content: dict[str, Any] = {"pool-error": "", "txn": dict(transaction.fields)}
    return content | _created(applied) | _evaluated(transaction, applied)


def _delta(delta: Delta) -> list[dict[str, Any]]:
    return [
        {"key": base64_text(key), "value": _change(value)} for key, value in sorted(delta.items())
    ]


def _change(value: Value | None) -> dict[str, Any]:
    change: dict[str, Any] = {"action": action(value)}
    if isinstance(value, bytes):
        change["bytes"] = base64_text(value)
    elif value is not None:
        change["uint"] = value
    return change


def account(address: bytes, view: View, *, without_lists: bool) -> dict[str, Any]:
    state = view.account(address)
    content: dict[str, Any] = {
        "address": address_text(address),
        "amount": state.microalgos,
        "amount-without-pending-rewards": state.microalgos,
        "apps-total-schema": {"num-byte-slice": state.byte_slices, "num-uint": state.uints},
        "min-balance": state.min_balance,
        "pending-rewards": 0,
        "reward-base": 0,
        "rewards": 0,
        "round": view.round,
        "status": "Offline",
        "total-apps-opted-in": state.opted_in,
        "total-assets-opted-in": state.holdings,
        "total-created-apps": state.applications,
        "total-created-assets": state.created,
    }
    if state.authorizer != ZERO_ADDRESS:
        content["auth-addr"] = address_text(state.authorizer)
    few = {
        "apps-total-extra-pages": state.extra_pages,
        "total-boxes": state.boxes,
        "total-box-bytes": state.box_bytes,
    }
    content |= {name: count for name, count in few.items() if count}
    if without_lists:
        return content
    return content | {
        "apps-local-state": [
            local_state(id, local) for id, local in view.locals_of(address).items()
        ],
        "created-apps": [
            application(id, found) for id, found in view.applications_of(address).items()
        ],
        "assets": [holding(asset, held) for asset, held in view.holdings_of(address).items()],
        "created-assets": [
            created_asset(id, Asset(address, parameters))
            for id, parameters in view.created_by(address).items()
        ],
    }


def holding(asset: int, held: Holding) -> dict[str, Any]:
    return {"amount": held.amount, "asset-id": asset, "is-frozen": held.frozen}


def created_asset(id: int, asset: Asset) -> dict[str, Any]:
    return {"index": id, "params": asset_parameters(asset)}


def asset_parameters(asset: Asset) -> dict[str, Any]:
    parameters = asset.parameters
    content: dict[str, Any] = {
        "creator": address_text(asset.creator),
        "decimals": parameters.decimals,
        "default-frozen": parameters.default_frozen,
        "total": parameters.total,
    }
    for name, text in [
        ("name", parameters.name),
        ("unit-name", parameters.unit_name),
        ("url", parameters.url),
    ]:
        if text:
            content[f"{name}-b64"] = base64_text(text.encode(errors="surrogateescape"))
            # What cannot be printed is told in base64 only.
            if text.isprintable():
                content[name] = text
    for name, address in [
        ("manager", parameters.manager),
        ("reserve", parameters.reserve),
        ("freeze", parameters.freeze),
        ("clawback", parameters.clawback),
    ]:
        if address != ZERO_ADDRESS:
            content[name] = address_text(address)
    if any(parameters.metadata_hash):
        content["metadata-hash"] = base64_text(parameters.metadata_hash)
    return content


def application(id: int, found: Application) -> dict[str, Any]:
    return {"id": id, "params": application_parameters(found)}


def application_parameters(found: Application) -> dict[str, Any]:
    content: dict[str, Any] = {
        "approval-program": base64_text(found.approval),
        "clear-state-program": base64_text(found.clear),
        "creator": address_text(found.creator),
        "global-state-schema": _schema(found.global_schema),
        "local-state-schema": _schema(found.local_schema),
    }
    if found.extra_pages:
        content["extra-program-pages"] = found.extra_pages
    if found.state:
        content["global-state"] = _state(found.state)
    return content


def local_state(id: int, local: LocalState) -> dict[str, Any]:
    content: dict[str, Any] = {"id": id, "schema": _schema(local.schema)}
    return {**content, "key-value": _state(local.state)} if local.state else content


def _schema(schema: Schema) -> dict[str, int]:
    return {"num-byte-slice": schema.byte_slices, "num-uint": schema.uints}


def _state(state: Mapping[bytes, Value]) -> list[dict[str, Any]]:
    """Sorted by key; type 1 is bytes, type 2 a number."""
    return [
        {"key": base64_text(key), "value": _state_value(value)}
        for key, value in sorted(state.items())
    ]


def _state_value(value: Value) -> dict[str, Any]:
    if isinstance(value, int):
        return {"bytes": "", "type": 2, "uint": value}
    return {"bytes": base64_text(value), "type": 1, "uint": 0}


def _text(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")
