"""Type-2 transactions (EIP-1559): drafts, their digests, and what signatures make of them.

A draft's body is the transaction's fields as canonical JSON, every number as JSON-RPC writes it
(``"0x5208"``): what is stored can be read, and gives the same digest for ever.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.datatypes import PublicKey as EthPublicKey
from eth_keys.datatypes import Signature as EthSignature
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from adapters.evm.fees import Offer
from domain.audit import canonical
from domain.operation import Attempt, Draft, Signable, SignedTransaction, TransactionId
from domain.signing import Curve, PublicKey, Purpose, Signature

#: Order of secp256k1.
_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141

FILL_GAS = 21_000

_NUMBERS = ("chainId", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "nonce", "type", "value")


def draft(
    *,
    chain_id: int,
    sender: str,
    nonce: int,
    gas: int,
    offered: Offer,
    to: str,
    data: bytes,
    value: int = 0,
) -> Draft:
    """An unsigned transaction that carries *value* wei."""
    fields = {
        "chainId": hex(chain_id),
        "data": "0x" + data.hex(),
        "gas": hex(gas),
        "maxFeePerGas": hex(offered.max_fee),
        "maxPriorityFeePerGas": hex(offered.priority_fee),
        "nonce": hex(nonce),
        "to": to_checksum_address(to),
        "type": "0x2",
        "value": hex(value),
    }
    return Draft(
        signables=(Signable(sender, _digest(fields), Purpose.EVM_TRANSACTION),),
        body=canonical(fields),
        fee_cap=offered.max_fee,
        value=value,
    )


def offered_by(attempt: Attempt) -> Offer:
    """What an earlier attempt offers; a found one may have offered all of its cap to the block."""
    if not attempt.body:
        return Offer(max_fee=attempt.fee_cap, priority_fee=attempt.fee_cap)
    fields = json.loads(attempt.body)
    return Offer(
        max_fee=int(fields["maxFeePerGas"], 16),
        priority_fee=int(fields["maxPriorityFeePerGas"], 16),
    )


def given_to(attempts: Sequence[Attempt], to: str, data: bytes) -> tuple[int, int] | None:
    """Gas and value in wei that an earlier attempt at the very same call was given."""
    for attempt in attempts:
        fields = json.loads(attempt.body) if attempt.body else {}
        if fields.get("to") == to_checksum_address(to) and fields["data"] == "0x" + data.hex():
            return int(fields["gas"], 16), int(fields["value"], 16)
    return None


def assemble(
    unsigned: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
) -> SignedTransaction:
    """*unsigned* with its one signature, S in the lower half of the order (EIP-2).

    Raises:
        ValueError: the signature is not by the account that the draft names.
    """
    if len(unsigned.signables) != 1 or len(signatures) != 1:
        raise ValueError(f"one signature is needed, and {len(signatures)} are there")
    (signable,), ((key, signature),) = unsigned.signables, signatures
    fields = json.loads(unsigned.body)
    if _digest(fields) != signable.message:
        raise ValueError("the draft's digest is not that of its body")
    if address_of(key) != signable.signer:
        raise ValueError(f"{signable.signer} must sign, and {address_of(key)} did")
    r, s = int.from_bytes(signature.raw[:32]), int.from_bytes(signature.raw[32:])
    s = min(s, _ORDER - s)
    parity = _parity(key, signable.message, r, s)
    raw = bytes(_typed(fields | {"v": parity, "r": r, "s": s}).encode())
    if Account.recover_transaction(raw) != signable.signer:
        raise ValueError(f"the signed bytes do not recover to {signable.signer}")
    return SignedTransaction(id=id_of(raw), raw=raw)


def address_of(key: PublicKey) -> str:
    """EIP-55 spelling of the last 20 bytes of the key's hash.

    Raises:
        ValueError: a key of another curve.
    """
    if key.curve is not Curve.SECP256K1:
        raise ValueError(f"a {key.curve.value} key has no address here")
    return to_checksum_address(keccak(key.raw)[-20:])


def id_of(raw: bytes) -> TransactionId:
    return TransactionId("0x" + keccak(raw).hex())


def rebuilt(found: Mapping[str, Any]) -> bytes | None:
    """The signed bytes of a transaction that a node describes; None unless they hash to its id."""
    if found.get("type") != "0x2" or found.get("to") is None:
        return None
    try:
        fields = {name: found[name] for name in _NUMBERS} | {
            "to": to_checksum_address(found["to"]),
            "data": found["input"],
            "accessList": found.get("accessList", []),
            "v": int(found.get("yParity", found["v"]), 16),
            "r": int(found["r"], 16),
            "s": int(found["s"], 16),
        }
        raw = bytes(_typed(fields).encode())
    except (KeyError, TypeError, ValueError):
        return None
    return raw if id_of(raw) == found.get("hash") else None


def _parity(key: PublicKey, digest: bytes, r: int, s: int) -> int:
    """The bit that custodians do not tell: the one under which the signature gives the key."""
    wanted = EthPublicKey(key.raw)
    for parity in (0, 1):
        try:
            signature = EthSignature(vrs=(parity, r, s))
            if signature.recover_public_key_from_msg_hash(digest) == wanted:
                return parity
        except (BadSignature, ValidationError):
            continue
    raise ValueError("the signature was made by another key, or over another message")


def _digest(fields: Mapping[str, Any]) -> bytes:
    return bytes(_typed(fields).hash())


def _typed(fields: Mapping[str, Any]) -> TypedTransaction:
    return TypedTransaction.from_dict(
        {name: int(v, 16) if name in _NUMBERS else v for name, v in fields.items()}
    )
