"""Evidence about one deployment, as bytes: docs/evidence.md says what each member is.

Everything in a pack is an audit event with an inclusion proof, or is committed to by the digest
in such an event.  So one signed checkpoint covers every byte::

    checkpoint ◀─ path ─ evidence.issued ─ digest ─▶ core: what the records say
               ◀─ path ─ every other event
               ◀─ consistency ─ the roots that were anchored
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256

from attrs import field, frozen

from domain.account import Account
from domain.audit import AuditEvent, JsonValue, canonical, timestamp
from domain.deployment import Deployment
from domain.identifiers import InstallationId, KeyRef, NetworkId, Prefix, public_id
from domain.operation import Attempt, Inclusion, Slot, Step
from domain.plan import Plan
from domain.signing import PublicKey

FORMAT = "tallystick.evidence/1"
ISSUED = "evidence.issued"

Document = dict[str, JsonValue]


@frozen(kw_only=True)
class SigningKey:
    """Whose signature is in one of the attempts."""

    address: str
    key: KeyRef
    public_key: PublicKey


@frozen(kw_only=True)
class Records:
    """What there is to know of a deployment, beside its events."""

    installation: InstallationId
    deployment: Deployment
    account: Account | None
    #: What it carries out; None where its owner was never known, or nobody can tell any more.
    plan: Plan | None
    signers: Sequence[SigningKey]
    #: Where the log's checkpoints are anchored.
    anchors: Sequence[NetworkId] = ()
    #: Its events, for the receipts in them.
    events: Sequence[AuditEvent] = field(repr=False)


@frozen(kw_only=True)
class ProvedEvent:
    event: AuditEvent
    #: Its leaf's place in the log, from 0.
    index: int
    #: From its leaf to the checkpoint's root.
    path: tuple[bytes, ...]


@frozen(kw_only=True)
class Beginning:
    """That the log of so many events is the beginning of the checkpoint's."""

    size: int
    path: tuple[bytes, ...]


def core(records: Records) -> bytes:
    """What the records say, in canonical JSON."""
    deployment = records.deployment
    receipts = _receipts(records.events)
    return canonical(
        {
            "account": _account(records.account),
            "anchors": sorted(set(records.anchors)),
            "approvals": [],
            "deployment": _deployment(deployment),
            "installation": public_id(Prefix.INSTALLATION, records.installation),
            "organisation": public_id(Prefix.ORGANISATION, deployment.organisation),
            "plan": _plan(records.plan),
            "signers": [
                {
                    "address": each.address,
                    "curve": each.public_key.curve.value,
                    "key": each.key,
                    "public_key": _base64(each.public_key.raw),
                }
                for each in sorted(records.signers, key=lambda each: each.address)
            ],
            "steps": [_step(step, receipts) for step in deployment.steps],
        }
    )


def digest(core: bytes) -> str:
    """What the event that commits to *core* says of it."""
    return sha256(core).hexdigest()


def pack(
    *,
    core: bytes,
    events: Sequence[ProvedEvent],
    checkpoint: str,
    key: PublicKey,
    consistency: Sequence[Beginning] = (),
) -> bytes:
    """The file.  *checkpoint* is a signed note, and all proofs are against it."""
    return canonical(
        {
            "checkpoint": checkpoint,
            "consistency": [
                {"path": [_base64(node) for node in each.path], "size": each.size}
                for each in consistency
            ],
            "core": json.loads(core),
            "events": [
                {
                    "body": _base64(each.event.body),
                    "index": each.index,
                    "path": [_base64(node) for node in each.path],
                    "salt": _base64(each.event.salt),
                }
                for each in events
            ],
            "format": FORMAT,
            "key": _base64(key.raw),
        }
    )


def signed_by(deployment: Deployment, events: Sequence[AuditEvent]) -> frozenset[str]:
    """Addresses of whoever signed one of the attempts, or has given it its slot."""
    told = {
        str(receipt["signer"])
        for receipts in _receipts(events).values()
        for receipt in receipts
        if isinstance(receipt, Mapping)
    }
    slots = (slot for step in deployment.steps for slot in step.slots if slot.attempts)
    return frozenset(told | {slot.signer for slot in slots})


_Receipts = Mapping[tuple[int, int], Sequence[JsonValue]]


def _receipts(events: Sequence[AuditEvent]) -> _Receipts:
    """As the events tell them, by numbers of step and attempt."""
    found: dict[tuple[int, int], Sequence[JsonValue]] = {}
    for event in events:
        match event.content()["details"]:
            case {
                "step": int(step),
                "attempt": {"number": int(number)},
                "receipts": list(receipts),
            }:
                found[step, number] = receipts
    return found


def _account(account: Account | None) -> Document | None:
    if account is None:
        return None
    return {
        "address": account.address,
        "custodian": account.custodian,
        "family": account.family.value,
        "id": public_id(Prefix.ACCOUNT, account.id),
        "key": account.key,
    }


def _deployment(each: Deployment) -> Document:
    worth, failure = each.declared_value, each.failure
    return {
        "accepted_at": timestamp(each.accepted_at),
        "client_reference": each.client_reference,
        "credits": each.credits,
        "declared_value": None
        if worth is None
        else {"amount_minor": worth.amount_minor, "currency": worth.currency},
        "failure": None
        if failure is None
        else {"reason": failure.reason.value, "without_effect": failure.without_effect},
        "fee_ceiling": str(each.fee_ceiling),
        "hold": None if each.hold is None else public_id(Prefix.HOLD, each.hold),
        "id": each.named,
        "kind": each.kind.value,
        "live": each.live,
        # A client's words: they may be names of members in any script.
        "metadata": [
            [name, each.metadata[name]] for name in sorted(each.metadata, key=str.encode)
        ],
        "network": each.network,
        "owner": each.owner,
        "payer": each.payer.value,
        "plan_hash": None if each.plan_hash is None else each.plan_hash.hex(),
        "predicted": each.predicted,
        "requested_by": each.requested_by,
        "result": each.result,
        "sender": each.sender,
        "state": each.state.value,
        "token": {"kind": each.token.kind, "parameters": dict(each.token.parameters)},
    }


def _plan(plan: Plan | None) -> Document | None:
    return None if plan is None else {**plan.content, "hash": plan.hash.hex()}


def _step(step: Step, receipts: _Receipts) -> Document:
    return {
        "inclusion": _inclusion(step.inclusion),
        "is_final": step.is_final,
        "name": step.name,
        "number": step.number,
        "slots": [_slot(step, slot, receipts) for slot in step.slots],
    }


def _inclusion(inclusion: Inclusion | None) -> Document | None:
    if inclusion is None:
        return None
    return {
        "block": {"hash": inclusion.block.hash, "number": inclusion.block.number},
        "cost": str(inclusion.cost),
        "succeeded": inclusion.succeeded,
        "transaction_id": inclusion.transaction_id,
    }


def _slot(step: Step, slot: Slot, receipts: _Receipts) -> Document:
    return {
        "attempts": [
            _attempt(attempt, receipts.get((step.number, attempt.number), ()))
            for attempt in slot.attempts
        ],
        "lease": None if slot.lease is None else slot.lease.hex(),
        "network": slot.network,
        "number": slot.number,
        "sequence": slot.sequence,
        "signer": slot.signer,
        "state": slot.state.value,
        "valid_until": slot.valid_until,
    }


def _attempt(attempt: Attempt, receipts: Sequence[JsonValue]) -> Document:
    return {
        "broadcast_at": None if attempt.broadcast_at is None else timestamp(attempt.broadcast_at),
        "cost": None if attempt.cost is None else str(attempt.cost),
        "fee_cap": str(attempt.fee_cap),
        "number": attempt.number,
        "origin": attempt.origin.value,
        "raw": None if attempt.raw is None else _base64(attempt.raw),
        "receipts": receipts,
        "rejected": attempt.rejected is not None,
        "role": attempt.role.value,
        "signed_at": timestamp(attempt.signed_at),
        "transaction_id": attempt.transaction_id,
    }


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
