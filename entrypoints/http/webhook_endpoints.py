"""/v1/webhook_endpoints: where members are told of what happens."""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.notifications.again import RotateSecret
from application.notifications.endpoints import (
    ChangeEndpoints,
    Changes,
    EndpointRequest,
    RegisterEndpoint,
)
from application.once import Answered
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store
from domain.audit import timestamp
from domain.identifiers import EndpointId, Prefix, parse_id
from domain.notification import NAMES
from domain.organisation import Permission
from domain.webhook import (
    LONGEST_OVERLAP,
    OVERLAP,
    Endpoint,
    EndpointState,
    Scheme,
    Secret,
    written_public,
)
from entrypoints.http.answers import Json, answer, answer_if_changed
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, not_found
from entrypoints.http.pursued import KEYED
from entrypoints.http.rules import Ascending, Choice, Flag, Text, Whole
from entrypoints.http.services import AStore, Given
from entrypoints.http.short_lists import SHORT, cut

PATH = "/v1/webhook_endpoints"
T = TypeVar("T")

_HOUR = timedelta(hours=1)

#: As an enumeration, for the rule that reads them.
EventName = Enum("EventName", {name.replace(".", "_").upper(): name for name in NAMES})  # type: ignore[misc]  # made from the one table

URL = Field(
    "url", Text(most=2_048), "Where to: https://, on the public internet.", required=True,
    example="https://example.com/hooks/tallystick",
)  # fmt: skip
NEW_URL = Field("url", Text(most=2_048), "Where to from now on, what waits included.")
DESCRIPTION = Field("description", Text(most=200, least=0), "To tell endpoints apart.")
EVENT_TYPES = Field(
    "event_types",
    Ascending(of=Choice(among=EventName), most=len(NAMES)),
    "Which events; none of them: all, those to come included.",
    example=["deployment.completed", "deployment.failed"],
)
LIVE = Field(
    "live", Flag(),
    "Whether it is told of live deployments, or of others; an API key's mode, else false.",
)  # fmt: skip
SIGNATURE = Field(
    "signature", Choice(among=Scheme),
    "`v1` (by default): HMAC-SHA256 with a secret that you keep; `v1a`: Ed25519, of which you "
    "have the public key only.",
)  # fmt: skip
OVERLAP_HOURS = Field(
    "overlap_hours", Whole(least=0, most=LONGEST_OVERLAP // _HOUR),
    f"How long the old secret signs beside the new one; {OVERLAP // _HOUR} by default.",
)  # fmt: skip
SKIP_MISSED = Field(
    "skip_missed", Flag(), "Leave out what it missed; false by default: it gets all of it first."
)
CREATE = Shape("WebhookEndpointRequest", (URL, DESCRIPTION, EVENT_TYPES, LIVE, SIGNATURE))
CHANGE = Shape("WebhookEndpointChange", (NEW_URL, DESCRIPTION, EVENT_TYPES))
ROTATE = Shape("WebhookSecretRequest", (OVERLAP_HOURS,))
ENABLE = Shape("WebhookEnableRequest", (SKIP_MISSED,))

_OF_URLS = ("webhook_url_refused", "webhook_url_unresolved")


@post(
    PATH,
    sync_to_thread=True,
    status_code=201,
    opt=Operation(
        id="create_webhook_endpoint", tag="webhooks", summary="Be told of what happens",
        description="`secret` is shown in this answer and never again, not even to a repeat with "
        "the same Idempotency-Key: whoever lost it rotates it. Every message is signed with it "
        "(standardwebhooks.com). With `v1a` there is none to show: verify with the public key.",
        body=CREATE, answers="NewWebhookEndpoint", status=201, needs_idempotency_key=True,
        codes=(*KEYED, *_OF_URLS, "mode_mismatch", "too_many_webhook_endpoints", "not_found",
               "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def create_webhook_endpoint(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    register_endpoint: Given[RegisterEndpoint],
    store: AStore,
) -> Response[bytes]:
    require(caller, Permission.WRITE_WEBHOOKS)
    key = idempotency_key(request)
    asked = CREATE.decode(request, body)
    live = asked.get(LIVE)
    wish = EndpointRequest(
        url=asked[URL],
        live=bool(caller.live) if live is None else live,
        scheme=asked.get(SIGNATURE) or Scheme.SHARED,
        description=asked.get(DESCRIPTION) or "",
        event_types=_names(asked.get(EVENT_TYPES)) or frozenset(),
    )
    named = IdempotencyKey(live=wish.live, route=f"POST {PATH}", key=key)
    made = granted(
        register_endpoint(caller, wish, named, fingerprint(caller, request, asked.body))
    )
    endpoint = made.value.endpoint
    shown = with_secrets(endpoint, caller, store) | {"secret": made.value.secret}
    return answer(shown, 201, {"Location": f"{PATH}/{endpoint.name}"} | replayed(made))


@get(
    PATH,
    sync_to_thread=True,
    opt=Operation(
        id="list_webhook_endpoints", tag="webhooks", summary="Endpoints, newest first",
        description="An API key sees those of its mode.", query=SHORT,
        answers="WebhookEndpointPage", is_polled=True, codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_webhook_endpoints(
    request: AnyRequest, caller: Given[Caller], store: AStore
) -> Response[bytes]:
    require(caller, Permission.READ_WEBHOOKS)
    with store.begin(caller.scope) as work:
        mine = [each for each in work.webhooks.all() if caller.live in {None, each.live}]
        part = cut(mine, request, lambda each: each.name, newest_first=True)
        found = part.shown(lambda each: shown(each, work.webhooks.secrets(each.id)))
    return answer_if_changed(found, request)


@get(
    f"{PATH}/{{id:str}}",
    sync_to_thread=True,
    opt=Operation(
        id="get_webhook_endpoint", tag="webhooks", summary="One endpoint, and how it is",
        answers="WebhookEndpoint", is_polled=True, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_webhook_endpoint(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    found = find(id, caller, store, Permission.READ_WEBHOOKS)
    return answer_if_changed(with_secrets(found, caller, store), request)


@patch(
    f"{PATH}/{{id:str}}",
    sync_to_thread=True,
    opt=Operation(
        id="change_webhook_endpoint", tag="webhooks", summary="Change where to, or of what",
        description="What is left out stays as it is.",
        body=CHANGE, answers="WebhookEndpoint", codes=("not_found", "mode_mismatch", *_OF_URLS),
    ).opt,
)  # fmt: skip
def change_webhook_endpoint(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    change_endpoints: Given[ChangeEndpoints],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    asked = CHANGE.decode(request, body)
    changes = Changes(
        url=asked.get(NEW_URL),
        description=asked.get(DESCRIPTION),
        event_types=_names(asked.get(EVENT_TYPES)),
    )
    changed = granted(change_endpoints.update(caller, known.id, changes))
    return answer(with_secrets(changed, caller, store))


@delete(
    f"{PATH}/{{id:str}}",
    sync_to_thread=True,
    status_code=204,
    opt=Operation(
        id="delete_webhook_endpoint", tag="webhooks", summary="Be told no more, at once",
        description="What waits is not sent any more. Its deliveries can be looked up for as long "
        "as those of others.",
        answers=None, status=204, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def delete_webhook_endpoint(
    id: FromPath[str],
    caller: Given[Caller],
    change_endpoints: Given[ChangeEndpoints],
    store: AStore,
) -> None:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    granted(change_endpoints.delete(caller, known.id))


@post(
    f"{PATH}/{{id:str}}/rotate",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="rotate_webhook_secret", tag="webhooks", summary="Change the secret",
        description="`secret` is the new one, shown in this answer and never again. For a while "
        "every message has a signature of each.",
        body=ROTATE, answers="NewWebhookEndpoint", needs_idempotency_key=True,
        codes=(*KEYED, "not_found", "mode_mismatch", "too_many_webhook_secrets",
               "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def rotate_webhook_secret(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    rotate_secret: Given[RotateSecret],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    named = named_key(request, known, "rotate")
    asked = ROTATE.decode(request, body)
    hours = asked.get(OVERLAP_HOURS)
    overlap = OVERLAP if hours is None else hours * _HOUR
    mark = fingerprint(caller, request, asked.body)
    made = granted(rotate_secret(caller, known.id, overlap, named, mark))
    shown = with_secrets(made.value.endpoint, caller, store) | {"secret": made.value.secret}
    return answer(shown, headers=replayed(made))


@post(
    f"{PATH}/{{id:str}}/disable",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="disable_webhook_endpoint", tag="webhooks", summary="Send nothing for now",
        description="What happens meanwhile waits.",
        body=NOTHING, answers="WebhookEndpoint", codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def disable_webhook_endpoint(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    change_endpoints: Given[ChangeEndpoints],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    NOTHING.decode(request, body)
    return answer(with_secrets(granted(change_endpoints.disable(caller, known.id)), caller, store))


@post(
    f"{PATH}/{{id:str}}/enable",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="enable_webhook_endpoint", tag="webhooks", summary="Send again",
        description="What it missed comes first, in its order.",
        body=ENABLE, answers="WebhookEndpoint", codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def enable_webhook_endpoint(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    change_endpoints: Given[ChangeEndpoints],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    skip = ENABLE.decode(request, body).get(SKIP_MISSED) or False
    enabled = granted(change_endpoints.enable(caller, known.id, skip_missed=skip))
    return answer(with_secrets(enabled, caller, store))


HANDLERS = (
    create_webhook_endpoint,
    list_webhook_endpoints,
    get_webhook_endpoint,
    change_webhook_endpoint,
    delete_webhook_endpoint,
    rotate_webhook_secret,
    disable_webhook_endpoint,
    enable_webhook_endpoint,
)


def find(
    text: str, caller: Caller, store: Store, needed: Permission, *, also_deleted: bool = False
) -> Endpoint:
    """Raises: RefusedError: there is none that the caller may have to do with."""
    require(caller, needed)
    parsed = parse_id(Prefix.WEBHOOK_ENDPOINT, text)
    with store.begin(caller.scope) as work:
        found = work.webhooks.get(EndpointId(parsed)) if parsed else None
    if found is None or (found.state is EndpointState.DELETED and not also_deleted):
        raise not_found("webhook endpoint")
    require(caller, needed, live=found.live)
    return found


def named_key(request: AnyRequest, endpoint: Endpoint, verb: str) -> IdempotencyKey:
    """Of what is done with one endpoint."""
    route = f"POST {PATH}/{endpoint.name}/{verb}"
    return IdempotencyKey(live=endpoint.live, route=route, key=idempotency_key(request))


def replayed(made: Answered[T]) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if made.replayed else {}


def with_secrets(endpoint: Endpoint, caller: Caller, store: Store) -> dict[str, Json]:
    with store.begin(caller.scope) as work:
        return shown(endpoint, work.webhooks.secrets(endpoint.id))


def shown(endpoint: Endpoint, secrets: Sequence[Secret]) -> dict[str, Json]:
    because, at = endpoint.disabled_because, endpoint.disabled_at
    due = endpoint.due_at if endpoint.is_enabled else None
    return {
        "id": endpoint.name,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": sorted(endpoint.event_types),
        "live": endpoint.live,
        "signature": endpoint.scheme.value,
        "api_version": endpoint.api_version,
        "state": endpoint.state.value,
        "disabled_because": None if because is None else because.value,
        "disabled_at": None if at is None else timestamp(at),
        "failures": endpoint.failures,
        "next_attempt_at": None if due is None else timestamp(due),
        "secrets": [
            {
                "number": each.number,
                "public_key": each.public_key and written_public(each.public_key),
                "created_at": timestamp(each.created_at),
                "expires_at": None if each.expires_at is None else timestamp(each.expires_at),
            }
            for each in secrets
        ],
        "created_by": endpoint.created_by,
        "created_at": timestamp(endpoint.created_at),
    }


def _names(found: frozenset[Enum] | None) -> frozenset[str] | None:
    return None if found is None else frozenset(str(each.value) for each in found)
