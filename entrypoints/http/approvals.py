"""Four eyes: whether deployments need them, and a second member's word."""

from litestar import Response, get, post, put
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.deployments.approve import DecideApproval, SetApprovalPolicy
from application.ports.storage.work import Store
from domain.approval import Approval, Verdict
from domain.audit import timestamp
from domain.identifiers import OperationId, Prefix, parse_id, public_id
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, answer_if_changed
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted, not_found
from entrypoints.http.rules import Choice, Flag, Hash
from entrypoints.http.services import AStore, Given

NEEDED = Field(
    "deployments_need_approval",
    Flag(),
    "Whether a second member approves a plan before it is signed.",
    required=True,
    example=True,
)
VERDICT = Field(
    "verdict",
    Choice(among=Verdict, withheld=frozenset({Verdict.PENDING})),
    "Yes or no.",
    required=True,
    example="approved",
)
PLAN_HASH = Field("plan_hash", Hash(), "Of the plan that you have looked at.", required=True)

POLICY = Shape("PolicyChange", (NEEDED,))
DECISION = Shape("ApprovalDecision", (VERDICT, PLAN_HASH))


@get(
    "/v1/organisations/{id:str}/policy",
    sync_to_thread=True,
    opt=Operation(
        id="get_policy", tag="organisations", summary="What your organisation demands",
        answers="Policy", codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_policy(id: FromPath[str], caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    _require_own(id, caller)
    with store.begin(caller.scope) as work:
        needed = work.approvals.are_needed()
    return answer({"deployments_need_approval": needed})


@put(
    "/v1/organisations/{id:str}/policy",
    sync_to_thread=True,
    opt=Operation(
        id="set_policy", tag="organisations", summary="Have deployments approved, or not",
        description="For deployments that are accepted from now on: each needs a plan_hash, and "
        "is signed once another member than who asked has approved it.",
        body=POLICY, answers="Policy", codes=("not_found", "session_required"),
    ).opt,
)  # fmt: skip
def set_policy(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    set_policy: Given[SetApprovalPolicy],
) -> Response[bytes]:
    _require_own(id, caller)
    asked = POLICY.decode(request, body)
    needed = granted(set_policy(caller, needed=asked[NEEDED]))
    return answer({"deployments_need_approval": needed})


@get(
    "/v1/deployments/{id:str}/approval",
    sync_to_thread=True,
    opt=Operation(
        id="get_approval", tag="deployments", summary="Who has approved it, or must",
        answers="Approval", is_polled=True, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_approval(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    require(caller, Permission.READ_DEPLOYMENTS)
    return answer_if_changed(_approval(_known(id, caller, store)), request)


@post(
    "/v1/deployments/{id:str}/approval",
    sync_to_thread=True,
    opt=Operation(
        id="decide_approval", tag="deployments", summary="Approve a plan, or reject it",
        description="By another member than who asked, for three days. What is rejected fails, "
        "nothing is signed, and its credits come back.",
        body=DECISION, answers="Approval",
        codes=("not_found", "session_required", "mode_mismatch", "plan_changed",
               "approval_by_requester", "approval_decided", "approval_expired"),
    ).opt,
    status_code=200,
)  # fmt: skip
def decide_approval(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    decide: Given[DecideApproval],
) -> Response[bytes]:
    known = _known(id, caller, store)
    asked = DECISION.decode(request, body)
    decided = granted(decide(caller, known.deployment, asked[VERDICT], asked[PLAN_HASH]))
    return answer(_approval(decided))


HANDLERS = (get_policy, set_policy, get_approval, decide_approval)


def _require_own(text: str, caller: Caller) -> None:
    if parse_id(Prefix.ORGANISATION, text) != caller.organisation:
        raise not_found("organisation")


def _known(text: str, caller: Caller, store: Store) -> Approval:
    id = parse_id(Prefix.DEPLOYMENT, text)
    with store.begin(caller.scope) as work:
        deployment = work.deployments.get(OperationId(id)) if id else None
        approval = work.approvals.get(OperationId(id)) if id else None
    if deployment is None or approval is None:
        raise not_found("deployment that is to be approved")
    require(caller, Permission.READ_DEPLOYMENTS, live=deployment.live)
    return approval


def _approval(each: Approval) -> representations.Document:
    by, at = each.decided_by, each.decided_at
    return {
        "deployment": public_id(Prefix.DEPLOYMENT, each.deployment),
        "plan_hash": each.plan_hash.hex(),
        "verdict": each.verdict.value,
        "requested_by": public_id(Prefix.MEMBER, each.asked_by),
        "requested_at": timestamp(each.asked_at),
        "expires_at": timestamp(each.expires_at),
        "decided_by": None if by is None else public_id(Prefix.MEMBER, by),
        "decided_at": None if at is None else timestamp(at),
    }
