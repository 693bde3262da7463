"""The public shape of things, written by hand, field by field.

Renaming something inside renames nothing here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from application.ports.nodes import NodeCondition, NodeReport
from domain.account import Account
from domain.audit import AuditEvent, JsonValue, timestamp
from domain.deployment import Deployment, Reason
from domain.identifiers import Prefix, SessionId, instant_of, public_id
from domain.ledger import Hold, HoldState, JournalEntry, Lot, Wallet
from domain.network import Block, Family, Network, NetworkClass, NetworkStatus
from domain.operation import Attempt, OperationKind, Step
from domain.organisation import ApiKey, Member, Organisation, Role, Session, User
from domain.plan import Plan, Quote
from domain.quota import Standing
from domain.token import KindDescription, Token
from entrypoints.http.timeline import WAITING, explorer_url, sentence_of, waiting_of

Document = dict[str, JsonValue]

#: Failures whose detail was written by us, about the token; others quote what nodes said.
_TOLD_IN_DETAIL = frozenset({Reason.DEPLOYMENT_VALIDATION_FAILED, Reason.POST_DEPLOYMENT_FAILED})

#: Standards whose tokens are applications on Algorand, as the names of their kinds begin.
_APPLICATIONS = frozenset({"arc200", "arc1400"})

_ANSWERING = frozenset({NodeCondition.HEALTHY, NodeCondition.BEHIND})


def user(each: User) -> Document:
    return {
        "id": public_id(Prefix.USER, each.id),
        "email": each.email,
        "created_at": timestamp(each.created_at),
    }


def organisation(each: Organisation, role: Role | None = None) -> Document:
    document: Document = {
        "id": public_id(Prefix.ORGANISATION, each.id),
        "name": each.name,
        "tariff": each.tariff,
        "created_at": timestamp(each.created_at),
    }
    return document | ({"role": role.value} if role else {})


def member(each: Member) -> Document:
    return {
        "id": public_id(Prefix.MEMBER, each.id),
        "organisation": public_id(Prefix.ORGANISATION, each.organisation),
        "user": public_id(Prefix.USER, each.user),
        "role": each.role.value,
        "created_at": timestamp(each.created_at),
    }


def session(each: Session, current: SessionId | None) -> Document:
    return {
        "id": public_id(Prefix.SESSION, each.id),
        "organisation": public_id(Prefix.ORGANISATION, each.organisation),
        "created_at": timestamp(each.created_at),
        "last_used_at": timestamp(each.rotated_at),
        "expires_at": timestamp(each.expires_at),
        "current": each.id == current,
    }


def api_key(each: ApiKey, cap: Standing | None, epoch: int, now: datetime) -> Document:
    """*cap*: what it may spend, and has.  *epoch*: the installation's."""
    return {
        "id": public_id(Prefix.API_KEY, each.id),
        "name": each.name,
        "live": each.live,
        "scopes": sorted(scope.value for scope in each.scopes),
        "hint": f"…{each.hint}",
        "api_version": each.api_version,
        "active": each.is_good(now, epoch),
        "needs_enabling": each.needs_enabling(epoch) and not each.is_over(now),
        "created_by": public_id(Prefix.MEMBER, each.created_by),
        "created_at": timestamp(each.created_at),
        "expires_at": _at(each.expires_at),
        "revoked_at": _at(each.revoked_at),
        "last_used_at": _at(each.last_used_at),
        "networks": None if each.networks is None else sorted(each.networks),
        "spend_cap": None
        if cap is None
        else {
            "limit": cap.limit,
            "held": cap.taken.held,
            "used": cap.taken.used,
            "left": cap.left,
        },
    }


def account(each: Account) -> Document:
    return {
        "id": public_id(Prefix.ACCOUNT, each.id),
        "family": each.family.value,
        "live": each.live,
        "custodian": each.custodian,
        "origin": each.origin.value,
        "state": each.state.value,
        "address": each.address,
        "key": each.key,
        "keys": [
            {
                "key": key.key,
                "custodian": key.custodian,
                "address": key.address,
                "public_key": key.public_key.raw.hex(),
                "own": key == each.own_key,
                "enabled": key.is_enabled,
                "issues": key.issues or key == each.own_key or bool(key.networks),
                "networks": sorted(key.networks),
            }
            for key in each.keys
        ],
        "created_at": timestamp(each.created_at),
    }


def network(each: Network, status: NetworkStatus) -> Document:
    return {
        "id": each.id,
        "name": each.name,
        "class": each.network_class.value,
        "live": each.live,
        "development": each.network_class is NetworkClass.DEVELOPMENT,
        "family": each.family.value,
        "finality": {"tag": each.finality.tag, "depth": each.finality.depth},
        "native_currency": each.native_currency,
        "native_decimals": each.native_decimals,
        "fee_ceiling": str(each.fee_ceiling),
        "explorer": {
            "transaction": each.explorer_transaction,
            "address": each.explorer_address,
            "token": each.explorer_token or each.explorer_address,
            "application": _application_link(each),
        },
        "status": "ok" if status.halted is None else "halted",
        "final_block": block(status.final),
    }


def _application_link(each: Network) -> str | None:
    """Of a token that is an application, which there are on Algorand only."""
    if each.family is not Family.ALGORAND:
        return None
    return each.explorer_application or each.explorer_token or each.explorer_address


def network_status(
    each: NetworkStatus,
    halted: str | None,
    network: Network,
    nodes: Sequence[NodeReport],
    now: datetime,
    *,
    with_names: bool,
) -> Document:
    """*halted*: the code of the reason, which itself may name a node."""
    best = max(
        (
            node.latest.number
            for node in nodes
            if node.latest and node.condition is not NodeCondition.WRONG_CHAIN
        ),
        default=None,
    )
    return {
        "network": each.id,
        "status": _status(each, network, nodes),
        "halted": halted,
        "final_block": block(each.final),
        "nodes": [_node(node, best, with_names=with_names) for node in nodes],
        "min_sources": network.min_sources,
        "sources_available": _available(nodes),
        "checked_at": timestamp(now),
    }


def _status(each: NetworkStatus, network: Network, nodes: Sequence[NodeReport]) -> str:
    if each.halted is not None:
        return "halted"
    if not any(node.condition in _ANSWERING for node in nodes):
        return "unavailable"
    available = _available(nodes)
    return "degraded" if available < max(network.min_sources, len(nodes)) else "ok"


def _available(nodes: Sequence[NodeReport]) -> int:
    return sum(node.condition is NodeCondition.HEALTHY for node in nodes)


def _node(each: NodeReport, best: int | None, *, with_names: bool) -> Document:
    behind = None
    if each.latest and best is not None and each.condition is not NodeCondition.WRONG_CHAIN:
        behind = best - each.latest.number
    return {
        "name": each.name if with_names else None,
        "archival": each.archival,
        "condition": each.condition.value,
        "latest_block": block(each.latest),
        "blocks_behind": behind,
    }


def token_kind(each: KindDescription, networks: list[str]) -> Mapping[str, object]:
    return {
        "kind": each.kind,
        "standard": each.standard,
        "class": each.kind_class.value,
        "title": each.title,
        "explanation": each.explanation,
        "networks": sorted(networks),
        "schema": each.schema,
        "actions": {action.value: schema for action, schema in each.actions.items()},
    }


def plan(each: Plan, quote: Quote) -> Document:
    return {
        "deployment_id": public_id(Prefix.DEPLOYMENT, each.deployment),
        "plan_hash": each.hash.hex(),
        "network": each.network,
        "kind": each.token.kind,
        "token": dict(each.token.parameters),
        "owner": each.owner,
        "sender": each.sender,
        "predicted_address": each.predicted,
        "steps": [
            {
                "name": step.name,
                "signers": [
                    {
                        "address": signer.address,
                        "custodian": signer.custodian,
                        "can_sign": signer.impediment is None,
                        "impediment": signer.impediment,
                    }
                    for signer in step.signers
                ],
            }
            for step in each.steps
        ],
        "fee_ceiling": str(each.fee_ceiling),
        "credits": each.credits,
        "quote": {
            "gas": str(quote.gas),
            "gas_price": str(quote.gas_price),
            "deposit": str(quote.deposit),
            "would_wait_for": quote.would_wait_for and quote.would_wait_for.value,
            "sentence": quote.would_wait_for and WAITING[quote.would_wait_for].sentence,
        },
        "warnings": list(quote.warnings),
    }


def pursued(each: Deployment, network: Network | None, next_look_at: datetime | None) -> Document:
    """A deployment, or an operation on a token."""
    if each.kind.is_on_a_token:
        return operation(each, network, next_look_at)
    return deployment(each, network, next_look_at)


def deployment(
    each: Deployment, network: Network | None, next_look_at: datetime | None
) -> Document:
    path = f"/v1/deployments/{each.named}"
    return {
        "id": each.named,
        "state": each.state.value,
        "live": each.live,
        "network": each.network,
        "kind": each.token.kind,
        "token": dict(each.token.parameters),
        "predicted_address": each.predicted,
        "address": each.result,
        "address_url": token_url(network, each.token, each.result),
        "plan_hash": each.plan_hash and each.plan_hash.hex(),
        "declared_value": None
        if each.declared_value is None
        else {
            "amount": each.declared_value.decimal,
            "currency": each.declared_value.currency,
        },
        **_in_common(each, network, next_look_at),
        "links": _links(path) | {"evidence": f"{path}/evidence"},
    }


def operation(
    each: Deployment, network: Network | None, next_look_at: datetime | None
) -> Document:
    """An operation on a token."""
    token = None if each.of is None else public_id(Prefix.TOKEN, each.of)
    return {
        "id": each.named,
        "state": each.state.value,
        "live": each.live,
        "network": each.network,
        "action": each.kind.value,
        "parameters": {} if each.order is None else dict(each.order.parameters),
        "token": token,
        "kind": each.token.kind,
        "address": each.predicted,
        "address_url": token_url(network, each.token, each.predicted),
        **_in_common(each, network, next_look_at),
        "links": _links(f"/v1/operations/{each.named}") | {"token": f"/v1/tokens/{token}"},
    }


def _in_common(
    each: Deployment, network: Network | None, next_look_at: datetime | None
) -> Document:
    return {
        "account": _named(Prefix.ACCOUNT, each.account),
        "payer": each.payer.value,
        "sender": each.sender,
        "owner": each.owner,
        "steps": [_step(step, network) for step in each.steps],
        "credits": each.credits,
        "hold": None if each.hold is None else {"id": public_id(Prefix.HOLD, each.hold)},
        "fee_ceiling": str(each.fee_ceiling),
        "failure": _failure(each),
        "waiting": waiting_of(each.waiting, each.waiting_since, next_look_at),
        "client_reference": each.client_reference,
        "metadata": dict(each.metadata),
        "requested_by": each.requested_by,
        "created_at": timestamp(instant_of(each.id) or each.accepted_at),
        "may_cancel": each.may_cancel,
        "may_retry": each.may_retry,
    }


def _links(path: str) -> Document:
    return {
        "self": path,
        "history": f"{path}/history",
        "events": f"{path}/events",
        "audit_events": f"{path}/audit_events",
    }


def _failure(each: Deployment) -> Document | None:
    failure = each.failure
    if failure is None:
        return None
    detail = sentence_of(failure.reason, of_an_order=each.kind.is_on_a_token)
    if failure.reason in _TOLD_IN_DETAIL:
        detail = f"{detail} ({failure.detail})"
    return {
        "reason_code": failure.reason.value,
        "detail": detail,
        "retryable": each.may_retry,
    }


def _step(step: Step, network: Network | None) -> Document:
    return {
        "number": step.number,
        "name": step.name,
        "final": step.is_final,
        "transactions": [_transaction(step, attempt, network) for attempt in step.attempts],
    }


def _transaction(step: Step, attempt: Attempt, network: Network | None) -> Document:
    inclusion = step.inclusion
    if inclusion is not None and inclusion.transaction_id != attempt.transaction_id:
        inclusion = None
    return {
        "transaction_id": attempt.transaction_id,
        "explorer_url": explorer_url(network, attempt.transaction_id),
        "role": attempt.role.value,
        "signed_at": timestamp(attempt.signed_at),
        "broadcast_at": _at(attempt.broadcast_at),
        "block": None if inclusion is None else block(inclusion.block),
        "succeeded": None if inclusion is None else inclusion.succeeded,
        "cost": None if inclusion is None else str(inclusion.cost),
    }


def token_url(network: Network | None, token: Token, place: str | None) -> str | None:
    """Where an explorer shows *token*; an application is not where an asset would be."""
    if network is None or place is None:
        return None
    link = network.explorer_token or network.explorer_address
    if token.kind.partition("_")[0] in _APPLICATIONS:
        link = _application_link(network)
    return link.replace("{}", place) if link else None


def wallet(each: Wallet) -> Document:
    return {
        "available": each.available,
        "held": each.held,
        "debt": each.debt,
        "lots": [
            _lot(lot)
            for lot in sorted(each.lots, key=lambda lot: lot.burn_order)
            if lot.remaining > 0
        ],
    }


def _lot(each: Lot) -> Document:
    return {
        "id": public_id(Prefix.GRANT, each.id),
        "source": each.source.value,
        "amount": each.amount,
        "remaining": each.remaining,
        "effective_at": timestamp(each.effective_at),
        "expires_at": _at(each.expires_at),
    }


def usage_hold(each: Hold, now: datetime) -> Document:
    """A metered hold; one whose lease is over is expired, whether or not that is recorded."""
    state = HoldState.EXPIRED if each.is_due(now) else each.state
    return {
        "id": public_id(Prefix.HOLD, each.id),
        "operation": each.operation,
        "state": state.value,
        "credits": each.amount,
        "captured": each.captured,
        "lease_until": _at(each.lease_until),
        "requested_by": each.member,
    }


def journal_entry(each: JournalEntry, paid: OperationKind | None) -> Document:
    """*paid*: the kind of what it paid for."""
    posting = each.posting
    is_on_a_token = paid is not None and paid.is_on_a_token
    return {
        "sequence": each.sequence,
        "at": timestamp(each.at),
        "action": posting.action,
        "debit": posting.debit.value,
        "credit": posting.credit.value,
        "amount": posting.amount,
        "hold": _named(Prefix.HOLD, posting.hold),
        "grant": _named(Prefix.GRANT, posting.lot),
        "deployment": None if is_on_a_token else _named(Prefix.DEPLOYMENT, each.subject),
        "operation": _named(Prefix.OPERATION, each.subject) if is_on_a_token else None,
        "actor": each.actor,
    }


def audit_event(each: AuditEvent) -> Document:
    """The sealed body, as it was written."""
    return each.content()


def block(each: Block | None) -> Document | None:
    return None if each is None else {"number": each.number, "hash": each.hash}


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else timestamp(instant)


def _named(prefix: Prefix, id: UUID | None) -> str | None:
    return None if id is None else public_id(prefix, id)
