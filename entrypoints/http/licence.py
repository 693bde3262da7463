"""/v1/billing/licence: what may begin, and until when that is so."""

from litestar import Response, get

from application.access.caller import Caller
from application.credits.licence import licence_of
from domain.audit import timestamp
from domain.licence import Licence
from domain.organisation import Permission
from entrypoints.http.answers import Json, answer
from entrypoints.http.authentication import require
from entrypoints.http.operations import Operation
from entrypoints.http.services import AClock, AStore, Given


@get(
    "/v1/billing/licence",
    sync_to_thread=True,
    opt=Operation(
        id="get_licence", tag="billing", summary="What may begin now",
        description="After a failed payment premium and compliance are off at once, and core "
        "after 15 times 24 hours. What is signed is finished; reports and exports stay on. "
        "`until` is when time alone changes the state. Paying clears it at once.",
        answers="Licence",
    ).opt,
)  # fmt: skip
def get_licence(caller: Given[Caller], store: AStore, clock: AClock) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    with store.begin(caller.scope) as work:
        found = licence_of(work, clock.now())
    return answer(representation(found))


HANDLERS = (get_licence,)


def representation(each: Licence) -> Json:
    return {
        "state": each.state.value,
        "premium": each.premium,
        "core": each.core,
        "reports": each.state.reports,
        "since": None if each.since is None else timestamp(each.since),
        "until": None if each.until is None else timestamp(each.until),
    }
