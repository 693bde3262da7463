"""What a node checks of a group before it looks at any balance: form, fees and signatures.

In this order, which is the node's: whoever is malformed is told so before being asked for a fee,
and nobody's signature is verified who does not pay.  A real node adds no prefix to these.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from entrypoints.devnet.algod.application_form import check_application_call
from entrypoints.devnet.algod.encoding import ZERO_ADDRESS, address_text
from entrypoints.devnet.algod.limits import (
    MIN_FEE,
    MOST_ASSET_DECIMALS,
    MOST_ASSET_NAME_BYTES,
    MOST_ASSET_UNIT_BYTES,
    MOST_ASSET_URL_BYTES,
    MOST_NOTE_BYTES,
    MOST_VALID_ROUNDS,
    RefusedError,
)
from entrypoints.devnet.algod.transactions import (
    FIELDS_OF,
    Group,
    SignedTransaction,
    has_fields_of,
)

BAD_SIGNATURE = "At least one signature didn't pass verification"
#: The types that some module of `execution` applies.
_TAKEN = {"pay", "acfg", "axfer", "afrz", "appl"}
_OTHER_SIGNATURES = {"msig": "multisig", "lsig": "logic signature", "pqsig": "post-quantum"}


def verify(group: Group, *, empty_signatures: bool = False) -> None:
    """Raises: RefusedError: as a node words it, with HTTP 400.

    `empty_signatures` lets unsigned transactions through, as a simulation may ask for; a signature
    that is there must be good all the same.
    """
    for transaction in group:
        try:
            check_form(transaction)
            _check_one_signature(transaction, may_be_empty=empty_signatures)
        except RefusedError as error:
            raise RefusedError(f"transaction {transaction.txid} invalid : {error}") from error
    paid = sum(transaction.fee for transaction in group)
    if paid < MIN_FEE * len(group):
        raise RefusedError(
            f"txgroup had {paid} in fees, which is less than the minimum {len(group)} * {MIN_FEE}"
        )
    if not all(_is_signed(transaction) for transaction in group):
        raise RefusedError(BAD_SIGNATURE)


def check_form(transaction: SignedTransaction) -> None:
    """Whether the transaction could be valid on some ledger."""
    kind = transaction.type
    if kind not in FIELDS_OF:
        raise RefusedError(f"unknown tx type {kind}")
    for other in FIELDS_OF:
        if other != kind and has_fields_of(transaction, other):
            raise RefusedError(f"transaction of type {kind} has non-zero fields for type {other}")
    if kind not in _TAKEN:
        raise RefusedError(f"this development chain does not execute {kind} transactions yet")
    if kind == "pay" and transaction.sender == transaction.address("close"):
        raise RefusedError(
            f"transaction cannot close account to its sender {address_text(transaction.sender)}"
        )
    if kind == "acfg":
        _check_asset_config(transaction)
    if kind == "axfer":
        _check_asset_transfer(transaction)
    if kind == "afrz":
        _check_asset_freeze(transaction)
    if kind == "appl":
        check_application_call(transaction)
    first, last = transaction.first_valid, transaction.last_valid
    if last < first:
        raise RefusedError(f"transaction invalid range ({first}--{last})")
    if last - first > MOST_VALID_ROUNDS:
        raise RefusedError(f"transaction window size excessive ({first}--{last})")
    if len(transaction.note) > MOST_NOTE_BYTES:
        raise RefusedError(
            f"transaction note too big: {len(transaction.note)} > {MOST_NOTE_BYTES}"
        )
    if transaction.sender == ZERO_ADDRESS:
        raise RefusedError("transaction cannot have zero sender")


def _check_asset_config(transaction: SignedTransaction) -> None:
    parameters = transaction.txn.get("apar", {})
    for name, field, most in [
        ("name", "an", MOST_ASSET_NAME_BYTES),
        ("unit name", "un", MOST_ASSET_UNIT_BYTES),
        ("url", "au", MOST_ASSET_URL_BYTES),
    ]:
        size = len(parameters.get(field, "").encode(errors="surrogateescape"))
        if size > most:
            raise RefusedError(f"transaction asset {name} too big: {size} > {most}")
    if parameters.get("dc", 0) > MOST_ASSET_DECIMALS:
        raise RefusedError(
            f"transaction asset decimals is too high (max is {MOST_ASSET_DECIMALS})"
        )


def _check_asset_transfer(transaction: SignedTransaction) -> None:
    if transaction.number("xaid") == 0:
        raise RefusedError("asset ID cannot be zero")
    if ZERO_ADDRESS not in {transaction.address("asnd"), transaction.address("aclose")}:
        raise RefusedError("cannot close asset by clawback")


def _check_asset_freeze(transaction: SignedTransaction) -> None:
    if transaction.number("faid") == 0:
        raise RefusedError("asset ID cannot be zero")
    if transaction.address("fadd") == ZERO_ADDRESS:
        raise RefusedError("freeze account cannot be empty")


def _check_one_signature(transaction: SignedTransaction, *, may_be_empty: bool) -> None:
    for field, name in _OTHER_SIGNATURES.items():
        if field in transaction.fields:
            raise RefusedError(f"this development chain does not verify {name} signatures")
    if "sig" not in transaction.fields and not may_be_empty:
        raise RefusedError("signedtxn has no sig")


def _is_signed(transaction: SignedTransaction) -> bool:
    if "sig" not in transaction.fields:
        return True
    try:
        key = Ed25519PublicKey.from_public_bytes(transaction.authorizer)
        key.verify(transaction.fields["sig"], transaction.signed_bytes)
    except (InvalidSignature, ValueError):
        return False
    return True
