"""/v1/audit/state: what was so at an instant, by the audit trail alone."""

from litestar import Response, get

from application.access.caller import Caller
from application.audit.as_of import StateAsOf
from domain.errors import Refusal
from domain.organisation import Permission
from entrypoints.http.answers import answer
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import Operation
from entrypoints.http.problems import RefusedError
from entrypoints.http.rules import Instant
from entrypoints.http.services import AClock, Given
from entrypoints.states import representation

AT = Field("at", Instant(), "RFC 3339 with a zone; by default, and at the latest, now.")
QUERY = Shape("StateQuery", (AT,))


@get(
    "/v1/audit/state",
    sync_to_thread=True,
    opt=Operation(
        id="get_state_as_of", tag="audit", summary="What was so at an instant",
        description="Members and roles, tariff, licence, credits by grant, and every token with "
        "its supply, derived from the audit trail alone: from all events up to the one that "
        "`follows_from` names. What the trail does not say is null, and `lacks` says why.",
        query=QUERY, answers="StateAsOf", codes=("validation_failed", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_state(
    request: AnyRequest,
    caller: Given[Caller],
    clock: AClock,
    state_as_of: Given[StateAsOf],
) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    if caller.live is not None:
        detail = "a state is of both modes, and the key of one: ask for it in a session"
        raise RefusedError(Refusal(code="mode_mismatch", detail=detail))
    now = clock.now()
    at = min(QUERY.query(request).get(AT) or now, now)
    return answer(representation(state_as_of(caller.organisation, at), at))


HANDLERS = (get_state,)
