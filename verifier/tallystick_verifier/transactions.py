"""What was signed: ids are its hashes, signatures are of accounts, receipts are over it."""

from collections.abc import Sequence
from hashlib import sha256

from . import algorand, evm
from .canonical import Json, unbase64
from .history import attempts_of
from .report import Refused, Report

_KEY_BYTES = {"ed25519": 32, "secp256k1": 64}


def check(core: dict[str, Json], report: Report) -> None:
    """Raises: Refused."""
    network = core["deployment"]["network"]
    family, _, reference = network.partition(":")
    keys = _keys(core["signers"], family)
    checked, unsigned, unkept, silent = 0, [], [], []
    for where, _, slot, attempt in attempts_of(core):
        id, receipts = attempt["transaction_id"], attempt["receipts"]
        if slot["network"] != network:
            raise Refused("malformed_transaction", where, network, slot["network"])
        if attempt["raw"] is None:
            if attempt["origin"] == "signed":
                raise Refused("malformed_transaction", where, "the signed bytes", "none")
            unkept.append(id)
            continue
        if family not in {"eip155", "algorand"}:
            continue
        raw = unbase64(attempt["raw"], where)
        if family == "eip155":
            digests = _evm(where, raw, slot, id, reference, keys)
            purpose = "evm_transaction"
            if slot["signer"] not in keys:
                unsigned.append(id)
        else:
            digests = _algorand(where, raw, slot, id, reference, core["deployment"]["owner"])
            purpose = "algorand_transaction"
        checked += 1
        if receipts:
            _receipts(where, receipts, digests, purpose)
        elif attempt["origin"] == "signed":
            silent.append(id)
    _tell(core, report, checked, unsigned, unkept, silent)


def _keys(signers: Sequence[Json], family: str) -> dict[str, bytes]:
    """Public keys by address; an address is that of its key."""
    keys = {}
    for number, signer in enumerate(signers):
        where = f"core.signers[{number}]"
        key = unbase64(signer["public_key"], where)
        if len(key) != _KEY_BYTES[signer["curve"]]:
            expected = f"{_KEY_BYTES[signer['curve']]} bytes"
            raise Refused("address_of_key", where, expected, f"{len(key)} bytes")
        if family in {"eip155", "algorand"}:
            address = (evm if family == "eip155" else algorand).address_of(key)
            if address != signer["address"]:
                raise Refused("address_of_key", where, address, signer["address"])
        keys[signer["address"]] = key
    return keys


def _evm(
    where: str, raw: bytes, slot: Json, id: str, reference: str, keys: dict[str, bytes]
) -> list[tuple[str, bytes]]:
    """Who signed, and what."""
    try:
        found = evm.read(raw)
    except ValueError as error:
        raise Refused("malformed_transaction", where, "a type-2 transaction", error) from error
    if found.id != id:
        raise Refused("transaction_id", where, found.id, id)
    wanted = (f"chain {reference}", f"nonce {slot['sequence']}")
    there = (f"chain {found.chain_id}", f"nonce {found.nonce}")
    # What was found on chain came without a nonce of ours.
    if there[0] != wanted[0] or (there[1] != wanted[1] and slot["sequence"] is not None):
        raise Refused("malformed_transaction", where, wanted, there)
    key = keys.get(slot["signer"])
    try:
        if key is not None and not evm.is_signed_by(key, found):
            raise Refused(
                "transaction_signature", where, f"a signature by {slot['signer']}", "none"
            )
    except ValueError as error:
        raise Refused("address_of_key", where, "a point of secp256k1", error) from error
    return [(slot["signer"], found.digest)]


def _algorand(
    where: str, raw: bytes, slot: Json, id: str, reference: str, owner: str | None
) -> list[tuple[str, bytes]]:
    try:
        found = algorand.read(raw)
    except ValueError as error:
        raise Refused("malformed_transaction", where, "a group", error) from error
    last = found[-1]
    if last.id != id:
        raise Refused("transaction_id", where, last.id, id)
    for each in found:
        if each.genesis[:32] != reference:
            raise Refused("malformed_transaction", where, reference, each.genesis[:32])
        if not algorand.is_signed(each):
            signer = algorand.address_of(each.signer)
            raise Refused("transaction_signature", where, f"a signature by {signer}", "none")
    wanted = (slot["lease"], slot["valid_until"], owner)
    there = (last.lease.hex(), last.last_round, algorand.address_of(last.sender))
    if wanted != there and slot["lease"] is not None:
        raise Refused("malformed_transaction", where, wanted, there)
    return [(algorand.address_of(each.signer), sha256(each.message).digest()) for each in found]


def _receipts(
    where: str, receipts: Sequence[Json], signed: list[tuple[str, bytes]], purpose: str
) -> None:
    wanted = [(signer, digest.hex(), purpose) for signer, digest in signed]
    there = [(each["signer"], each["digest"], each["purpose"]) for each in receipts]
    if wanted != there:
        raise Refused("receipt_differs", f"{where}.receipts", wanted, there)


def _tell(
    core: dict[str, Json],
    report: Report,
    checked: int,
    unsigned: list[str],
    unkept: list[str],
    silent: list[str],
) -> None:
    network = core["deployment"]["network"]
    if checked:
        report.proves(
            "transactions",
            f"Signed transactions for {network} ({checked}) are called by the hash of their bytes"
            + ("" if unsigned else ", and signed by the keys of their accounts"),
        )
    if unsigned:
        text = f"No public key is given for who signed {', '.join(unsigned)}"
        report.leaves("signatures", text)
    if unkept:
        text = f"The bytes of {', '.join(unkept)} were not kept: they were found on chain"
        report.leaves("found_transactions", text)
    if silent:
        report.leaves("receipts", f"There is no receipt of the signatures in {', '.join(silent)}")
    attempts = list(attempts_of(core))
    if attempts and not checked and len(unkept) < len(attempts):
        report.leaves(
            "transactions", f"What transactions look like on {network} is not known here"
        )
    calls = sum(len(attempt["receipts"]) for _, _, _, attempt in attempts)
    if calls and checked:
        report.proves("receipts", f"The receipts of custodians are over what was signed: {calls}")
        report.leaves(
            "custodian",
            "That a custodian's log has the calls that receipts name: ask whoever runs it",
        )
    for step in core["steps"]:
        if step["inclusion"] is not None:
            block = step["inclusion"]["block"]
            report.leaves(
                "block",
                f"That block {block['number']} ({block['hash']}) of {network} has transaction "
                f"{step['inclusion']['transaction_id']}: look it up on a node that you trust",
            )
