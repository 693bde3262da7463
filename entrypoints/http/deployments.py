"""/v1/deployments: plan, create, read, cancel, try again."""

from typing import cast

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.deployments.cancel import CancelDeployment
from application.deployments.plan import PlanDeployment
from application.deployments.request import Accepted, RequestDeployment
from application.deployments.retry import RetryDeployment
from application.deployments.validation import ValidateToken
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import LONGEST_PAGE, Page, PageRequest
from application.ports.storage.work import Store, Work
from domain.deployment import Deployment, State
from domain.identifiers import NetworkId, OperationId, Prefix, parse_id, public_id
from domain.network import Network
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, answer_if_changed, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape
from entrypoints.http.deployment_requests import (
    CREATE,
    PLAN,
    fingerprint,
    idempotency_key,
    read_request,
)
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, not_found
from entrypoints.http.rules import Choice, Number, Switch, Text
from entrypoints.http.services import AStore, Chains, Given

LIMIT = Field("limit", Number(least=1, most=LONGEST_PAGE), "Items per page; 20 by default.")
CURSOR = Field("cursor", Text(most=200), "next_cursor of the page before.")
STATE = Field("state", Choice(among=State), "Only deployments in this state.")
NETWORK = Field("network", Text(most=128), "Only deployments on this network.")
LIVE = Field("live", Switch(), "Only live ones, or only others.")
REFERENCE = Field("client_reference", Text(most=100), "The deployment with this reference.")
LISTING = Shape("DeploymentQuery", (LIMIT, CURSOR, STATE, NETWORK, LIVE, REFERENCE))

_ANYTHING_THAT_STARTS = (
    "validation_failed", "insufficient_credits", "monthly_quota_exceeded", "tariff_too_low",
    "address_not_verified", "mode_mismatch", "network_not_ready",
)  # fmt: skip
_KEYED = (
    "idempotency_key_missing", "idempotency_key_invalid", "idempotency_key_reused",
    "request_in_flight",
)  # fmt: skip


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
        description="Accepted when the credits are held; a worker does the rest. Repeating it "
        "with the same Idempotency-Key answers with the same deployment as it is now.",
        body=CREATE, answers="Deployment", status=202, needs_idempotency_key=True,
        codes=(*_ANYTHING_THAT_STARTS, *_KEYED, "deployment_id_used", "plan_expired",
               "plan_changed", "client_reference_used", "account_not_found", "account_not_ready",
               "account_disabled", "custodian_not_offered"),
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
    answered = request_deployment(caller, wanted, named, fingerprint(request, asked.body))
    return _accepted(granted(answered), caller, store, chains)


@get(
    "/v1/deployments",
    sync_to_thread=True,
    opt=Operation(
        id="list_deployments", tag="deployments", summary="Deployments, newest first",
        query=LISTING, answers="DeploymentPage", codes=("validation_failed", "mode_mismatch"),
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
        if asked.get(REFERENCE) is None:
            found = _page(work, asked, live)
        else:
            found = _referred_to(work, asked, live)
    items = [
        representations.deployment(each, _network(chains, each), None) for each in found.items
    ]
    last = public_id(Prefix.DEPLOYMENT, found.items[-1].id) if found.items else None
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    "/v1/deployments/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_deployment", tag="deployments", summary="One deployment, as it is now",
        description="Carries an ETag; with If-None-Match, 304 as long as nothing has changed.",
        answers="Deployment", empty={304: "Nothing has changed."},
        codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_deployment(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    deployment = find(caller, store, id)
    return answer_if_changed(_document(deployment, caller, store, chains), request)


@post(
    "/v1/deployments/{id:str}/cancel",
    sync_to_thread=True,
    opt=Operation(
        id="cancel_deployment", tag="deployments", summary="Withdraw it before anything is sent",
        body=NOTHING, answers="Deployment",
        codes=(
            "not_found", "too_late_to_cancel", "outcome_open", "mode_mismatch", "node_unavailable",
        ),
    ).opt,
    status_code=200,
)  # fmt: skip
def cancel_deployment(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    cancel: Given[CancelDeployment],
) -> Response[bytes]:
    require(caller, Permission.WRITE_DEPLOYMENTS)
    NOTHING.decode(request, body)
    deployment = granted(cancel(caller, _parsed(id)))
    return answer(_document(deployment, caller, store, chains))


@post(
    "/v1/deployments/{id:str}/retry",
    sync_to_thread=True,
    opt=Operation(
        id="retry_deployment", tag="deployments", summary="Try again what failed without effect",
        description="Only where the failure proved that nothing happened on chain. The deployment "
        "keeps its id and takes a new hold.",
        body=NOTHING, answers="Deployment", status=202, needs_idempotency_key=True,
        codes=(*_ANYTHING_THAT_STARTS, *_KEYED, "not_found", "not_retryable"),
    ).opt,
    status_code=202,
)  # fmt: skip
def retry_deployment(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    retry: Given[RetryDeployment],
) -> Response[bytes]:
    require(caller, Permission.WRITE_DEPLOYMENTS)
    key = idempotency_key(request)
    asked = NOTHING.decode(request, body)
    deployment = find(caller, store, id)
    named = IdempotencyKey(live=deployment.live, route="POST /v1/deployments/{id}/retry", key=key)
    answered = retry(caller, deployment.id, named, fingerprint(request, asked.body))
    return _accepted(granted(answered), caller, store, chains)


HANDLERS = (
    plan_deployment,
    create_deployment,
    list_deployments,
    get_deployment,
    cancel_deployment,
    retry_deployment,
)


def find(caller: Caller, store: Store, id: str) -> Deployment:
    """The caller's deployment.  Raises: RefusedError: there is none that it may read."""
    require(caller, Permission.READ_DEPLOYMENTS)
    with store.begin(caller.scope) as work:
        deployment = work.deployments.get(_parsed(id))
    if deployment is None:
        raise not_found("deployment")
    require(caller, Permission.READ_DEPLOYMENTS, live=deployment.live)
    return deployment


def _parsed(id: str) -> OperationId:
    parsed = parse_id(Prefix.DEPLOYMENT, id)
    if parsed is None:
        raise not_found("deployment")
    return OperationId(parsed)


def _page(work: Work, asked: Decoded, live: bool | None) -> Page[Deployment]:
    network = asked.get(NETWORK)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.DEPLOYMENT, read_cursor(cursor)) if cursor else None
    if cursor and (after is None or work.deployments.get(OperationId(after)) is None):
        raise bad_cursor()
    return work.deployments.list(
        PageRequest(limit=asked.get(LIMIT) or 20, after=after),
        state=asked.get(STATE),
        network=NetworkId(network) if network is not None else None,
        live=live,
    )


def _referred_to(work: Work, asked: Decoded, live: bool | None) -> Page[Deployment]:
    """The deployments with a client reference: at most one of each mode."""
    if asked.get(CURSOR):
        raise bad_cursor()
    modes = (False, True) if live is None else (live,)
    state, network = asked.get(STATE), asked.get(NETWORK)
    found = [work.deployments.by_reference(asked[REFERENCE], live=mode) for mode in modes]
    items = tuple(
        each
        for each in found
        if each is not None
        and (state is None or state is each.state)
        and (network is None or network == each.network)
    )
    return Page(items, has_more=False)


def _accepted(accepted: Accepted, caller: Caller, store: Store, chains: Chains) -> Response[bytes]:
    document = _document(accepted.deployment, caller, store, chains)
    headers = {"Location": f"/v1/deployments/{document['id']}"}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(document, 202, headers)


def _document(
    deployment: Deployment, caller: Caller, store: Store, chains: Chains
) -> representations.Document:
    with store.begin(caller.scope) as work:
        next_look_at = work.deployments.due_at(deployment.id)
    is_open = deployment.state.is_open
    return representations.deployment(
        deployment, _network(chains, deployment), next_look_at if is_open else None
    )


def _network(chains: Chains, deployment: Deployment) -> Network | None:
    """The network, for its explorer; None where it is no longer configured."""
    chain = chains.get(deployment.network)
    return cast("Network | None", chain and chain.network)
