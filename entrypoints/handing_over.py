"""An account of somebody's own, made to obey another key, where its secret is."""

import base64
from datetime import timedelta
from importlib import import_module

from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.signing import Curve

_ANSWER_WITHIN = timedelta(seconds=10)


def handed_over(
    secret: bytearray, ruler: str, node: Endpoint, *, submits: bool
) -> dict[str, object] | Refusal:
    """The signed rekey of the Algorand account of *secret*, for people and programs.

    The node is asked what a transaction of now must say, and is sent it with *submits* only.

    Raises:
        ValueError: *node* has no usable URL.
        ChainUnavailableError.
    """
    curves = import_module("adapters.local_keys.curves")
    group = import_module("adapters.algorand.group")
    line = import_module("adapters.algorand.handing_over").HandingOver.at(node, _ANSWER_WITHIN)
    public_key = curves.public_key_of(Curve.ED25519, secret)
    made = line.draft(group.address_of(public_key), ruler)
    if isinstance(made, Refusal):
        return made
    (signable,) = made.draft.signables
    signature = curves.sign(Curve.ED25519, secret, signable.message)
    signed = group.assemble(made.draft, [(public_key, signature)])
    refusal = line.submit(signed) if submits else None
    if refusal is not None:
        return Refusal(code=refusal.code, detail=refusal.detail)
    return {
        "address": made.address,
        "to": made.ruler,
        "network": made.network,
        "genesis": made.genesis,
        "first_round": made.first_round,
        "last_round": made.last_round,
        "fee_microalgos": made.fee_microalgos,
        "transaction_id": signed.id,
        "signed_transaction": base64.b64encode(signed.raw).decode(),
        "submitted": submits,
    }
