"""What was sent to an endpoint and what it answered; once more; and /v1/events, without one."""

import json
from datetime import timedelta

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.notifications.again import SendAgain
from application.ports.storage.paging import PageRequest
from domain.audit import timestamp
from domain.identifiers import DeliveryId, Prefix, parse_id, public_id
from domain.notification import NAMES, actions_of, notifications
from domain.organisation import Permission
from domain.webhook import Attempt, Delivery, DeliveryState, Endpoint, logged_headers
from entrypoints.http.answers import (
    Json,
    answer,
    answer_if_changed,
    bad_cursor,
    page,
    read_cursor,
    write_cursor,
)
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.deployment_requests import fingerprint
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, not_found
from entrypoints.http.progress import sequence_of
from entrypoints.http.pursued import CURSOR, KEYED, LIMIT
from entrypoints.http.pursued import LIVE as LIVE_QUERY
from entrypoints.http.rules import Choice, Instant, Switch
from entrypoints.http.services import AStore, Given
from entrypoints.http.webhook_endpoints import (
    PATH,
    EventName,
    find,
    named_key,
    replayed,
    with_secrets,
)

STATE = Field("state", Choice(among=DeliveryState), "Only those in this state.")
TYPE = Field("type", Choice(among=EventName), f"Only those of this type: {', '.join(NAMES)}.")
SINCE = Field(
    "since", Instant(), "Events of this instant and later.", required=True,
    example="2026-11-20T12:00:00Z",
)  # fmt: skip
TAIL = Field("tail", Switch(), "`true`: nothing but the cursor for what happens from now on.")
DELIVERIES = Shape("WebhookDeliveryQuery", (LIMIT, CURSOR, STATE))
EVENTS = Shape("EventQuery", (LIMIT, CURSOR, TYPE, LIVE_QUERY, TAIL), exclusive=((CURSOR, TAIL),))
REPLAY = Shape("WebhookReplayRequest", (SINCE,))

_MILLISECOND = timedelta(milliseconds=1)
_KNOWN = ("not_found", "mode_mismatch")


@post(
    f"{PATH}/{{id:str}}/test",
    sync_to_thread=True,
    status_code=202,
    opt=Operation(
        id="test_webhook_endpoint", tag="webhooks", summary="Send a test",
        description="To see whether it works: a worker sends `webhook_endpoint.test`, once and "
        "beside what waits; the delivery tells what came back.",
        body=NOTHING, answers="WebhookDelivery", status=202, needs_idempotency_key=True,
        codes=(*KEYED, *_KNOWN, "webhook_endpoint_disabled"),
    ).opt,
)  # fmt: skip
def send_test(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    send_again: Given[SendAgain],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    named = named_key(request, known, "test")
    mark = fingerprint(caller, request, NOTHING.decode(request, body).body)
    made = granted(send_again.test(caller, known.id, named, mark))
    return answer(shown(made.value), 202, _place(made.value, id) | replayed(made))


@get(
    f"{PATH}/{{id:str}}/deliveries",
    sync_to_thread=True,
    opt=Operation(
        id="list_webhook_deliveries", tag="webhooks", summary="Deliveries, newest first",
        description="Kept for thirty days after they were over.",
        query=DELIVERIES, answers="WebhookDeliveryPage", codes=("validation_failed", *_KNOWN),
    ).opt,
)  # fmt: skip
def list_webhook_deliveries(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    known = find(id, caller, store, Permission.READ_WEBHOOKS, also_deleted=True)
    asked = DELIVERIES.query(request)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.WEBHOOK_DELIVERY, read_cursor(cursor)) if cursor else None
    with store.begin(caller.scope) as work:
        if cursor and (
            after is None or work.webhooks.delivery(known.id, DeliveryId(after)) is None
        ):
            raise bad_cursor()
        wanted = PageRequest(limit=asked.get(LIMIT) or 20, after=after)
        found = work.webhooks.deliveries(known.id, wanted, state=asked.get(STATE))
    last = found.items[-1].name if found.items else None
    items = [shown(each) for each in found.items]
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    f"{PATH}/{{id:str}}/deliveries/{{delivery:str}}",
    sync_to_thread=True,
    opt=Operation(
        id="get_webhook_delivery", tag="webhooks", summary="What was sent, and what came back",
        description="Each attempt with its request and its answer, of which the beginning is "
        "kept. Signatures are not shown.",
        answers="WebhookDeliveryLog", is_polled=True, codes=_KNOWN,
    ).opt,
)  # fmt: skip
def get_webhook_delivery(
    request: AnyRequest,
    id: FromPath[str],
    delivery: FromPath[str],
    caller: Given[Caller],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.READ_WEBHOOKS, also_deleted=True)
    parsed = _delivery_id(delivery)
    with store.begin(caller.scope) as work:
        found = work.webhooks.delivery(known.id, parsed)
        attempts = work.webhooks.attempts(parsed)
    if found is None:
        raise not_found("delivery")
    body: Json = json.loads(found.body)
    log = [_attempt(found, each, known) for each in attempts]
    return answer_if_changed(shown(found) | {"body": body, "log": log}, request)


@post(
    f"{PATH}/{{id:str}}/deliveries/{{delivery:str}}/resend",
    sync_to_thread=True,
    status_code=202,
    opt=Operation(
        id="resend_webhook_delivery", tag="webhooks", summary="Send one message again",
        description="Once, at once, beside what waits, and with the same webhook-id. One that "
        "waits itself is tried at once, with all before it.",
        body=NOTHING, answers="WebhookDelivery", status=202, needs_idempotency_key=True,
        codes=(*KEYED, *_KNOWN, "webhook_endpoint_disabled"),
    ).opt,
)  # fmt: skip
def resend_webhook_delivery(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    delivery: FromPath[str],
    caller: Given[Caller],
    send_again: Given[SendAgain],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    parsed = _delivery_id(delivery)
    named = named_key(request, known, f"deliveries/{parsed}/resend")
    mark = fingerprint(caller, request, NOTHING.decode(request, body).body)
    made = granted(send_again.resend(caller, known.id, parsed, named, mark))
    return answer(shown(made.value), 202, _place(made.value, id) | replayed(made))


@post(
    f"{PATH}/{{id:str}}/replay",
    sync_to_thread=True,
    status_code=202,
    opt=Operation(
        id="replay_webhook_events", tag="webhooks", summary="Send everything since then again",
        description="In the order in which it happened, then what comes after it; with the same "
        "webhook-ids.",
        body=REPLAY, answers="WebhookEndpoint", status=202, needs_idempotency_key=True,
        codes=(*KEYED, *_KNOWN, "webhook_endpoint_disabled"),
    ).opt,
)  # fmt: skip
def replay_webhook_events(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    send_again: Given[SendAgain],
    store: AStore,
) -> Response[bytes]:
    known = find(id, caller, store, Permission.WRITE_WEBHOOKS)
    named = named_key(request, known, "replay")
    asked = REPLAY.decode(request, body)
    mark = fingerprint(caller, request, asked.body)
    made = granted(send_again.replay(caller, known.id, asked[SINCE], named, mark))
    return answer(with_secrets(made.value, caller, store), 202, replayed(made))


@get(
    "/v1/events",
    sync_to_thread=True,
    opt=Operation(
        id="list_events", tag="webhooks", summary="What endpoints are told, oldest first",
        description="The same bodies, for whoever asks instead of listening. Its `next_cursor` is "
        "always there: ask with it again for what has happened since.",
        query=EVENTS, answers="EventPage", codes=("validation_failed", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def list_events(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    asked = EVENTS.query(request)
    live = asked.get(LIVE_QUERY)
    require(caller, Permission.READ_WEBHOOKS, live=live)
    wanted, kind = caller.live if live is None else live, asked.get(TYPE)
    limit, after = asked.get(LIMIT) or 20, sequence_of(asked.get(CURSOR))
    actions = actions_of(frozenset() if kind is None else frozenset({str(kind.value)}))
    with store.begin(caller.scope) as work:
        end = work.audit.head()
        after = end if asked.get(TAIL) else after
        events = work.audit.named(actions, after=after, through=end, limit=limit + 1)
    has_more = len(events) > limit
    told = [
        each
        for each in notifications(events[:limit])
        if not each.kind.has_mode or wanted in {None, each.live}
    ]
    items: list[Json] = [json.loads(each.body) for each in told]
    last = str(events[limit - 1].sequence if has_more else max(end, after))
    # Unlike that of other lists the cursor is there at the end too: the list goes on growing.
    return answer({"data": items, "has_more": has_more, "next_cursor": write_cursor(last)})


HANDLERS = (
    send_test,
    list_webhook_deliveries,
    get_webhook_delivery,
    resend_webhook_delivery,
    replay_webhook_events,
    list_events,
)


def _delivery_id(text: str) -> DeliveryId:
    parsed = parse_id(Prefix.WEBHOOK_DELIVERY, text)
    if parsed is None:
        raise not_found("delivery")
    return DeliveryId(parsed)


def _place(delivery: Delivery, endpoint: str) -> dict[str, str]:
    return {"Location": f"{PATH}/{endpoint}/deliveries/{delivery.name}"}


def shown(delivery: Delivery) -> dict[str, Json]:
    over = delivery.finished_at
    return {
        "id": delivery.name,
        "number": delivery.number,
        "way": delivery.way.value,
        "state": delivery.state.value,
        "event": public_id(Prefix.EVENT, delivery.event),
        "sequence": delivery.sequence,
        "event_type": delivery.event_type,
        "subject": delivery.subject,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": timestamp(delivery.created_at),
        "finished_at": None if over is None else timestamp(over),
    }


def _attempt(delivery: Delivery, attempt: Attempt, endpoint: Endpoint) -> Json:
    return {
        "url": attempt.url,
        "at": timestamp(attempt.at),
        "took_ms": attempt.took // _MILLISECOND,
        "request_headers": logged_headers(delivery.message, attempt.at, endpoint.scheme),
        "status": attempt.status,
        "error": attempt.error,
        "response_headers": dict(attempt.response_headers),
        "response": attempt.excerpt,
    }
