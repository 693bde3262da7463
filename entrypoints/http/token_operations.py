"""/v1/tokens/{id}/operations and /v1/operations: mint, burn, pause; read, cancel, try again."""

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.ports.storage.idempotency import IdempotencyKey
from application.tokens.request import (
    RequestTokenOperation,
    TokenOperationRequest,
    ValidateOrder,
)
from domain.deployment import Deployment
from domain.errors import FieldFault, Refusal
from domain.organisation import Permission
from domain.token import ORDERED, Action, Order
from entrypoints.http import progress, second_thoughts
from entrypoints.http.answers import answer_if_changed
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape, parse
from entrypoints.http.deployment_requests import (
    CLIENT_REFERENCE,
    METADATA,
    fingerprint,
    idempotency_key,
)
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted, invalid
from entrypoints.http.pursued import (
    CURSOR,
    KEYED,
    LIMIT,
    OPERATION,
    REFERENCE,
    STATE,
    TOKEN,
    accepted,
    listed,
)
from entrypoints.http.rules import Choice, Parameters
from entrypoints.http.services import AStore, Chains, Given
from entrypoints.http.tokens import issued

ACTION = Field(
    "action", Choice(among=Action, withheld=frozenset(Action).difference(ORDERED)),
    "One of the token's `actions`.", required=True, example="mint",
)  # fmt: skip
PARAMETERS = Field(
    "parameters", Parameters(), "By the schema of the action, in GET /v1/token_kinds; none by "
    "default.", example={"amount": "1000", "to": "0x00000000000000000000000000000000000000ad"},
)  # fmt: skip
CREATE = Shape("OperationRequest", (ACTION, PARAMETERS, CLIENT_REFERENCE, METADATA))
LISTING = Shape("OperationQuery", (LIMIT, CURSOR, STATE, REFERENCE))

_GATES = (
    "validation_failed", "insufficient_credits", "debt_outstanding", "quota_exceeded",
    "tariff_too_low",
    "tariff_not_in_catalogue", "licence_premium_off", "licence_core_off", "address_not_verified",
    "network_not_allowed",
    "mode_mismatch", "network_not_ready", "treasury_empty", "network_budget_exhausted",
    "spending_frozen",
)  # fmt: skip


@post(
    "/v1/tokens/{id:str}/operations",
    sync_to_thread=True,
    opt=Operation(
        id="create_operation", tag="operations", summary="Mint, burn or pause a token",
        description="Accepted when the credits are held; a worker does the rest, in the name of "
        "the account that issued the token. Repeating it with the same Idempotency-Key answers "
        "with the same operation as it is now.",
        body=CREATE, answers="Operation", status=202, needs_idempotency_key=True,
        codes=(*_GATES, *KEYED, "not_found", "token_not_issued", "action_not_offered",
               "invalid_order", "client_reference_used", "account_not_found", "account_disabled",
               "key_disabled",
               "custodian_not_configured", "curve_not_offered"),
    ).opt,
    status_code=202,
)  # fmt: skip
def create_operation(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    validate_order: Given[ValidateOrder],
    request_operation: Given[RequestTokenOperation],
) -> Response[bytes]:
    require(caller, Permission.WRITE_TOKENS)
    key = idempotency_key(request)
    members = parse(request, body)
    token = TOKEN.known(caller, store, id)
    require(caller, Permission.WRITE_TOKENS, live=token.live)
    asked, faults = CREATE.examine(members)
    order = _order(caller, token, asked, validate_order)
    if isinstance(order, tuple):
        faults += order
    if faults or isinstance(order, tuple):
        raise invalid(faults)
    wanted = TokenOperationRequest(
        token=token.id,
        order=granted(order),
        client_reference=asked.get(CLIENT_REFERENCE),
        metadata=asked.get(METADATA) or {},
    )
    named = IdempotencyKey(live=token.live, route="POST /v1/tokens/{id}/operations", key=key)
    answered = request_operation(caller, wanted, named, fingerprint(caller, request, asked.body))
    return accepted(granted(answered), caller, store, chains)


@get(
    "/v1/tokens/{id:str}/operations",
    sync_to_thread=True,
    opt=Operation(
        id="list_operations", tag="operations", summary="What was done with a token, newest first",
        is_brief=True,
        query=LISTING, answers="OperationPage", is_polled=True,
        codes=("not_found", "token_not_issued", "validation_failed", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def list_operations(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    asked = LISTING.query(request)
    token = issued(caller, store, id)
    with store.begin(caller.scope) as work:
        read = OPERATION.list if asked.get(REFERENCE) is None else OPERATION.referred_to
        found = read(work, asked, token.live, token.id)
    return listed(found, chains, request)


@get(
    "/v1/operations/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_operation", tag="operations", summary="One operation, as it is now",
        is_brief=True,
        answers="Operation", is_polled=True, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_operation(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    return answer_if_changed(OPERATION.shown(caller, store, chains, id), request)


HANDLERS = (
    create_operation,
    list_operations,
    get_operation,
    *second_thoughts.handlers(OPERATION, "Operation", Permission.WRITE_TOKENS, _GATES),
    *progress.handlers(OPERATION),
)


def _order(
    caller: Caller, token: Deployment, asked: Decoded, validate_order: ValidateOrder
) -> Order | Refusal | tuple[FieldFault, ...]:
    """The order, or what is wrong with it as far as that can be said."""
    action, parameters = asked.get(ACTION), asked.get(PARAMETERS)
    if parameters is None and PARAMETERS.name not in asked.body:
        parameters = {}
    if action is None or parameters is None:
        return ()
    return validate_order(caller, token.id, action, parameters)
