"""Withdraw what is pursued, or try again what failed: the routes of both kinds of resource."""

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.deployments.cancel import CancelDeployment
from application.deployments.retry import RetryDeployment
from application.ports.storage.idempotency import IdempotencyKey
from domain.organisation import Permission
from entrypoints.http.answers import answer
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted
from entrypoints.http.pursued import KEYED, Pursued, accepted, document
from entrypoints.http.services import AStore, Chains, Given


def handlers(
    of: Pursued, schema: str, needed: Permission, starting: tuple[str, ...]
) -> tuple[HTTPRouteHandler, ...]:
    """*schema* shows one of *of*; *starting* are the codes that refuse whatever starts."""

    @post(
        f"{of.path}/{{id:str}}/cancel",
        sync_to_thread=True,
        opt=Operation(
            id=f"cancel_{of.noun}", tag=f"{of.noun}s",
            summary="Withdraw it before anything is sent",
            body=NOTHING, answers=schema,
            codes=(
                "not_found", "too_late_to_cancel", "outcome_open", "mode_mismatch",
                "network_not_allowed",
                "node_unavailable", "network_not_ready",
            ),
        ).opt,
        status_code=200,
    )  # fmt: skip
    def cancel_it(
        request: AnyRequest,
        body: RawBody,
        id: FromPath[str],
        caller: Given[Caller],
        store: AStore,
        chains: Chains,
        cancel: Given[CancelDeployment],
    ) -> Response[bytes]:
        require(caller, needed)
        NOTHING.decode(request, body)
        cancelled = granted(cancel(caller, of.known(caller, store, id).id))
        return answer(document(cancelled, caller, store, chains))

    @post(
        f"{of.path}/{{id:str}}/retry",
        sync_to_thread=True,
        opt=Operation(
            id=f"retry_{of.noun}", tag=f"{of.noun}s",
            summary="Try again what failed without effect",
            description="Only where the failure proved that nothing happened on chain. The "
            f"{of.noun} keeps its id and takes a new hold.",
            body=NOTHING, answers=schema, status=202, needs_idempotency_key=True,
            codes=(*starting, *KEYED, "not_found", "not_retryable", "key_disabled"),
        ).opt,
        status_code=202,
    )  # fmt: skip
    def retry_it(
        request: AnyRequest,
        body: RawBody,
        id: FromPath[str],
        caller: Given[Caller],
        store: AStore,
        chains: Chains,
        retry: Given[RetryDeployment],
    ) -> Response[bytes]:
        require(caller, needed)
        key = idempotency_key(request)
        asked = NOTHING.decode(request, body)
        failed = of.known(caller, store, id)
        route = f"POST {of.path}/{{id}}/retry"
        named = IdempotencyKey(live=failed.live, route=route, key=key)
        answered = retry(caller, failed.id, named, fingerprint(caller, request, asked.body))
        return accepted(granted(answered), caller, store, chains)

    return (cancel_it, retry_it)
