"""What an intent does on the chain that counts, and the bytes in which a transaction says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from attrs import asdict

from adapters.memory.chain.contract import Command
from adapters.memory.chain.node import (
    GAS_OF_A_CALL,
    Act,
    Anchoring,
    Call,
    Creation,
    Payment,
    Sent,
)
from adapters.memory.signatures import is_by
from domain.anchor import ANCHOR, Anchor
from domain.errors import MisuseError
from domain.identifiers import NetworkId
from domain.network import Network
from domain.operation import Intent, TransactionId
from domain.signing import Curve, PublicKey, Signature

_KEY_BYTES, _SIGNATURE_BYTES = 64, 64
_FUND, _ACT = 1, 2


def sender_of(intent: Intent) -> str:
    """Who sends the intent's step, and whose nonce it takes: an order is the issuer's to give."""
    is_order = intent.order is not None and intent.step == _ACT
    return intent.owner if is_order else intent.sender


def funding_of(network: Network) -> int:
    """What an issuer is given for one order: its cost at the highest price."""
    return GAS_OF_A_CALL * network.fee_ceiling


def act_of(intent: Intent, funding: int) -> Act:
    if intent.token.kind == ANCHOR:
        anchor = Anchor.of(intent.token)
        return Anchoring(
            organisation=str(intent.organisation),
            operation=str(intent.operation),
            place=intent.sender,
            subject=anchor.subject.hex(),
            content=anchor.content.hex(),
        )
    if intent.order is None:
        return creation_of(intent)
    if intent.place is None:
        raise MisuseError("an order is about a token that has a place")
    organisation, operation = str(intent.organisation), str(intent.operation)
    if intent.step == _FUND:
        return Payment(
            organisation=organisation,
            operation=operation,
            step=intent.step,
            place=intent.place,
            to=intent.owner,
            amount=funding,
        )
    return Call(
        organisation=organisation,
        operation=operation,
        step=intent.step,
        place=intent.place,
        command=Command.of(intent),
    )


def creation_of(intent: Intent) -> Creation:
    token = intent.token
    contents = [
        intent.sender,
        str(intent.organisation),
        str(intent.operation),
        token.kind,
        dict(token.parameters),
        intent.owner,
    ]
    digest = hashlib.sha256(_json(contents)).hexdigest()
    return Creation(
        address="0x" + digest[-40:],
        organisation=str(intent.organisation),
        operation=str(intent.operation),
        kind=token.kind,
        name=token.name,
        symbol=token.symbol,
        decimals=token.decimals,
        supply=token.supply,
        owner=intent.owner,
    )


def encoded(network: NetworkId, sender: str, nonce: int, fee_cap: int, act: Act | None) -> bytes:
    does = None if act is None else {type(act).__name__: asdict(act)}
    return _json(
        {"network": network, "sender": sender, "nonce": nonce, "fee_cap": fee_cap, "does": does}
    )


def decoded(raw: bytes, network: NetworkId, address_of: Callable[[PublicKey], str]) -> Sent | None:
    """What a node makes of the bytes; None where they are not a signed transaction of it."""
    try:
        key = PublicKey(Curve.SECP256K1, raw[:_KEY_BYTES])
        ends = _KEY_BYTES + _SIGNATURE_BYTES
        signature = Signature(Curve.SECP256K1, raw[_KEY_BYTES:ends])
        body = raw[ends:]
        fields = json.loads(body)
        sent = Sent(
            id=id_of(raw),
            raw=raw,
            sender=fields["sender"],
            nonce=fields["nonce"],
            fee_cap=fields["fee_cap"],
            act=_act(fields["does"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    is_ours = fields["network"] == network and address_of(key) == sent.sender
    return sent if is_ours and is_by(key, hashlib.sha256(body).digest(), signature) else None


def id_of(raw: bytes) -> TransactionId:
    return TransactionId("0x" + hashlib.sha256(raw).hexdigest())


def _act(does: dict[str, dict[str, Any]] | None) -> Act | None:
    if does is None:
        return None
    ((name, contents),) = does.items()
    match name:
        case "Creation":
            return Creation(**contents)
        case "Payment":
            return Payment(**contents)
        case "Anchoring":
            return Anchoring(**contents)
        case _:
            return Call(command=Command(**contents.pop("command")), **contents)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
