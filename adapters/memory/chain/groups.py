"""What an intent does on the chain with windows, and the bytes in which a group says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import asdict, evolve

from adapters.memory.chain import token as kind_of_token
from adapters.memory.chain.contract import Command
from adapters.memory.chain.windowed_node import Act, Anchoring, Call, Creation, Group
from adapters.memory.chain.windowed_world import Cell
from adapters.memory.signatures import is_by
from domain.anchor import ANCHOR, Anchor
from domain.errors import MisuseError
from domain.identifiers import NetworkId
from domain.operation import Intent, TransactionId
from domain.signing import Curve, PublicKey, Signature

PREFIX = b"TX"
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64


def group_of(network: NetworkId, intent: Intent, cell: Cell, fee: int) -> Group:
    """The same bytes for the same step, cell and fee: signing twice is signing once."""
    unnamed = Group(
        id=TransactionId(""),
        sender=intent.sender,
        lease=lease_of(network, intent).hex(),
        first=cell.first,
        last=cell.last,
        fee=fee,
        act=act_of(intent),
    )
    return evolve(unnamed, id=id_of(body_of(network, unnamed)))


def act_of(intent: Intent) -> Act:
    if intent.token.kind == ANCHOR:
        return Anchoring(owner=intent.sender, content=Anchor.of(intent.token).content.hex())
    if intent.order is None and intent.step == 1:
        return creation_of(intent)
    if intent.place is None:
        raise MisuseError("what is done with a token is done where it is")
    return Call(
        note=note_of(intent),
        owner=intent.owner,
        asset=asset_id(intent.place),
        command=Command.of(intent),
    )


def creation_of(intent: Intent) -> Creation:
    """What made, or makes, the intent's token."""
    token = intent.token
    return Creation(
        note=note_of(evolve(intent, step=1)),
        owner=intent.owner,
        kind=token.kind,
        name=token.name,
        symbol=token.symbol,
        decimals=token.decimals,
        supply=token.supply,
        is_ready=token.kind != kind_of_token.TWO_STEPS,
    )


def lease_of(network: NetworkId, intent: Intent) -> bytes:
    return hashlib.sha256(b"lease" + _json([network, note_of(intent)])).digest()


def note_of(intent: Intent) -> str:
    named = {
        "organisation": str(intent.organisation),
        "operation": str(intent.operation),
        "step": intent.step,
    }
    return _json(named).decode()


def asset_id(place: str) -> int:
    """0, which no asset has, where *place* is none."""
    return int(place) if place.isascii() and place.isdigit() else 0


def body_of(network: NetworkId, group: Group) -> bytes:
    fields = {name: value for name, value in asdict(group).items() if name not in {"id", "act"}}
    does = {type(group.act).__name__: asdict(group.act)}
    return _json({"network": network, "does": does, **fields})


def decoded(
    raw: bytes, network: NetworkId, address_of: Callable[[PublicKey], str]
) -> Group | None:
    """What a node makes of the bytes; None where they are not a signed group of its chain."""
    length, signers = _KEY_BYTES + _SIGNATURE_BYTES, []
    try:
        signed, body = raw[1 : 1 + raw[0] * length], raw[1 + raw[0] * length :]
        fields = json.loads(body)
        named, act = fields.pop("network"), _act(fields.pop("does"))
        group = Group(id=id_of(body), act=act, **fields)
        for start in range(0, len(signed), length):
            key = PublicKey(Curve.ED25519, signed[start : start + _KEY_BYTES])
            signature = Signature(Curve.ED25519, signed[start + _KEY_BYTES : start + length])
            signers.append(address_of(key) if is_by(key, PREFIX + body, signature) else "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    is_ours = named == network and signers == list(group.signers)
    return group if is_ours else None


def id_of(body: bytes) -> TransactionId:
    return TransactionId(hashlib.sha256(PREFIX + body).hexdigest())


def _act(does: Mapping[str, dict[str, Any]]) -> Act:
    ((name, contents),) = does.items()
    if name == "Creation":
        return Creation(**contents)
    if name == "Anchoring":
        return Anchoring(**contents)
    return Call(command=Command(**contents.pop("command")), **contents)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
