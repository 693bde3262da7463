"""/v1/audit/exports: a trail as files."""

from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

from litestar import Response, get, post
from litestar.params import FromPath, RawBody
from litestar.response import Stream

from application.access.caller import Caller
from application.exports.request import ExportRequest, RequestExport
from application.ports.files import Files, FilesUnavailableError
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Store
from domain.audit import EventFilter, timestamp
from domain.errors import FieldFault, Refusal
from domain.export import Export, ExportFormat, ExportState
from domain.identifiers import ExportId, Prefix, parse_id, public_id
from domain.organisation import Permission
from entrypoints.http.answers import Json, answer, answer_if_changed, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import Operation
from entrypoints.http.problems import RefusedError, granted, invalid, not_found
from entrypoints.http.pursued import CURSOR, KEYED, LIMIT, PAGE
from entrypoints.http.rules import Choice, Flag, Instant, Text
from entrypoints.http.services import AStore, Given

_CHUNK_BYTES = 256 * 1024

FORMAT = Field(
    "format", Choice(among=ExportFormat), "JSON Lines, CSV or Parquet.", required=True,
    example="jsonl",
)  # fmt: skip
SINCE = Field("since", Instant(), "Events of this instant and later.")
UNTIL = Field("until", Instant(), "Events before this instant.")
ACTOR = Field(
    "actor", Text(most=64, ascii_only=True),
    "Only what they did: the id of a member or an API key, or `member`, `api_key`, `worker`, "
    "`operator` or `payments`.",
)  # fmt: skip
ACTION = Field(
    "action", Text(most=64, ascii_only=True),
    "Only these: `deployment.confirmed`, or `deployment` for all of that noun.",
)  # fmt: skip
SUBJECT = Field("subject", Text(most=64, ascii_only=True), "Only what happened to it: `dep_…`.")
LIVE = Field(
    "live", Flag(), "Only live ones, or only others.  An API key exports those of its mode."
)
CORRELATION = Field(
    "correlation_id", Text(most=64, ascii_only=True), "Only what it caused: `dep_…`, `req_…`."
)
EXPORT = Shape("ExportRequest", (FORMAT, SINCE, UNTIL, ACTOR, ACTION, SUBJECT, LIVE, CORRELATION))


@post(
    "/v1/audit/exports",
    sync_to_thread=True,
    status_code=202,
    opt=Operation(
        id="create_export", tag="audit", summary="Export the audit trail",
        description="The events up to now that the filters take, as files of limited size with a "
        "manifest. A worker makes them; GET tells how far it is.",
        body=EXPORT, answers="Export", status=202, needs_idempotency_key=True,
        codes=(*KEYED, "mode_mismatch", "exports_not_configured", "too_many_exports", "not_found"),
    ).opt,
)  # fmt: skip
def create_export(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    request_export: Given[RequestExport],
) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    key = idempotency_key(request)
    asked = EXPORT.decode(request, body)
    since, until, live = asked.get(SINCE), asked.get(UNTIL), asked.get(LIVE)
    if since is not None and until is not None and since >= until:
        raise invalid([FieldFault("/until", "invalid_instant", "must be after `since`")])
    wanted = EventFilter(
        since=since,
        until=until,
        actor=asked.get(ACTOR),
        action=asked.get(ACTION),
        subject=asked.get(SUBJECT),
        live=caller.live if live is None else live,
        correlation=asked.get(CORRELATION),
    )
    named = IdempotencyKey(live=bool(caller.live), route="POST /v1/audit/exports", key=key)
    mark = fingerprint(caller, request, asked.body)
    wish = ExportRequest(format=asked[FORMAT], wanted=wanted)
    made = granted(request_export(caller, wish, named, mark))
    headers = {"Location": f"/v1/audit/exports/{made.value.name}"}
    if made.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(_shown(made.value), 202, headers)


@get(
    "/v1/audit/exports",
    sync_to_thread=True,
    opt=Operation(
        id="list_exports", tag="audit", summary="Exports, newest first",
        description="Without their parts.",
        query=PAGE, answers="ExportPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_exports(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    asked = PAGE.query(request)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.EXPORT, read_cursor(cursor)) if cursor else None
    with store.begin(caller.scope) as work:
        if cursor and (after is None or work.exports.get(ExportId(after)) is None):
            raise bad_cursor()
        found = work.exports.page(PageRequest(limit=asked.get(LIMIT) or 20, after=after))
    last = found.items[-1].name if found.items else None
    items = [_shown(each) for each in found.items]
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    "/v1/audit/exports/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_export", tag="audit", summary="An export: how far it is, and what it has",
        description="`digest` is the manifest's SHA-256. `event` is the event export.finished, "
        "whose details have the same digest: its proof is the manifest's signature.",
        answers="Export", is_polled=True, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_export(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    return answer_if_changed(_shown(_found(id, caller, store)), request)


@get(
    "/v1/audit/exports/{id:str}/parts/{number:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_export_part", tag="audit", summary="One file of an export",
        description="There as soon as the export lists it.",
        answers="File", media_type="application/octet-stream",
        codes=("not_found", "mode_mismatch", "export_expired", "files_unavailable"),
    ).opt,
)  # fmt: skip
def get_export_part(
    id: FromPath[str],
    number: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    export_files: Given[Files],
) -> Stream:
    export = _found(id, caller, store)
    part = next((each for each in export.parts if str(each.number) == number), None)
    if part is None:
        raise not_found("part")
    file = _opened(export, export_files, export.place_of(part))
    return Stream(
        _chunks(file),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(part.size),
            "Content-Disposition": f'attachment; filename="{export.name}-{part.name}"',
            "ETag": f'"{part.sha256.hex()}"',
        },
    )


@get(
    "/v1/audit/exports/{id:str}/manifest",
    sync_to_thread=True,
    opt=Operation(
        id="get_export_manifest", tag="audit", summary="What an export consists of",
        description="Canonical JSON (RFC 8785): every part with its SHA-256. Keep its bytes as "
        "they are.",
        answers="ExportManifest",
        codes=("not_found", "mode_mismatch", "export_not_ready", "export_expired",
               "files_unavailable"),
    ).opt,
)  # fmt: skip
def get_export_manifest(
    id: FromPath[str], caller: Given[Caller], store: AStore, export_files: Given[Files]
) -> Response[bytes]:
    export = _found(id, caller, store)
    if export.is_under_way:
        raise RefusedError(
            Refusal(code="export_not_ready", detail=f"{export.in_parts} events are in its parts")
        )
    with closing(_opened(export, export_files, export.place_of_manifest)) as file:
        content = file.read()
    return Response(content, media_type="application/json")


HANDLERS = (create_export, list_exports, get_export, get_export_part, get_export_manifest)


def _found(id: str, caller: Caller, store: Store) -> Export:
    """Raises: RefusedError: there is none that the caller may read."""
    require(caller, Permission.READ_AUDIT)
    parsed = parse_id(Prefix.EXPORT, id)
    with store.begin(caller.scope) as work:
        found = work.exports.get(ExportId(parsed)) if parsed else None
    if found is None:
        raise not_found("export")
    # What was exported without a mode has events of both.
    if caller.live is not None and found.wanted.live is not caller.live:
        raise RefusedError(
            Refusal(code="mode_mismatch", detail="the export has events of the other mode")
        )
    return found


def _opened(export: Export, files: Files, name: str) -> BinaryIO:
    """Raises: RefusedError."""
    expired = Refusal(code="export_expired", detail=f"the files of {export.name} are gone")
    if export.state is ExportState.EXPIRED:
        raise RefusedError(expired)
    try:
        file = files.open(name)
    except FilesUnavailableError as error:
        refusal = Refusal(code="files_unavailable", detail="the files cannot be read now")
        raise RefusedError(refusal) from error
    if file is None:
        # It goes before its row says so.
        raise RefusedError(expired)
    return file


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _shown(export: Export) -> Json:
    wanted = export.wanted
    return {
        "id": export.name,
        "state": export.state.value,
        "format": export.format.value,
        "filters": {
            "since": None if wanted.since is None else timestamp(wanted.since),
            "until": None if wanted.until is None else timestamp(wanted.until),
            "actor": wanted.actor,
            "action": wanted.action,
            "subject": wanted.subject,
            "live": wanted.live,
            "correlation_id": wanted.correlation,
        },
        "events_written": export.written,
        "events_total": export.total,
        "last_sequence": export.last_sequence,
        "parts": [
            {
                "number": part.number,
                "name": part.name,
                "bytes": part.size,
                "sha256": part.sha256.hex(),
                "events": part.events,
                "first_sequence": part.first_sequence,
                "last_sequence": part.last_sequence,
                "url": f"/v1/audit/exports/{export.name}/parts/{part.number}",
            }
            for part in export.parts
        ],
        "digest": None if export.digest is None else export.digest.hex(),
        "event": None if export.event is None else public_id(Prefix.EVENT, export.event),
        "requested_by": export.requested_by,
        "requested_at": timestamp(export.requested_at),
        "finished_at": None if export.finished_at is None else timestamp(export.finished_at),
        "expires_at": None if export.expires_at is None else timestamp(export.expires_at),
    }
