"""/healthz: this process.  /readyz: what it needs to do its work."""

from litestar import Response, get

from domain.errors import FieldFault
from entrypoints.http.answers import answer
from entrypoints.http.operations import Operation
from entrypoints.http.problems import refused
from entrypoints.http.services import Readiness


@get(
    "/healthz",
    sync_to_thread=False,
    opt=Operation(
        id="get_health", tag="health", summary="Whether this process runs", answers="Health",
        is_public=True, is_limited=False,
    ).opt,
)  # fmt: skip
def get_health() -> Response[bytes]:
    return answer({"status": "ok"})


@get(
    "/readyz",
    sync_to_thread=True,
    opt=Operation(
        id="get_readiness", tag="health", summary="Whether it can do its work",
        description="Nodes have a status of their own, in /v1/networks.", answers="Health",
        is_public=True, is_limited=False, codes=("not_ready",),
    ).opt,
)  # fmt: skip
def get_readiness(ready: Readiness) -> Response[bytes]:
    problems = ready()
    if problems:
        faults = [FieldFault(f"/{name}", "not_ready", why) for name, why in problems.items()]
        raise refused("not_ready", f"not ready: {', '.join(sorted(problems))}", *faults)
    return answer({"status": "ok"})


HANDLERS = (get_health, get_readiness)
