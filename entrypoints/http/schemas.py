"""JSON Schemas of what is answered.  Tests hold every answer against them.

Enumerations are open: a client must live with a value it does not know, so they are examples and
not ``enum``.
"""

from collections.abc import Mapping

from application.ports.nodes import NodeCondition
from application.ports.storage.letters import LetterState
from application.ports.storage.people import UsageKey
from domain.account import AccountState, Origin
from domain.approval import Verdict
from domain.catalogue import KindClass
from domain.deployment import Reason, State
from domain.export import ExportFormat, ExportState
from domain.fees import FeeKind
from domain.gift import Direction, GiftState
from domain.identifiers import Prefix
from domain.key_change import KeyAction, KeyChangeState
from domain.ledger import HoldState
from domain.licence import LicenceState
from domain.network import Family, NetworkClass
from domain.notification import NAMES
from domain.operation import AttemptRole, WaitReason
from domain.organisation import Permission, Role
from domain.quota import Window
from domain.token import Action, Power
from domain.webhook import Cause, DeliveryState, EndpointState, Scheme, Way
from entrypoints.http.compliance import SENTENCES
from entrypoints.http.components import Schema, or_null, ref
from entrypoints.http.error_codes import ERROR_CODES, Retry
from entrypoints.http.money_rules import Amount


def _object(**properties: Schema) -> Schema:
    """Everything is always there; what has no value is null."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _page(items: Schema) -> Schema:
    return _object(data=_list(items), has_more=_BOOLEAN, next_cursor=or_null(_TEXT))


def _id(prefix: Prefix) -> Schema:
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


def _just(value: str) -> Schema:
    """By which the variants of a union are told apart."""
    return {"type": "string", "const": value}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "x-extensible-enum": list(values)}


_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_INTEGER: Schema = {"type": "integer"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_AMOUNT: Schema = {
    "type": "string", "pattern": "^[0-9]+$", "description": "Base units, as decimal digits.",
}  # fmt: skip
_DATE: Schema = {"type": "string", "format": "date"}
_DECIMAL: Schema = {"type": "string", "pattern": "^[0-9]+\\.[0-9]{6}$"}
_MONEY = _object(amount=_TEXT, currency=_TEXT)
_BLOCK = _object(number=_INTEGER, hash=_TEXT)
_WAIT = _one_of(*(reason.value for reason in WaitReason))
_MOVER = _one_of("nobody", "you", "operator")
_STATE = _one_of(*(state.value for state in State))
_ACTION = _one_of(*(action.value for action in Action))
_POWER = _one_of(*(power.value for power in Power))
_ORGANISATION = _id(Prefix.ORGANISATION)

_CHECKOUT = _object(
    url=_TEXT, expires_at=_INSTANT, item=_TEXT, created_at=_INSTANT,
)  # fmt: skip
_INVOICE = _object(
    id=_TEXT, number=or_null(_TEXT), state=_TEXT, total_minor=_INTEGER, currency=_TEXT,
    created_at=_INSTANT, period_start=_INSTANT, period_end=_INSTANT, url=or_null(_TEXT),
)  # fmt: skip
_BALANCES = _object(available=_INTEGER, held=_INTEGER, debt=_INTEGER, balance=_INTEGER)

_TOKENS = _object(
    access_token=_TEXT, token_type=_TEXT, expires_in=_INTEGER, refresh_token=_TEXT,
    session=_id(Prefix.SESSION), user=_id(Prefix.USER), organisation=_ORGANISATION,
)  # fmt: skip

_API_KEY = _object(
    id=_id(Prefix.API_KEY), name=_TEXT, live=_BOOLEAN,
    scopes=_list(_one_of(*(each.value for each in Permission))), hint=_TEXT, api_version=_TEXT,
    active=_BOOLEAN, needs_enabling=_BOOLEAN, created_by=_id(Prefix.MEMBER), created_at=_INSTANT,
    expires_at=or_null(_INSTANT), revoked_at=or_null(_INSTANT), last_used_at=or_null(_INSTANT),
    networks=or_null(_list(_TEXT)),
    spend_cap=or_null(_object(limit=_INTEGER, held=_INTEGER, used=_INTEGER, left=_INTEGER)),
)  # fmt: skip

_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}

_WEBHOOK_ENDPOINT = _object(
    id=_id(Prefix.WEBHOOK_ENDPOINT), url=_TEXT, description=_TEXT,
    event_types=_list(_one_of(*NAMES)), live=_BOOLEAN,
    signature=_one_of(*(each.value for each in Scheme)), api_version=_TEXT,
    state=_one_of(*(each.value for each in EndpointState)),
    disabled_because=or_null(_one_of(*(each.value for each in Cause))),
    disabled_at=or_null(_INSTANT), failures=_INTEGER, next_attempt_at=or_null(_INSTANT),
    secrets=_list(
        _object(
            number=_INTEGER, public_key=or_null({"type": "string", "pattern": "^whpk_"}),
            created_at=_INSTANT, expires_at=or_null(_INSTANT),
        )
    ),
    created_by=_TEXT, created_at=_INSTANT,
)  # fmt: skip

_WEBHOOK_DELIVERY = _object(
    id=_id(Prefix.WEBHOOK_DELIVERY), number=_INTEGER,
    way=_one_of(*(each.value for each in Way)),
    state=_one_of(*(each.value for each in DeliveryState)), event=_id(Prefix.EVENT),
    sequence=_INTEGER, event_type=_one_of(*NAMES), subject=_TEXT, attempts=_INTEGER,
    last_status=or_null(_INTEGER), last_error=or_null(_TEXT), created_at=_INSTANT,
    finished_at=or_null(_INSTANT),
)  # fmt: skip

_EVENT = _object(
    api_version=_TEXT, data={"type": "object"}, id=_id(Prefix.EVENT), live=_BOOLEAN,
    organisation=_ORGANISATION, sequence=_INTEGER, timestamp=_INSTANT, type=_one_of(*NAMES),
)  # fmt: skip

_TRANSACTION = _object(
    transaction_id=_TEXT, explorer_url=or_null(_TEXT),
    role=_one_of(*(each.value for each in AttemptRole)), signed_at=_INSTANT,
    broadcast_at=or_null(_INSTANT), block=or_null(_BLOCK), succeeded=or_null(_BOOLEAN),
    cost=or_null(_AMOUNT),
)  # fmt: skip

_STEP = _object(
    number=_INTEGER, name=_TEXT, final=_BOOLEAN, transactions=_list(ref("Transaction")),
)  # fmt: skip
_FAILURE = _object(
    reason_code=_one_of(*(each.value for each in Reason)), detail=_TEXT, retryable=_BOOLEAN,
)  # fmt: skip
_WAITING = _object(
    **{"for": _WAIT}, since=or_null(_INSTANT), sentence=_TEXT, who_must_act=_MOVER,
    next_look_at=or_null(_INSTANT),
)  # fmt: skip

#: What deployments and operations on tokens have in common.
_PURSUED: dict[str, Schema] = {
    "account": or_null(_id(Prefix.ACCOUNT)), "payer": _one_of("sponsored"), "sender": _TEXT,
    "owner": or_null(_TEXT),
    "steps": _list(ref("Step")),
    "credits": _INTEGER, "hold": or_null(_object(id=_id(Prefix.HOLD))), "fee_ceiling": _AMOUNT,
    "failure": or_null(ref("Failure")), "waiting": or_null(ref("Waiting")),
    "client_reference": or_null(_TEXT), "metadata": {"type": "object"}, "requested_by": _TEXT,
    "created_at": _INSTANT, "may_cancel": _BOOLEAN, "may_retry": _BOOLEAN,
}  # fmt: skip

_TOKEN = _object(
    id=_id(Prefix.TOKEN), deployment=_id(Prefix.DEPLOYMENT), live=_BOOLEAN, network=_TEXT,
    kind=_TEXT, standard=or_null(_TEXT), name=_TEXT, symbol=_TEXT, decimals=_INTEGER,
    token={"type": "object"}, address=_TEXT, address_url=or_null(_TEXT), owner=or_null(_TEXT),
    account=or_null(_id(Prefix.ACCOUNT)), actions=_list(_ACTION),
    client_reference=or_null(_TEXT), metadata={"type": "object"}, created_at=_INSTANT,
    links=_object(self=_TEXT, deployment=_TEXT, operations=_TEXT, compliance_indicators=_TEXT),
)  # fmt: skip

SCHEMAS: Mapping[str, Schema] = {
    "Problem": _object(
        type=_TEXT, title=_TEXT, status=_INTEGER, detail=_TEXT, code=_one_of(*ERROR_CODES),
        remediation=_TEXT, retry=_one_of(*(each.value for each in Retry)),
        retry_after_seconds=or_null(_INTEGER), request_id=_TEXT,
        errors=_list(
            _object(
                pointer=_TEXT,
                code=_one_of(*ERROR_CODES),
                message=_TEXT,
                remediation=_TEXT,
            )
        ),
    ),
    "Block": _BLOCK,
    "Money": _MONEY,
    "DeclaredValue": Amount().schema(),
    "Transaction": _TRANSACTION,
    "Step": _STEP,
    "Failure": _FAILURE,
    "Waiting": _WAITING,
    "HoldLink": _object(id=_id(Prefix.HOLD)),
    "Balances": _BALANCES,
    "Registered": _object(
        user=_object(id=_id(Prefix.USER), email=_TEXT, created_at=_INSTANT),
        organisation=ref("Organisation"),
        member=ref("Member"),
        tokens=ref("Tokens"),
    ),
    "Member": _object(
        id=_id(Prefix.MEMBER), organisation=_ORGANISATION, user=_id(Prefix.USER),
        role=_one_of(*(each.value for each in Role)), created_at=_INSTANT,
    ),
    "MemberWithAddress": {"allOf": [ref("Member"), _object(email=_TEXT)]},
    "MemberPage": _page(ref("MemberWithAddress")),
    "Invitation": _object(
        id=_id(Prefix.LETTER), email=or_null(_TEXT),
        role=or_null(_one_of(*(each.value for each in Role))),
        state=_one_of(*(each.value for each in LetterState)), invited_at=_INSTANT,
        expires_at=_INSTANT,
    ),
    "InvitationPage": _page(ref("Invitation")),
    "Approval": _object(
        deployment=_id(Prefix.DEPLOYMENT), plan_hash=_TEXT,
        verdict=_one_of(*(each.value for each in Verdict)), requested_by=_id(Prefix.MEMBER),
        requested_at=_INSTANT, expires_at=_INSTANT, decided_by=or_null(_id(Prefix.MEMBER)),
        decided_at=or_null(_INSTANT),
    ),
    "Policy": _object(deployments_need_approval=_BOOLEAN),
    "Tokens": _TOKENS,
    "SingleSignOn": _object(authorization_url=_TEXT, flow_token=_TEXT, expires_at=_INSTANT),
    "Identity": _object(id=_id(Prefix.IDENTITY), issuer=_TEXT, linked_at=_INSTANT),
    "IdentityPage": _page(ref("Identity")),
    "LetterWritten": _object(status=_one_of("letter_written")),
    "Session": _object(
        id=_id(Prefix.SESSION), organisation=_ORGANISATION, created_at=_INSTANT,
        last_used_at=_INSTANT, expires_at=_INSTANT, current=_BOOLEAN,
    ),
    "SessionPage": _page(ref("Session")),
    "Jwks": _object(
        keys=_list(_object(kty=_TEXT, crv=_TEXT, x=_TEXT, kid=_TEXT, alg=_TEXT, use=_TEXT))
    ),
    "Organisation": _object(
        id=_ORGANISATION, name=_TEXT, tariff=_TEXT,
        created_at=_INSTANT,
    ),
    "Account": _object(
        id=_id(Prefix.ACCOUNT), family=_one_of(*(each.value for each in Family)), live=_BOOLEAN,
        custodian=_TEXT, origin=_one_of(*(each.value for each in Origin)),
        state=_one_of(*(each.value for each in AccountState)),
        address=or_null(_TEXT), key=or_null(_TEXT),
        keys=_list(
            _object(
                key=_TEXT, custodian=_TEXT, address=_TEXT, public_key=_TEXT, own=_BOOLEAN,
                enabled=_BOOLEAN, issues=_BOOLEAN, networks=_list(_TEXT),
            )
        ),
        created_at=_INSTANT,
    ),
    "AccountBalance": _object(
        network=_TEXT, address=_TEXT, currency=_TEXT, decimals=_INTEGER, balance=or_null(_AMOUNT),
        balance_missing=or_null(_object(code=_one_of(*ERROR_CODES), sentence=_TEXT)),
    ),
    "CustodianChoice": _object(custodian=or_null(_TEXT)),
    "KeyChange": _object(
        id=_id(Prefix.KEY_CHANGE), account=_id(Prefix.ACCOUNT),
        action=_one_of(*(each.value for each in KeyAction)), custodian=_TEXT,
        key=or_null(_TEXT), state=_one_of(*(each.value for each in KeyChangeState)),
        code=or_null(_TEXT), requested_by=_TEXT, requested_at=_INSTANT,
        ended_at=or_null(_INSTANT),
    ),
    "KeyChangeInDetail": _object(
        id=_id(Prefix.KEY_CHANGE), account=_id(Prefix.ACCOUNT),
        action=_one_of(*(each.value for each in KeyAction)), custodian=_TEXT,
        key=or_null(_TEXT), state=_one_of(*(each.value for each in KeyChangeState)),
        code=or_null(_TEXT), requested_by=_TEXT, requested_at=_INSTANT,
        ended_at=or_null(_INSTANT),
        networks=_list(
            _object(
                network=_TEXT, operation=_id(Prefix.OPERATION),
                state=_one_of(*(each.value for each in State)),
                waiting_for=or_null(_one_of(*(each.value for each in WaitReason))),
                transaction_id=or_null(_TEXT),
            )
        ),
        tokens=_list(
            _object(
                token=_id(Prefix.TOKEN), owner=or_null(_TEXT), network=_TEXT,
                operation=_id(Prefix.OPERATION), state=_one_of(*(each.value for each in State)),
                waiting_for=or_null(_one_of(*(each.value for each in WaitReason))),
                transaction_id=or_null(_TEXT),
            )
        ),
    ),
    "Network": _object(
        **{"id": _TEXT, "name": _TEXT, "class": _one_of(*(each.value for each in NetworkClass))},
        live=_BOOLEAN, family=_one_of(*(each.value for each in Family)),
        finality=_object(tag=or_null(_TEXT), depth=or_null(_INTEGER)), native_currency=_TEXT,
        native_decimals=_INTEGER, fee_ceiling=_AMOUNT,
        explorer=_object(
            transaction=or_null(_TEXT), address=or_null(_TEXT), token=or_null(_TEXT),
            application=or_null(_TEXT),
        ),
        status=_one_of("ok", "halted"), final_block=or_null(_BLOCK),
    ),
    "NetworkStatus": _object(
        network=_TEXT, status=_one_of("ok", "degraded", "halted", "unavailable"),
        halted=or_null(_one_of("wrong_chain", "final_block_vanished", "unknown")),
        final_block=or_null(_BLOCK),
        nodes=_list(
            _object(
                name=or_null(_TEXT), archival=_BOOLEAN,
                condition=_one_of(*(each.value for each in NodeCondition)),
                latest_block=or_null(_BLOCK), blocks_behind=or_null(_INTEGER),
            )
        ),
        min_sources=_INTEGER, sources_available=_INTEGER, checked_at=_INSTANT,
    ),
    "TokenKind": _object(
        **{"class": _one_of(*(each.value for each in KindClass))}, kind=_TEXT, standard=_TEXT,
        title=_TEXT, explanation=_TEXT, networks=_list(_TEXT), schema={"type": "object"},
        actions={"type": "object", "description": "JSON Schema of `parameters`, by action."},
    ),
    "Plan": _object(
        deployment_id=_id(Prefix.DEPLOYMENT), plan_hash=_TEXT, network=_TEXT, kind=_TEXT,
        token={"type": "object"}, owner=_TEXT, sender=_TEXT, predicted_address=or_null(_TEXT),
        steps=_list(
            _object(
                name=_TEXT,
                signers=_list(
                    _object(address=_TEXT, custodian=_TEXT, can_sign=_BOOLEAN,
                            impediment=or_null(
                                _one_of("custodian_not_configured", "curve_not_offered",
                                        "message_too_long")
                            ))
                ),
            )
        ),
        fee_ceiling=_AMOUNT, credits=_INTEGER,
        quote=_object(gas=_AMOUNT, gas_price=_AMOUNT, deposit=_AMOUNT,
                      would_wait_for=or_null(_WAIT), sentence=or_null(_TEXT)),
        warnings=_list(_TEXT),
    ),
    "Deployment": _object(
        id=_id(Prefix.DEPLOYMENT), state=_STATE, live=_BOOLEAN, network=_TEXT, kind=_TEXT,
        token={"type": "object"}, predicted_address=or_null(_TEXT), address=or_null(_TEXT),
        address_url=or_null(_TEXT), plan_hash=or_null(_TEXT),
        declared_value=or_null(_MONEY), **_PURSUED,
        links=_object(
            self=_TEXT, history=_TEXT, events=_TEXT, audit_events=_TEXT, evidence=_TEXT
        ),
    ),
    "Operation": _object(
        id=_id(Prefix.OPERATION), state=_STATE, live=_BOOLEAN, network=_TEXT, action=_ACTION,
        parameters={"type": "object"}, token=_id(Prefix.TOKEN), kind=_TEXT,
        address=or_null(_TEXT), address_url=or_null(_TEXT), **_PURSUED,
        links=_object(self=_TEXT, history=_TEXT, events=_TEXT, audit_events=_TEXT, token=_TEXT),
    ),
    "Token": _TOKEN,
    "TokenNow": {
        "allOf": [
            ref("Token"),
            _object(
                state=or_null(ref("TokenState")),
                state_missing=or_null(_object(code=_one_of(*ERROR_CODES), sentence=_TEXT)),
                differences=or_null(_list(_TEXT)), operations_under_way=or_null(_BOOLEAN),
            ),
        ]
    },
    "TokenState": _object(
        name=_TEXT, symbol=_TEXT, decimals=_INTEGER, supply=_AMOUNT, cap=or_null(_AMOUNT),
        powers={
            "type": "object",
            "description": "Addresses by power; a power that nobody has is absent.",
            "propertyNames": _POWER, "additionalProperties": _list(_TEXT),
        },
        paused=_BOOLEAN, frozen_by_default=_BOOLEAN, url=or_null(_TEXT),
        metadata_hash=or_null(_TEXT), code=or_null(_TEXT), block=or_null(_BLOCK),
    ),
    "ComplianceIndicators": _object(
        token=_id(Prefix.TOKEN), network=_TEXT, kind=_TEXT, address=_TEXT, issuer=or_null(_TEXT),
        **{name: _BOOLEAN for name in SENTENCES if name != "is_metadata_immutable"},
        is_metadata_immutable=or_null(_BOOLEAN),
        sentences=_object(**dict.fromkeys(SENTENCES, _TEXT)),
        powers=_list(
            _object(power=_POWER, sentence=_TEXT,
                    holders=_list(_object(address=_TEXT, is_issuer=_BOOLEAN)))
        ),
        supply=_AMOUNT, expected_supply=_AMOUNT, cap=or_null(_AMOUNT), differences=_list(_TEXT),
        operations_under_way=_BOOLEAN,
        declared=_object(token={"type": "object"}, metadata={"type": "object"},
                         url=or_null(_TEXT), metadata_hash=or_null(_TEXT)),
        block=or_null(_BLOCK), checked_at=_INSTANT,
    ),
    "HistoryEntry": _object(
        sequence=_INTEGER, at=_INSTANT, event=_TEXT, state=_STATE,
        reason_code=or_null(_one_of(*(each.value for each in Reason))), message=_TEXT,
        step=or_null(_INTEGER), transaction_id=or_null(_TEXT), explorer_url=or_null(_TEXT),
        block=or_null(_BLOCK), token=or_null(_TEXT), waiting_for=or_null(_WAIT),
        who_must_act=or_null(_MOVER),
    ),
    "ProgressEvent": {
        "type": "object",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]{1,16}$",
                   "description": "For Last-Event-ID."},
            "event": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json",
                     "contentSchema": ref("HistoryEntry")},
        },
        "description": "One server-sent event: its fields by their names.",
    },
    "AuditEvent": _object(
        action=_TEXT, actor=_object(id=or_null(_TEXT), kind=_TEXT), api_version=_TEXT,
        at=_INSTANT, correlation_id=_TEXT, details={"type": "object"}, id=_id(Prefix.EVENT),
        live=_BOOLEAN, organisation=_ORGANISATION, request_id=or_null(_TEXT), schema=_INTEGER,
        sequence=_INTEGER, subject=_TEXT,
    ),
    "AuditRecord": _object(
        event=ref("AuditEvent"), body=_TEXT, salt=_TEXT, leaf_hash=_TEXT,
        personal=or_null(
            _object(
                of=_id(Prefix.USER), fields=or_null({"type": "object"}), erased=_BOOLEAN
            )
        ),
    ),
    "AuditReceipt": _object(event=_id(Prefix.EVENT), leaf_hash=_TEXT),
    "AuditProof": _object(
        event=_id(Prefix.EVENT), leaf=_TEXT, leaf_hash=_TEXT, index=_INTEGER, path=_list(_TEXT),
        checkpoint=ref("Checkpoint"), anchors=_list(ref("Anchor")),
    ),
    "Anchor": _object(
        network=_TEXT, size=_INTEGER, root=_TEXT, transaction_id=_TEXT, block=_INTEGER,
    ),
    "Checkpoint": _object(
        origin=_TEXT, size=_INTEGER, root=_TEXT, note=_TEXT, signed_at=_INSTANT,
    ),
    "Consistency": _object(
        **{"from": ref("Checkpoint")}, to=ref("Checkpoint"), path=_list(_TEXT),
    ),
    "AuditKey": _object(
        log=_INTEGER, origin=_TEXT, public_key=_TEXT, fingerprint=_TEXT, verifier_key=_TEXT,
        opened_at=_INSTANT, closed_at=or_null(_INSTANT), closed_because=or_null(_TEXT),
    ),
    "Evidence": _object(
        checkpoint=_TEXT, consistency=_list(_object(path=_list(_TEXT), size=_INTEGER)),
        core={"type": "object"},
        events=_list(_object(body=_TEXT, index=_INTEGER, path=_list(_TEXT), salt=_TEXT)),
        format=_TEXT, key=_TEXT,
    ),
    "ApiKey": _API_KEY,
    "NewApiKey": {"allOf": [ref("ApiKey"), _object(key=_TEXT)]},
    "Checkout": _CHECKOUT,
    "Invoice": _INVOICE,
    "InvoicePage": _page(ref("Invoice")),
    "PaymentEventTaken": _object(outcome=_TEXT),
    "PortalPage": _object(url=_TEXT),
    "Balance": _object(
        available=_INTEGER, held=_INTEGER, debt=_INTEGER,
        lots=_list(
            _object(id=_id(Prefix.GRANT), source=_TEXT, amount=_INTEGER, remaining=_INTEGER,
                    effective_at=_INSTANT, expires_at=or_null(_INSTANT))
        ),
    ),
    "Usage": _object(
        **{"from": _DATE}, by=_one_of(*(each.value for each in UsageKey)), to=_DATE,
        data=_list(
            _object(key=or_null(_TEXT), captured=_INTEGER, held=_INTEGER, number=_INTEGER)
        ),
        captured=_INTEGER, held=_INTEGER, number=_INTEGER,
    ),
    "Grant": _object(
        id=_id(Prefix.GRANT), source=_TEXT, amount=_INTEGER, remaining=_INTEGER,
        effective_at=_INSTANT, expires_at=or_null(_INSTANT), unit_cost=or_null(_DECIMAL),
        currency=or_null(_TEXT), fact=_TEXT,
    ),
    "Forecast": _object(
        history_days=_INTEGER, needed_days=_INTEGER, has_enough_history=_BOOLEAN,
        spent_per_day=or_null(_DECIMAL),
        runs_out_at=or_null(
            _object(p10=or_null(_INSTANT), p50=or_null(_INSTANT), p90=or_null(_INSTANT))
        ),
        horizon_days=_INTEGER, monthly_credits=_INTEGER,
    ),
    "Team": _object(
        id=_id(Prefix.TEAM), name=_TEXT, members=_list(_id(Prefix.MEMBER)), created_at=_INSTANT,
        dissolved_at=or_null(_INSTANT),
    ),
    "Quota": _object(
        type=_just("quota"), subject=_TEXT,
        window=_one_of(*(each.value for each in Window)), limit=_INTEGER,
        set_at=_INSTANT, since=_INSTANT, passed_on=_INTEGER, held=_INTEGER, used=_INTEGER,
        left=_INTEGER,
    ),
    "Gift": _object(
        type=_just("gift"), id=_id(Prefix.GIFT),
        direction=_one_of(*(each.value for each in Direction)),
        organisation=_ORGANISATION, credits=_INTEGER, message=or_null(_TEXT),
        state=_one_of(*(each.value for each in GiftState)), sent_by=_TEXT, sent_at=_INSTANT,
        closed_at=or_null(_INSTANT),
    ),
    "GiftOrQuota": {
        "oneOf": [ref("Gift"), ref("Quota")],
        "discriminator": {
            "propertyName": "type",
            "mapping": {each: ref(each.capitalize())["$ref"] for each in ("gift", "quota")},
        },
    },
    "Export": _object(
        id=_id(Prefix.EXPORT), state=_one_of(*(each.value for each in ExportState)),
        format=_one_of(*(each.value for each in ExportFormat)),
        filters=_object(
            since=or_null(_INSTANT), until=or_null(_INSTANT), actor=or_null(_TEXT),
            action=or_null(_TEXT), subject=or_null(_TEXT), live=or_null(_BOOLEAN),
            correlation_id=or_null(_TEXT),
        ),
        events_written=_INTEGER, events_total=or_null(_INTEGER), last_sequence=_INTEGER,
        parts=_list(
            _object(
                number=_INTEGER, name=_TEXT, bytes=_INTEGER, sha256=_TEXT, events=_INTEGER,
                first_sequence=_INTEGER, last_sequence=_INTEGER, url=_TEXT,
            )
        ),
        digest=or_null(_TEXT), event=or_null(_id(Prefix.EVENT)), requested_by=_TEXT,
        requested_at=_INSTANT, finished_at=or_null(_INSTANT), expires_at=or_null(_INSTANT),
    ),
    "ExportManifest": _object(
        begins=or_null(_INSTANT), encoding=_one_of(*(each.value for each in ExportFormat)),
        events=_INTEGER,
        export=_id(Prefix.EXPORT), filters={"type": "object"}, format=_TEXT,
        last_sequence=_INTEGER, organisation=_ORGANISATION,
        parts=_list(
            _object(
                bytes=_INTEGER, events=_INTEGER, first_sequence=_INTEGER, last_sequence=_INTEGER,
                name=_TEXT, sha256=_TEXT,
            )
        ),
        requested_at=_INSTANT, requested_by=_TEXT,
        tree=or_null(_object(checkpoint=_TEXT, log=_INTEGER, size=_INTEGER)),
    ),
    "WebhookEndpoint": _WEBHOOK_ENDPOINT,
    "NewWebhookEndpoint": {
        "allOf": [
            ref("WebhookEndpoint"),
            _object(secret=or_null({"type": "string", "pattern": "^whsec_"})),
        ]
    },
    "WebhookDelivery": _WEBHOOK_DELIVERY,
    "WebhookAttempt": _object(
        url=_TEXT, at=_INSTANT, took_ms=_INTEGER, request_headers=_TEXTS,
        status=or_null(_INTEGER), error=or_null(_TEXT), response_headers=_TEXTS,
        response=_TEXT,
    ),
    "WebhookDeliveryLog": {
        "allOf": [
            ref("WebhookDelivery"),
            _object(
                body={"type": "object"}, log=_list(ref("WebhookAttempt")),
            ),
        ]
    },
    "Event": _EVENT,
    "File": {"type": "string", "format": "binary"},
    "JournalEntry": _object(
        sequence=_INTEGER, at=_INSTANT, action=_TEXT, debit=_TEXT, credit=_TEXT, amount=_INTEGER,
        hold=or_null(_id(Prefix.HOLD)), grant=or_null(_id(Prefix.GRANT)),
        deployment=or_null(_id(Prefix.DEPLOYMENT)), operation=or_null(_id(Prefix.OPERATION)),
        actor=_TEXT,
    ),
    "Catalogue": _object(
        name=_TEXT, currency=_TEXT, first_tariff=_TEXT,
        tariffs=_list(
            _object(
                name=_TEXT, price_minor=_INTEGER, price_is_least=_BOOLEAN,
                deployments_per_month=or_null(_INTEGER), credits_per_month=_INTEGER,
                classes=_list(_one_of(*(each.value for each in KindClass))),
                networks=_list(_one_of(*(each.value for each in NetworkClass))),
                fees=or_null(
                    _object(
                        markup_basis_points=_INTEGER, value_basis_points=_INTEGER,
                        networks=_list(_one_of(*(each.value for each in NetworkClass))),
                    )
                ),
                requests_per_minute=or_null(_INTEGER),
            )
        ),
        packs=_list(
            _object(name=_TEXT, price_minor=_INTEGER, credits=_INTEGER, days=or_null(_INTEGER))
        ),
        operations=_list(
            _object(
                **{"class": or_null(_one_of(*(each.value for each in KindClass)))},
                operation=_TEXT, credits=_INTEGER, metered=_BOOLEAN,
            )
        ),
        most_credits_per_request=_INTEGER,
    ),
    "Licence": _object(
        state=_one_of(*(each.value for each in LicenceState)), premium=_BOOLEAN, core=_BOOLEAN,
        reports=_BOOLEAN, since=or_null(_INSTANT), until=or_null(_INSTANT),
    ),
    "UsageHold": _object(
        id=_id(Prefix.HOLD), operation=_TEXT,
        state=_one_of(*(each.value for each in HoldState)), credits=_INTEGER, captured=_INTEGER,
        lease_until=_INSTANT, requested_by=or_null(_TEXT),
    ),
    "StateAsOf": _object(
        organisation=or_null(_ORGANISATION), at=_INSTANT,
        follows_from=or_null(
            _object(event=_id(Prefix.EVENT), sequence=_INTEGER, at=_INSTANT)
        ),
        tariff=or_null(_TEXT),
        members=_list(
            _object(
                id=_id(Prefix.MEMBER), user=_id(Prefix.USER),
                role=_one_of(*(each.value for each in Role)), since=_INSTANT,
            )
        ),
        licence=_object(
            state=_one_of(*(each.value for each in LicenceState)), since=or_null(_INSTANT),
            until=or_null(_INSTANT),
        ),
        credits=_object(
            available=_INTEGER, held=_INTEGER, debt=_INTEGER, spent=_INTEGER,
            grants=or_null(
                _list(
                    _object(
                        id=_id(Prefix.GRANT), source=_TEXT, fact=_TEXT, amount=_INTEGER,
                        remaining=_INTEGER, lapsed=_INTEGER, clawed_back=_INTEGER,
                        effective_at=_INSTANT, expires_at=or_null(_INSTANT),
                    )
                )
            ),
        ),
        tokens=_list(
            _object(
                id=_id(Prefix.TOKEN), deployment=_id(Prefix.DEPLOYMENT), network=_TEXT,
                kind=_TEXT, address=or_null(_TEXT), decimals=or_null(_INTEGER),
                supply=or_null(_AMOUNT), paused=_BOOLEAN, issued_at=_INSTANT,
            )
        ),
        lacks=_list(_TEXT),
    ),
    "Statement": _object(
        period=_object(start=_INSTANT, end=_INSTANT), opening=_BALANCES,
        lines=_list(_object(what=_TEXT, of=or_null(_TEXT), credits=_INTEGER)),
        closing=_BALANCES,
        fees=_list(
            _object(
                deployment=_id(Prefix.DEPLOYMENT), kind=_one_of(*(each.value for each in FeeKind)),
                live=_BOOLEAN, at=_INSTANT, currency=_TEXT, amount=or_null(_TEXT),
                waiting_for=or_null(_one_of("rate")), basis_points=_INTEGER,
                costs=_list(
                    _object(
                        transaction_id=_TEXT, amount=_AMOUNT,
                        rate=or_null(
                            _object(price=_TEXT, currency=_TEXT, source=_TEXT, at=_INSTANT)
                        ),
                    )
                ),
                declared_value=or_null(_MONEY), invoice_item=or_null(_TEXT),
            )
        ),
        totals=_list(_MONEY),
    ),
    "Health": _object(status=_TEXT),
    "Document": {"type": "object", "description": "By the token's standard: ARC-3 metadata."},
    "OrganisationPage": _page(ref("Organisation")),
    "AccountPage": _page(ref("Account")),
    "AccountBalancePage": _page(ref("AccountBalance")),
    "KeyChangePage": _page(ref("KeyChange")),
    "NetworkPage": _page(ref("Network")),
    "TokenKindPage": _page(ref("TokenKind")),
    "DeploymentPage": _page(ref("Deployment")),
    "TokenPage": _page(ref("Token")),
    "OperationPage": _page(ref("Operation")),
    "History": _page(ref("HistoryEntry")),
    "AuditEventPage": _page(ref("AuditEvent")),
    "AuditRecordPage": _page(ref("AuditRecord")),
    "CheckpointPage": _page(ref("Checkpoint")),
    "AuditKeyPage": _page(ref("AuditKey")),
    "ApiKeyPage": _page(ref("ApiKey")),
    "GrantPage": _page(ref("Grant")),
    "TeamPage": _page(ref("Team")),
    "QuotaPage": _page(ref("Quota")),
    "GiftPage": _page(ref("Gift")),
    "ExportPage": _page(ref("Export")),
    "WebhookEndpointPage": _page(ref("WebhookEndpoint")),
    "WebhookDeliveryPage": _page(ref("WebhookDelivery")),
    "EventPage": _page(ref("Event")),
    "JournalPage": _page(ref("JournalEntry")),
}  # fmt: skip
