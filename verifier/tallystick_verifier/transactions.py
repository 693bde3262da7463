"""What was signed: ids are its hashes, signatures are of accounts, receipts are over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from . import algorand, evm
from .canonical import Json, unbase64
from .hashes import keccak_256
from .report import Refused, Report
from .shape import uuid_of
from .steps import attempts_of

_Place = tuple[str, Json, Json, Json]
"""Where an attempt stands, its step, its slot, and itself."""
_KEY_BYTES = {"ed25519": 32, "secp256k1": 64}
#: Bytes of the largest attempt that is looked at, which nodes would not take either, and of all of
#: them together: keccak takes its time here.
_LARGEST = 2**17
_LARGEST_TOGETHER = 2**22


@dataclass
class _Found:
    """What is looked for, and what is told at the end: ids of transactions."""

    issue: Json
    checked: list[str] = field(default_factory=list)
    #: They ask for what was planned, in the name of this deployment.
    bound: list[str] = field(default_factory=list)
    #: The address that they would create.
    asked: str | None = None
    unsigned: list[str] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


def check(core: dict[str, Json], issue: Json, report: Report) -> None:
    """*issue* is what the log says that the token began with, or null.

    Raises: Refused.
    """
    family = core["deployment"]["network"].partition(":")[0]
    keys = _keys(core["signers"], family)
    found = _Found(issue)
    together = 0
    for place in attempts_of(core):
        where, _, _, attempt = place
        id, receipts = attempt["transaction_id"], attempt["receipts"]
        if attempt["raw"] is None:
            if attempt["origin"] == "signed":
                raise Refused("malformed_transaction", where, "the signed bytes", "none")
            found.unkept.append(id)
            continue
        if family not in {"eip155", "algorand"}:
            continue
        length = len(unbase64(attempt["raw"], where))
        together += length
        if length > _LARGEST or together > _LARGEST_TOGETHER:
            expected = f"at most {_LARGEST} bytes, and {_LARGEST_TOGETHER} in all attempts"
            raise Refused("malformed_transaction", where, expected, f"{length}, and {together}")
        look, purpose = (
            (_evm, "evm_transaction")
            if family == "eip155"
            else (_algorand, "algorand_transaction")
        )
        digests = look(core, place, keys, found)
        found.checked.append(id)
        if receipts:
            _receipts(where, receipts, digests, purpose)
        elif attempt["origin"] == "signed":
            found.silent.append(id)
    _tell(core, report, found)


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
    core: dict[str, Json], place: _Place, keys: dict[str, bytes], found: _Found
) -> list[tuple[str, bytes]]:
    """Who signed, and what."""
    where, _, slot, attempt = place
    signer, id = slot["signer"], attempt["transaction_id"]
    try:
        made = evm.read(unbase64(attempt["raw"], where))
    except ValueError as error:
        raise Refused("malformed_transaction", where, "a type-2 transaction", error) from error
    if made.id != id:
        raise Refused("transaction_id", where, made.id, id)
    wanted = [f"chain {core['deployment']['network'].partition(':')[2]}"]
    there = [f"chain {made.chain_id}"]
    is_signed = attempt["origin"] == "signed"
    # What was found on chain came without an offer of ours, and mostly without a nonce.
    if is_signed or slot["sequence"] is not None:
        wanted.append(f"nonce {slot['sequence']}")
        there.append(f"nonce {made.nonce}")
    if is_signed:
        wanted.append(f"at most {attempt['fee_cap']} for gas")
        there.append(f"at most {made.max_fee} for gas")
    if attempt["role"] == "fill":
        wanted.append("a call of nothing by the signer to itself")
        is_one = not made.data and made.to.hex() == signer[2:].lower()
        there.append(wanted[-1] if is_one else "another call")
    if wanted != there:
        raise Refused("malformed_transaction", where, wanted, there)
    if signer not in keys:
        found.unsigned.append(id)
        return [(signer, made.digest)]
    try:
        if not evm.is_signed_by(keys[signer], made):
            raise Refused("transaction_signature", where, f"a signature by {signer}", "none")
    except ValueError as error:
        raise Refused("address_of_key", where, "a point of secp256k1", error) from error
    created = evm.created(made, signer) if attempt["role"] == "effect" else None
    if created is not None:
        deployment = core["deployment"]
        salt = keccak_256(b"tallystick.v1" + b"".join(_names(core)))
        planned = deployment["predicted"] or deployment["result"] or found.asked
        wanted = [salt.hex(), planned or created[1]]
        if wanted != [created[0].hex(), created[1]]:
            raise Refused("malformed_transaction", where, wanted, created)
        found.bound.append(id)
        found.asked = created[1]
    return [(signer, made.digest)]


def _algorand(
    core: dict[str, Json], place: _Place, keys: dict[str, bytes], found: _Found
) -> list[tuple[str, bytes]]:
    where, step, slot, attempt = place
    deployment, id = core["deployment"], attempt["transaction_id"]
    reference = deployment["network"].partition(":")[2]
    try:
        group = algorand.read(unbase64(attempt["raw"], where))
    except ValueError as error:
        raise Refused("malformed_transaction", where, "a group", error) from error
    last = group[-1]
    if last.id != id:
        raise Refused("transaction_id", where, last.id, id)
    senders = [algorand.address_of(each.sender) for each in group]
    signers = [algorand.address_of(each.signer) for each in group]
    for each, signer in zip(group, signers, strict=True):
        if each.genesis[:32] != reference:
            raise Refused("malformed_transaction", where, reference, each.genesis[:32])
        if not algorand.is_signed(each):
            raise Refused("transaction_signature", where, f"a signature by {signer}", "none")
    # Whose account was given to another key is on chain, and not in a pack.
    if signers != senders or not set(signers) <= keys.keys():
        found.unsigned.append(id)
    parties = [deployment["sender"], deployment["owner"]]
    if core["plan"] is not None:
        parties = core["plan"]["steps"][step["number"] - 1]["signers"]
    expected = (deployment["owner"], set(parties))
    there = (senders[-1], set(senders))
    if expected != there:
        raise Refused("malformed_transaction", where, expected, there)
    _issues(where, group, found.issue)
    lease = _lease(core, step["number"])
    # What was found on chain came without a window of ours.
    if attempt["origin"] == "signed" or slot["lease"] is not None:
        over = max((each["valid_until"] or 0 for each in _before(step, slot)), default=0)
        window = (slot["lease"], slot["valid_until"], lease.hex())
        if window != (last.lease.hex(), last.last_round, last.lease.hex()):
            raise Refused("malformed_transaction", where, window, (last.lease, last.last_round))
        if last.first_round <= over:
            rounds = f"rounds behind {over}, with which the window before was over"
            raise Refused("malformed_transaction", where, rounds, last.first_round)
    if last.lease == lease:
        found.bound.append(id)
    digests = [sha256(each.message).digest() for each in group]
    return list(zip(signers, digests, strict=True))


def _issues(where: str, group: Sequence[algorand.Transaction], issue: Json) -> None:
    """What creates an asset is the last of its group, and creates what the log says."""
    for each in group[:-1]:
        if each.asset is not None:
            expected = "an asset by the last transaction alone"
            raise Refused("malformed_transaction", where, expected, each.asset)
    asset = group[-1].asset
    if asset is not None and issue is not None:
        wanted = (issue["supply"], issue["decimals"])
        if wanted != (str(asset[0]), asset[1]):
            raise Refused("malformed_transaction", where, wanted, asset)


def _before(step: Json, slot: Json) -> list[Json]:
    return [each for each in step["slots"] if each["number"] < slot["number"]]


def _names(core: dict[str, Json]) -> list[bytes]:
    """What a deployment is called on chain by."""
    names = (core["installation"], core["organisation"], core["deployment"]["id"])
    return [uuid_of(name) for name in names]


def _lease(core: dict[str, Json], step: int) -> bytes:
    """The lease of a step: SHA-256 over its names, each behind its length."""
    installation, organisation, deployment = _names(core)
    network = core["deployment"]["network"].encode()
    parts = (b"tallystick/algorand/lease/1", installation, network, organisation, deployment)
    whole = (*parts, step.to_bytes(8))
    return sha256(b"".join(len(part).to_bytes(4) + part for part in whole)).digest()


def _receipts(
    where: str, receipts: Sequence[Json], signed: list[tuple[str, bytes]], purpose: str
) -> None:
    wanted = [(signer, digest.hex(), purpose) for signer, digest in signed]
    there = [(each["signer"], each["digest"], each["purpose"]) for each in receipts]
    if wanted != there:
        raise Refused("receipt_differs", f"{where}.receipts", wanted, there)


def _tell(core: dict[str, Json], report: Report, found: _Found) -> None:
    network = core["deployment"]["network"]
    checked = len(found.checked)
    if checked:
        report.proves(
            "transactions",
            f"Signed transactions for {network} ({checked}) are called by the hash of their bytes"
            + ("" if found.unsigned else ", and signed by the keys of their accounts"),
        )
    if found.bound:
        makes = f", and ask for {found.asked}" if found.asked else ""
        report.proves(
            "made_for",
            f"{', '.join(found.bound)}: made for this deployment and no other{makes}",
        )
    if others := [
        attempt["transaction_id"]
        for _, _, _, attempt in attempts_of(core)
        if attempt["role"] == "effect" and attempt["transaction_id"] not in found.bound
    ]:
        report.leaves(
            "made_for", f"What {', '.join(others)} would do, and for whom: their bytes do not tell"
        )
    if found.unsigned:
        report.leaves(
            "signatures",
            f"That the accounts in {', '.join(found.unsigned)} have signed: no public key is "
            "given for them, or another key than the account's own has signed in its place",
        )
    if found.unkept:
        text = f"The bytes of {', '.join(found.unkept)} were not kept: they were found on chain"
        report.leaves("found_transactions", text)
    if found.silent:
        text = f"There is no receipt of the signatures in {', '.join(found.silent)}"
        report.leaves("receipts", text)
    attempts = list(attempts_of(core))
    if attempts and not checked and len(found.unkept) < len(attempts):
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
