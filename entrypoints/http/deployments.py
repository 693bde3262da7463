"""/v1/deployments: plan, create, read, cancel, try again."""

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.deployments.plan import PlanDeployment
from application.deployments.request import RequestDeployment
from application.deployments.validation import ValidateToken
from application.ports.storage.idempotency import IdempotencyKey
from domain.organisation import Permission
from entrypoints.http import progress, representations, second_thoughts
from entrypoints.http.answers import answer, answer_if_changed
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Shape
from entrypoints.http.deployment_requests import (
    CREATE,
    PLAN,
    fingerprint,
    idempotency_key,
    read_request,
)
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted
from entrypoints.http.pursued import (
    CURSOR,
    DEPLOYMENT,
    KEYED,
    LIMIT,
    LIVE,
    NETWORK,
    REFERENCE,
    STATE,
    accepted,
    listed,
)
from entrypoints.http.services import AStore, Chains, Given

LISTING = Shape("DeploymentQuery", (LIMIT, CURSOR, STATE, NETWORK, LIVE, REFERENCE))

_ANYTHING_THAT_STARTS = (
    "validation_failed", "insufficient_credits", "debt_outstanding", "quota_exceeded",
    "monthly_quota_exceeded", "tariff_too_low",
    "tariff_not_in_catalogue", "licence_premium_off", "licence_core_off",
    "address_not_verified", "plan_hash_required", "network_not_allowed", "mode_mismatch",
    "network_not_ready", "treasury_empty", "network_budget_exhausted",
)  # fmt: skip
_ANYTHING_THAT_HOLDS = (*_ANYTHING_THAT_STARTS, "spending_frozen")


@post(
    "/v1/deployments/plan",
    sync_to_thread=True,
    opt=Operation(
        id="plan_deployment", tag="deployments", summary="Say what a deployment will do",
        description="Without doing any of it. The deployment_id is good for 24 hours; together "
        "with plan_hash it makes sure that what is done is what was planned.",
        body=PLAN, answers="Plan", is_read=True,
        codes=(*_ANYTHING_THAT_STARTS, "account_not_found", "account_not_ready",
               "account_disabled", "custodian_not_offered", "node_unavailable", "network_halted"),
    ).opt,
    status_code=200,
)  # fmt: skip
def plan_deployment(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    chains: Chains,
    validate_token: Given[ValidateToken],
    plan: Given[PlanDeployment],
) -> Response[bytes]:
    require(caller, Permission.WRITE_DEPLOYMENTS)
    wanted, _ = read_request(PLAN, request, body, chains, validate_token)
    planned, quote = granted(plan(caller, wanted))
    return answer(representations.plan(planned, quote))


@post(
    "/v1/deployments",
    sync_to_thread=True,
    opt=Operation(
        id="create_deployment", tag="deployments", summary="Issue a token",
        is_brief=True,
        description="Accepted when the credits are held; a worker does the rest. Repeating it "
        "with the same Idempotency-Key answers with the same deployment as it is now.",
        body=CREATE, answers="Deployment", status=202, needs_idempotency_key=True,
        codes=(*_ANYTHING_THAT_HOLDS, *KEYED, "deployment_id_used", "plan_expired",
               "plan_changed", "client_reference_used", "account_not_found", "account_not_ready",
               "account_disabled", "custodian_not_offered", "custodian_not_configured",
               "curve_not_offered", "message_too_long"),
    ).opt,
    status_code=202,
)  # fmt: skip
def create_deployment(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    validate_token: Given[ValidateToken],
    request_deployment: Given[RequestDeployment],
) -> Response[bytes]:
    require(caller, Permission.WRITE_DEPLOYMENTS)
    key = idempotency_key(request)
    wanted, asked = read_request(CREATE, request, body, chains, validate_token)
    named = IdempotencyKey(
        live=chains[wanted.network].network.live, route="POST /v1/deployments", key=key
    )
    answered = request_deployment(caller, wanted, named, fingerprint(caller, request, asked.body))
    return accepted(granted(answered), caller, store, chains)


@get(
    "/v1/deployments",
    sync_to_thread=True,
    opt=Operation(
        id="list_deployments", tag="deployments", summary="Deployments, newest first",
        is_brief=True,
        query=LISTING, answers="DeploymentPage", is_polled=True,
        codes=("validation_failed", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def list_deployments(
    request: AnyRequest, caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    asked = LISTING.query(request)
    live = asked.get(LIVE)
    require(caller, Permission.READ_DEPLOYMENTS, live=live)
    live = caller.live if live is None else live
    with store.begin(caller.scope) as work:
        read = DEPLOYMENT.list if asked.get(REFERENCE) is None else DEPLOYMENT.referred_to
        found = read(work, asked, live)
    return listed(found, chains, request)


@get(
    "/v1/deployments/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_deployment", tag="deployments", summary="One deployment, as it is now",
        is_brief=True,
        answers="Deployment", is_polled=True, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_deployment(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    return answer_if_changed(DEPLOYMENT.shown(caller, store, chains, id), request)


HANDLERS = (
    plan_deployment,
    create_deployment,
    list_deployments,
    get_deployment,
    *second_thoughts.handlers(
        DEPLOYMENT, "Deployment", Permission.WRITE_DEPLOYMENTS, _ANYTHING_THAT_HOLDS
    ),
    *progress.handlers(DEPLOYMENT),
)
