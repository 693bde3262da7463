"""Rows to values and back: the one place that knows both shapes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from psycopg.types.json import Jsonb

from application.ports.custody import Wrapped
from application.ports.storage.idempotency import Remembered
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.tokens import TokenWatch, WatchClaim
from domain.audit import AuditEvent
from domain.catalogue import TariffName
from domain.deployment import Deployment, Failure, Payer, Reason, State
from domain.errors import FieldFault, Refusal
from domain.money import Money, Rate
from domain.network import Block, NetworkStatus
from domain.operation import (
    Attempt,
    AttemptOrigin,
    AttemptRole,
    Inclusion,
    OperationKind,
    Signer,
    Slot,
    SlotState,
    Step,
    WaitReason,
)
from domain.organisation import ApiKey, Member, Organisation, Permission, Role, Session, User
from domain.signing import Curve, PublicKey
from domain.token import Action, Order, Token
from domain.treasury import Holding, Level

Row = Mapping[str, Any]


def organisation_from_row(row: Row) -> Organisation:
    return Organisation(
        id=row["organisation_id"],
        name=row["organisation_name"],
        tariff=TariffName(row["tariff"]),
        created_at=row["organisation_created_at"],
    )


def organisation_to_row(organisation: Organisation) -> Row:
    return {
        "organisation_id": organisation.id,
        "organisation_name": organisation.name,
        "tariff": organisation.tariff,
        "organisation_created_at": organisation.created_at,
    }


def member_from_row(row: Row) -> Member:
    return Member(
        organisation=row["organisation_id"],
        id=row["member_id"],
        user=row["user_id"],
        role=Role(row["role"]),
        created_at=row["member_created_at"],
        removed_at=row["member_removed_at"],
    )


def member_to_row(member: Member) -> Row:
    return {
        "organisation_id": member.organisation,
        "member_id": member.id,
        "user_id": member.user,
        "role": member.role.value,
        "member_created_at": member.created_at,
        "member_removed_at": member.removed_at,
    }


def user_from_row(row: Row) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        password_hash=row["password_hash"],
        created_at=row["created_at"],
    )


def user_to_row(user: User) -> Row:
    return {
        "id": user.id,
        "email": user.email,
        "password_hash": user.password_hash,
        "created_at": user.created_at,
    }


def subject_key_from_row(row: Row) -> SubjectKey:
    return SubjectKey(
        user=row["user_id"],
        wrapped=None if row["destroyed_at"] else wrapped_from_row(row),
        made_at=row["made_at"],
        destroyed_at=row["destroyed_at"],
    )


def subject_key_to_row(key: SubjectKey) -> Row:
    wrapped = {"wrapping": None, "ciphertext": None}
    return {
        "user_id": key.user,
        **(wrapped if key.wrapped is None else wrapped_to_row(key.wrapped)),
        "made_at": key.made_at,
        "destroyed_at": key.destroyed_at,
    }


def session_from_row(row: Row) -> Session:
    return Session(
        id=row["session_id"],
        user=row["user_id"],
        organisation=row["organisation_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        refresh_hash=row["refresh_hash"],
        previous_hash=row["previous_hash"],
        rotated_at=row["rotated_at"],
        successor=row["successor"],
        revoked_at=row["revoked_at"],
    )


def session_to_row(session: Session) -> Row:
    return {
        "session_id": session.id,
        "user_id": session.user,
        "organisation_id": session.organisation,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "refresh_hash": session.refresh_hash,
        "previous_hash": session.previous_hash,
        "rotated_at": session.rotated_at,
        "successor": session.successor,
        "revoked_at": session.revoked_at,
    }


def api_key_from_row(row: Row) -> ApiKey:
    return ApiKey(
        organisation=row["organisation_id"],
        id=row["id"],
        name=row["name"],
        live=row["live"],
        scopes=frozenset(Permission(scope) for scope in row["scopes"]),
        secret_hash=row["secret_hash"],
        hint=row["hint"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        requests_per_minute=row["requests_per_minute"],
        api_version=row["api_version"],
        auth_epoch=row["auth_epoch"],
        networks=None if row["networks"] is None else frozenset(row["networks"]),
        last_used_at=row["last_used_at"],
    )


def api_key_to_row(key: ApiKey) -> Row:
    return {
        "organisation_id": key.organisation,
        "id": key.id,
        "name": key.name,
        "live": key.live,
        "scopes": sorted(scope.value for scope in key.scopes),
        "secret_hash": key.secret_hash,
        "hint": key.hint,
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "requests_per_minute": key.requests_per_minute,
        "api_version": key.api_version,
        "auth_epoch": key.auth_epoch,
        "networks": None if key.networks is None else sorted(key.networks),
        "last_used_at": key.last_used_at,
    }


def wrapped_from_row(row: Row) -> Wrapped:
    return Wrapped(wrapping=row["wrapping"], ciphertext=row["ciphertext"])


def wrapped_to_row(wrapped: Wrapped) -> Row:
    return {"wrapping": wrapped.wrapping, "ciphertext": wrapped.ciphertext}


def signer_from_row(row: Row) -> Signer:
    return Signer(
        is_treasury=row["is_treasury"],
        network=row["network"],
        address=row["address"],
        key=row["key_ref"],
        public_key=_public_key(row),
        next_sequence=row["next_sequence"],
        limit=row["slot_limit"],
        halted=row["halted"],
        fence=row["fence"],
    )


def signer_to_row(signer: Signer) -> Row:
    return {
        "is_treasury": signer.is_treasury,
        "network": signer.network,
        "address": signer.address,
        "key_ref": signer.key,
        "curve": signer.public_key.curve.value,
        "public_key": signer.public_key.raw,
        "next_sequence": signer.next_sequence,
        "slot_limit": signer.limit,
        "halted": signer.halted,
        "fence": signer.fence,
    }


def holding_from_row(row: Row) -> Holding:
    return Holding(
        network=row["network"],
        address=row["address"],
        balance=int(row["balance"]),
        level=Level(row["balance_level"]),
        seen_at=row["balance_seen_at"],
    )


def holding_to_row(holding: Holding) -> Row:
    return {
        "network": holding.network,
        "address": holding.address,
        "balance": holding.balance,
        "balance_level": holding.level.value,
        "balance_seen_at": holding.seen_at,
    }


def network_status_from_row(row: Row) -> NetworkStatus:
    final = row["final_hash"] and Block(number=row["final_number"], hash=row["final_hash"])
    return NetworkStatus(id=row["id"], final=final, halted=row["halted"])


def network_status_to_row(status: NetworkStatus) -> Row:
    return {
        "id": status.id,
        "final_number": status.final and status.final.number,
        "final_hash": status.final and status.final.hash,
        "halted": status.halted,
    }


def deployments_from_rows(found: Iterable[Row]) -> list[Deployment]:
    """A row for each attempt, or what has none, in the order of their keys.

    *found* with what was signed in `signed`, where there is an attempt.
    """
    deployments = []
    for _, of_deployment in groupby(found, key=lambda row: row["id"]):
        rows = list(of_deployment)
        deployments.append(_deployment_from_row(rows[0], _steps_from_rows(rows)))
    return deployments


def deployment_to_row(deployment: Deployment) -> Row:
    token, failure, order = deployment.token, deployment.failure, deployment.order
    worth = deployment.declared_value
    return {
        "organisation_id": deployment.organisation,
        "id": deployment.id,
        "kind": deployment.kind.value,
        "network": deployment.network,
        "live": deployment.live,
        "account_id": deployment.account,
        "requested_by": deployment.requested_by,
        "token_kind": token.kind,
        "token_name": token.name,
        "token_symbol": token.symbol,
        "token_decimals": token.decimals,
        "token_supply": token.supply,
        "token_parameters": Jsonb(dict(token.parameters)),
        "of_id": deployment.of,
        "order_action": order and order.action.value,
        "order_parameters": order and Jsonb(dict(order.parameters)),
        "payer": deployment.payer.value,
        "sender": deployment.sender,
        "owner": deployment.owner,
        "fee_ceiling": deployment.fee_ceiling,
        "credits": deployment.credits,
        "hold_id": deployment.hold,
        "plan_hash": deployment.plan_hash,
        "declared_minor": worth and worth.amount_minor,
        "declared_currency": worth and worth.currency,
        "client_reference": deployment.client_reference,
        "metadata": Jsonb(dict(deployment.metadata)),
        "accepted_at": deployment.accepted_at,
        "state": deployment.state.value,
        "predicted": deployment.predicted,
        "result": deployment.result,
        "failure_reason": failure and failure.reason.value,
        "failure_without_effect": failure and failure.without_effect,
        "failure_detail": failure and failure.detail,
        "waiting": deployment.waiting and deployment.waiting.value,
        "waiting_since": deployment.waiting_since,
    }


def step_to_row(deployment: Deployment, step: Step) -> Row:
    seen = step.inclusion
    return {
        "organisation_id": deployment.organisation,
        "operation_id": deployment.id,
        "number": step.number,
        "name": step.name,
        "is_final": step.is_final,
        "included_transaction_id": seen and seen.transaction_id,
        "included_block": seen and seen.block.number,
        "included_block_hash": seen and seen.block.hash,
        "included_succeeded": seen and seen.succeeded,
        "included_cost": seen and seen.cost,
    }


def slot_to_row(deployment: Deployment, step: Step, slot: Slot) -> Row:
    return {
        "organisation_id": deployment.organisation,
        "operation_id": deployment.id,
        "step_number": step.number,
        "number": slot.number,
        "network": slot.network,
        "signer": slot.signer,
        "sequence": slot.sequence,
        "lease": slot.lease,
        "valid_until": slot.valid_until,
        "state": slot.state.value,
        "is_adopted": any(a.origin is AttemptOrigin.FOUND for a in slot.attempts),
    }


def attempt_to_row(deployment: Deployment, step: Step, slot: Slot, attempt: Attempt) -> Row:
    rate = attempt.rate
    return {
        "organisation_id": deployment.organisation,
        "operation_id": deployment.id,
        "step_number": step.number,
        "slot_number": slot.number,
        "number": attempt.number,
        "role": attempt.role.value,
        "origin": attempt.origin.value,
        "transaction_id": attempt.transaction_id,
        "raw": attempt.raw,
        "body": attempt.body,
        "fee_cap": attempt.fee_cap,
        "value": attempt.value,
        "signed_at": attempt.signed_at,
        "broadcast_at": attempt.broadcast_at,
        "rejected": attempt.rejected,
        "cost": attempt.cost,
        "cost_rate": rate and rate.price,
        "cost_currency": rate and rate.currency,
        "cost_rate_source": rate and rate.source,
        "cost_rate_at": rate and rate.at,
    }


def audit_event_from_row(row: Row) -> AuditEvent:
    return AuditEvent(
        id=row["id"],
        organisation=row["organisation_id"],
        sequence=row["sequence"],
        at=row["at"],
        action=row["action"],
        subject=row["subject"],
        live=row["live"],
        salt=row["salt"],
        body=row["body"],
    )


def audit_event_to_row(event: AuditEvent) -> Row:
    return {
        "organisation_id": event.organisation,
        "sequence": event.sequence,
        "id": event.id,
        "at": event.at,
        "action": event.action,
        "subject": event.subject,
        "live": event.live,
        "salt": event.salt,
        "body": event.body,
    }


def token_watch_from_row(row: Row) -> TokenWatch:
    return TokenWatch(
        organisation=row["organisation_id"],
        deployment=row["deployment_id"],
        live=row["live"],
        due_at=row["due_at"],
        checked_at=row["checked_at"],
        differences=tuple(row["differences"]),
    )


def token_watch_to_row(watch: TokenWatch) -> Row:
    return {
        "organisation_id": watch.organisation,
        "deployment_id": watch.deployment,
        "live": watch.live,
        "due_at": watch.due_at,
        "checked_at": watch.checked_at,
        "differences": Jsonb(list(watch.differences)),
    }


def watch_claim_from_row(row: Row) -> WatchClaim:
    return WatchClaim(
        organisation=row["organisation_id"],
        deployment=row["deployment_id"],
        token=row["token"],
    )


def remembered_from_row(row: Row) -> Remembered:
    return Remembered(
        fingerprint=row["fingerprint"],
        operation=row["operation_id"],
        refusal=_refusal_from_json(row["refusal"]) if row["refusal"] is not None else None,
        expires_at=row["expires_at"],
    )


def remembered_to_row(remembered: Remembered) -> Row:
    refusal = remembered.refusal
    return {
        "fingerprint": remembered.fingerprint,
        "operation_id": remembered.operation,
        "refusal": Jsonb(_refusal_to_json(refusal)) if refusal is not None else None,
        "expires_at": remembered.expires_at,
    }


def _public_key(row: Row) -> PublicKey:
    return PublicKey(Curve(row["curve"]), row["public_key"])


def _deployment_from_row(row: Row, steps: Iterable[Step]) -> Deployment:
    failure = row["failure_reason"] and Failure(
        reason=Reason(row["failure_reason"]),
        without_effect=row["failure_without_effect"],
        detail=row["failure_detail"],
    )
    return Deployment(
        organisation=row["organisation_id"],
        id=row["id"],
        kind=OperationKind(row["kind"]),
        network=row["network"],
        live=row["live"],
        account=row["account_id"],
        requested_by=row["requested_by"],
        token=Token(
            kind=row["token_kind"],
            name=row["token_name"],
            symbol=row["token_symbol"],
            decimals=row["token_decimals"],
            supply=int(row["token_supply"]),
            parameters=row["token_parameters"],
        ),
        order=Order(action=Action(row["order_action"]), parameters=row["order_parameters"])
        if row["order_action"] is not None
        else None,
        of=row["of_id"],
        payer=Payer(row["payer"]),
        sender=row["sender"],
        owner=row["owner"],
        fee_ceiling=int(row["fee_ceiling"]),
        credits=row["credits"],
        hold=row["hold_id"],
        plan_hash=row["plan_hash"],
        declared_value=None
        if row["declared_minor"] is None
        else Money(amount_minor=row["declared_minor"], currency=row["declared_currency"]),
        client_reference=row["client_reference"],
        metadata=row["metadata"],
        accepted_at=row["accepted_at"],
        state=State(row["state"]),
        steps=tuple(steps),
        predicted=row["predicted"],
        result=row["result"],
        failure=failure,
        waiting=WaitReason(row["waiting"]) if row["waiting"] is not None else None,
        waiting_since=row["waiting_since"],
    )


def _steps_from_rows(found: Iterable[Row]) -> Iterator[Step]:
    for number, of_step in groupby(found, key=lambda row: row["step_number"]):
        if number is not None:
            rows = list(of_step)
            yield _step_from_row(rows[0], tuple(_slots_from_rows(rows)))


def _slots_from_rows(found: Iterable[Row]) -> Iterator[Slot]:
    for number, of_slot in groupby(found, key=lambda row: row["slot_number"]):
        if number is not None:
            rows = list(of_slot)
            attempts = [
                _attempt_from_row(row) for row in rows if row["attempt_number"] is not None
            ]
            yield _slot_from_row(rows[0], attempts)


def _step_from_row(row: Row, slots: Sequence[Slot]) -> Step:
    inclusion = row["included_transaction_id"] and Inclusion(
        transaction_id=row["included_transaction_id"],
        block=Block(number=row["included_block"], hash=row["included_block_hash"]),
        succeeded=row["included_succeeded"],
        cost=int(row["included_cost"]),
    )
    return Step(
        number=row["step_number"],
        name=row["step_name"],
        slots=tuple(slots),
        inclusion=inclusion,
        is_final=row["is_final"],
    )


def _slot_from_row(row: Row, attempts: Sequence[Attempt]) -> Slot:
    return Slot(
        number=row["slot_number"],
        network=row["slot_network"],
        signer=row["signer"],
        sequence=row["sequence"],
        lease=row["lease"],
        valid_until=row["valid_until"],
        state=SlotState(row["slot_state"]),
        attempts=tuple(attempts),
    )


def _attempt_from_row(row: Row) -> Attempt:
    return Attempt(
        number=row["attempt_number"],
        role=AttemptRole(row["role"]),
        origin=AttemptOrigin(row["origin"]),
        transaction_id=row["transaction_id"],
        raw=row["signed"].raw,
        body=row["signed"].body,
        fee_cap=int(row["fee_cap"]),
        value=int(row["value"]),
        signed_at=row["signed_at"],
        broadcast_at=row["broadcast_at"],
        rejected=row["rejected"],
        cost=None if row["cost"] is None else int(row["cost"]),
        rate=row["cost_rate"]
        and Rate(
            price=row["cost_rate"],
            currency=row["cost_currency"],
            source=row["cost_rate_source"],
            at=row["cost_rate_at"],
        ),
    )


def _refusal_from_json(content: Mapping[str, Any]) -> Refusal:
    microseconds = content["retry_after_microseconds"]
    return Refusal(
        code=content["code"],
        detail=content["detail"],
        faults=tuple(FieldFault(**fault) for fault in content["faults"]),
        retry_after=None if microseconds is None else timedelta(microseconds=microseconds),
    )


def _refusal_to_json(refusal: Refusal) -> Mapping[str, Any]:
    wait = refusal.retry_after
    return {
        "code": refusal.code,
        "detail": refusal.detail,
        "faults": [
            {"pointer": fault.pointer, "code": fault.code, "message": fault.message}
            for fault in refusal.faults
        ],
        "retry_after_microseconds": None if wait is None else wait // timedelta(microseconds=1),
    }
