"""What happened to what is pursued: its history, as a stream, and as audit events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta

from attrs import define, field, frozen
from litestar import Response, get
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from application.access.caller import Caller
from application.ports.storage.work import Store, StoreUnavailableError
from domain.audit import JsonValue
from domain.deployment import Deployment
from domain.errors import FieldFault, Refusal
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, bad_cursor, page, read_cursor
from entrypoints.http.authentication import Gatekeeper, require
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.edge import request_id_of
from entrypoints.http.operations import Operation
from entrypoints.http.problems import invalid
from entrypoints.http.pursued import CURSOR, LIMIT, PAGE, Pursued, network_of
from entrypoints.http.services import AStore, Chains, Given, Stopping
from entrypoints.http.short_lists import SHORT, cut, numbered
from entrypoints.http.timeline import Timeline

LOOK_EVERY = timedelta(milliseconds=300)
#: Proxies cut what is silent for longer.
KEEP_ALIVE_EVERY = timedelta(seconds=15)
#: How soon a stream ends after its token has expired or its key was revoked.
CHECK_EVERY = timedelta(seconds=2)

_LARGEST_SEQUENCE = 2**53 - 1


def handlers(of: Pursued) -> tuple[HTTPRouteHandler, ...]:
    """The routes of what happened to one of *of*."""

    @get(
        f"{of.path}/{{id:str}}/history",
        sync_to_thread=True,
        opt=Operation(
            id=f"get_{of.noun}_history", tag=f"{of.noun}s",
            summary="What happened, in plain words",
            query=SHORT, answers="History",
            codes=("not_found", "mode_mismatch", "validation_failed"),
        ).opt,
    )  # fmt: skip
    def get_history(
        request: AnyRequest,
        id: FromPath[str],
        caller: Given[Caller],
        store: AStore,
        chains: Chains,
    ) -> Response[bytes]:
        found = of.find(caller, store, id)
        entries = _Follower(caller, store, found, _timeline(found, chains)).news()
        part = cut(entries, request, lambda each: numbered(_sequence(each)))
        return answer(page(part.items, has_more=part.has_more, last=part.last))

    @get(
        f"{of.path}/{{id:str}}/audit_events",
        sync_to_thread=True,
        opt=Operation(
            id=f"list_{of.noun}_audit_events", tag="audit", summary="Audit events, oldest first",
            description="The bodies as they were written, which is what is sealed and proved.",
            query=PAGE, answers="AuditEventPage",
            codes=("not_found", "mode_mismatch", "validation_failed"),
        ).opt,
    )  # fmt: skip
    def list_audit_events(
        request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
    ) -> Response[bytes]:
        require(caller, Permission.READ_AUDIT)
        asked = PAGE.query(request)
        found = of.find(caller, store, id)
        limit, after = asked.get(LIMIT) or 20, sequence_of(asked.get(CURSOR))
        with store.begin(caller.scope) as work:
            events = work.audit.of_subject(found.named, after=after, limit=limit + 1)
        shown = events[:limit]
        last = str(shown[-1].sequence) if shown else None
        items = [representations.audit_event(event) for event in shown]
        return answer(page(items, has_more=len(events) > limit, last=last))

    @get(
        f"{of.path}/{{id:str}}/events",
        sync_to_thread=True,
        media_type="text/event-stream",
        opt=Operation(
            id=f"stream_{of.noun}_events", tag=f"{of.noun}s", summary="Progress, as it happens",
            description="Server-sent events: each with the entry of the history as its data and "
            f"the sequence as its id. With Last-Event-ID, what came after it. Ends when the "
            f"{of.noun} has ended; 204 where everything has been told.",
            answers="ProgressEvent", media_type="text/event-stream",
            empty={204: "Everything has been told."},
            codes=("not_found", "mode_mismatch", "validation_failed"),
        ).opt,
    )  # fmt: skip
    def stream_events(
        request: AnyRequest,
        id: FromPath[str],
        caller: Given[Caller],
        store: AStore,
        chains: Chains,
        gatekeeper: Given[Gatekeeper],
        is_stopping: Stopping,
    ) -> Response[None] | Stream:
        found = of.find(caller, store, id)
        gatekeeper.may_stream(caller)
        seen = _last_event_id(request)
        follower = _Follower(caller, store, found, _timeline(found, chains))
        entries = [entry for entry in follower.news() if _sequence(entry) > seen]
        if follower.is_over and not entries:
            # WHATWG HTML, 9.2.3: the one answer that tells an EventSource not to come back.
            return Response(None, status_code=204)
        credentials = _Credentials(gatekeeper, request, caller)
        return Stream(
            _tell(follower, entries, seen, credentials, is_stopping),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    return get_history, list_audit_events, stream_events


@define
class _Follower:
    """Reads what is new about one of them."""

    caller: Caller
    store: Store
    followed: Deployment
    timeline: Timeline
    _after: int = field(init=False, default=0)

    @property
    def is_over(self) -> bool:
        """Nothing more will happen by itself."""
        return not self.timeline.state.is_open

    def news(self) -> list[dict[str, JsonValue]]:
        with self.store.begin(self.caller.scope) as work:
            events = work.audit.of_subject(self.followed.named, after=self._after)
        if events:
            self._after = events[-1].sequence
        return list(self.timeline.tell(events))


@frozen
class _Credentials:
    gatekeeper: Gatekeeper
    request: AnyRequest
    caller: Caller

    def are_good(self) -> bool:
        """Whether the one who opened the stream would still be let in."""
        header = self.request.headers.get("Authorization")
        found = self.gatekeeper.door(header, request_id_of(self.request.scope))
        if isinstance(found, Refusal) or found.refusal(Permission.READ_DEPLOYMENTS):
            return False
        # A session may have gone over to another organisation since.
        return found.organisation == self.caller.organisation


async def _tell(
    follower: _Follower,
    entries: list[dict[str, JsonValue]],
    seen: int,
    credentials: _Credentials,
    is_stopping: Stopping,
) -> AsyncIterator[bytes]:
    with credentials.gatekeeper.streaming(credentials.caller):
        async for piece in _pieces(follower, entries, seen, credentials, is_stopping):
            yield piece


async def _pieces(
    follower: _Follower,
    entries: list[dict[str, JsonValue]],
    seen: int,
    credentials: _Credentials,
    is_stopping: Stopping,
) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    spoken = checked = time.monotonic()
    while True:
        for entry in entries:
            if _sequence(entry) > seen:
                yield _event(entry)
                spoken = time.monotonic()
        if follower.is_over or is_stopping():
            return
        await asyncio.sleep(LOOK_EVERY.total_seconds())
        now = time.monotonic()
        if now - spoken >= KEEP_ALIVE_EVERY.total_seconds():
            yield b": still here\n\n"
            spoken = now
        try:
            if now - checked >= CHECK_EVERY.total_seconds():
                if not await sync_to_thread(credentials.are_good):
                    return
                checked = now
            entries = await sync_to_thread(follower.news)
        except StoreUnavailableError:
            entries = []


def sequence_of(cursor: str | None) -> int:
    """The sequence number that *cursor* names; 0 without one.  Raises: RefusedError."""
    if cursor is None:
        return 0
    text = read_cursor(cursor)
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise bad_cursor()
    return int(text)


def _last_event_id(request: AnyRequest) -> int:
    text = request.headers.get("Last-Event-ID", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        message = "Last-Event-ID is the id of an event of this stream"
        raise invalid([FieldFault("", "invalid_cursor", message)])
    return min(int(text), _LARGEST_SEQUENCE)


def _event(entry: dict[str, JsonValue]) -> bytes:
    data = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    return f"id: {entry['sequence']}\nevent: {entry['event']}\ndata: {data}\n\n".encode()


def _sequence(entry: dict[str, JsonValue]) -> int:
    return int(str(entry["sequence"]))


def _timeline(found: Deployment, chains: Chains) -> Timeline:
    return Timeline.of(found, network_of(chains, found))
