"""/v1/audit: every event, where it is in the log, and evidence about one deployment."""

from base64 import b64encode
from collections.abc import Mapping, Sequence

from litestar import Response, get
from litestar.params import FromPath

from application.access.caller import Caller
from application.audit.anchors import AnchorOnChain, FindAnchors
from application.audit.browse import find_page
from application.audit.logs import fingerprint
from application.audit.personal import Personal, ReadPersonal
from application.evidence.give import GiveEvidence, Pack
from application.evidence.prove import (
    Proof,
    ProveConsistency,
    ProveEvent,
    Receipt,
    missing,
    the_log,
)
from application.ports.storage.seals import Log, SignedCheckpoint
from application.ports.storage.work import Scope
from domain.audit import EventFilter, timestamp
from domain.checkpoint import key_id
from domain.identifiers import EventId, Prefix, parse_id, public_id
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import (
    Json,
    answer,
    answer_if_changed,
    bytes_if_changed,
    page,
    prefers,
)
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import TEXT, Operation
from entrypoints.http.problems import granted, not_found, refused
from entrypoints.http.progress import sequence_of
from entrypoints.http.pursued import CURSOR, DEPLOYMENT, LIMIT, LIVE
from entrypoints.http.rules import Instant, Number, Text
from entrypoints.http.services import AStore, Given
from entrypoints.http.short_lists import SHORT, cut, numbered

_LARGEST = 2**53 - 1
#: How soon a sealer may have come by.
_RETRY_AFTER_SECONDS = 5
#: Algorithm byte of Ed25519 in keys as C2SP signed-note writes them.
_ED25519 = b"\x01"

ACTION = Field("action", Text(most=100), "`deployment.completed`, or `deployment` for all of it.")
SUBJECT = Field("subject", Text(most=100), "Id of what it happened to.")
ACTOR = Field("actor", Text(most=100), "Id of who did it, or a kind of actor, like `worker`.")
SINCE = Field("from", Instant(), "Not before then, by the clock of who wrote it.")
UNTIL = Field("to", Instant(), "Before then.")
LOG = Field("log", Number(least=1, most=10**6), "Number of the log; by default the newest.")
SIZE = Field("size", Number(least=1, most=_LARGEST), "Against the checkpoint of so many leaves.")
OLDER = Field("from", Number(least=1, most=_LARGEST), "Size of the older one.", required=True)
NEWER = Field("to", Number(least=1, most=_LARGEST), "Size of the newer one.", required=True)

EVENTS = Shape("AuditEventQuery", (LIMIT, CURSOR, ACTION, SUBJECT, ACTOR, SINCE, UNTIL, LIVE))
PROOF = Shape("AuditProofQuery", (SIZE,))
CHECKPOINTS = Shape("AuditCheckpointQuery", (LIMIT, CURSOR, LOG))
LATEST = Shape("AuditLogQuery", (LOG,))
CONSISTENCY = Shape("AuditConsistencyQuery", (OLDER, NEWER, LOG))


@get(
    "/v1/audit/events",
    sync_to_thread=True,
    opt=Operation(
        id="list_audit_events", tag="audit", summary="What happened, oldest first",
        description="Each event as it was written, with its salt and the hash of its leaf: keep "
        "the hash, and what was written can never be told otherwise without your noticing. The "
        "body has what is personal as ciphertext; `personal` is that, read, for as long as the "
        "person was not erased. No more than 20,000 events are looked at for one page: it may "
        "have fewer items than were asked for, or none, while `has_more` is true.",
        query=EVENTS, answers="AuditRecordPage",
        codes=("validation_failed", "mode_mismatch", "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def list_events(
    request: AnyRequest,
    caller: Given[Caller],
    store: AStore,
    read_personal: Given[ReadPersonal],
) -> Response[bytes]:
    asked = EVENTS.query(request)
    live = asked.get(LIVE)
    require(caller, Permission.READ_AUDIT, live=live)
    wanted = EventFilter(
        action=asked.get(ACTION),
        subject=asked.get(SUBJECT),
        actor=asked.get(ACTOR),
        since=asked.get(SINCE),
        until=asked.get(UNTIL),
        live=caller.live if live is None else live,
    )
    limit, after = asked.get(LIMIT) or 20, sequence_of(asked.get(CURSOR))
    with store.begin(caller.scope) as work:
        found = find_page(work, wanted, after=after, limit=limit)
    last = None if found.last is None else str(found.last)
    personal = read_personal(caller.organisation, found.events)
    items = [_record(Receipt(event=event), personal.get(event.id)) for event in found.events]
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    "/v1/audit/events/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_audit_event", tag="audit", summary="One event, as it was written",
        answers="AuditRecord",
        codes=("not_found", "event_archived", "mode_mismatch", "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def get_event(
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    read_personal: Given[ReadPersonal],
) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    with store.begin(caller.scope) as work:
        event = work.audit.get(_event_id(id))
        if event is None:
            gone = missing(work, _event_id(id))
            raise refused(gone.code, gone.detail)
    require(caller, Permission.READ_AUDIT, live=event.live)
    personal = read_personal(caller.organisation, [event])
    return answer(_record(Receipt(event=event), personal.get(event.id)))


@get(
    "/v1/audit/events/{id:str}/proof",
    sync_to_thread=True,
    opt=Operation(
        id="prove_audit_event", tag="audit", summary="That an event is in the log",
        description="Its place, the hashes from its leaf to the root, and a signed checkpoint "
        "with that root. With `Accept: text/plain` in the form of c2sp.org/tlog-proof, whose "
        "extra data is the leaf. 202 with a receipt as long as no checkpoint covers it. `anchors` "
        "has the first one of each network that covers the event: its root is on chain, and "
        "`/v1/audit/consistency` proves that it belongs to the same log.",
        query=PROOF, answers="AuditProof", other_media_type=TEXT, awaits="AuditReceipt",
        is_polled=True,
        codes=("not_found", "event_archived", "mode_mismatch", "validation_failed",
               "evidence_damaged"),
    ).opt,
)  # fmt: skip
def get_proof(
    request: AnyRequest,
    id: FromPath[str],
    caller: Given[Caller],
    prove_event: Given[ProveEvent],
    find_anchors: Given[FindAnchors],
) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    size = PROOF.query(request).get(SIZE)
    proof = granted(prove_event(caller, _event_id(id), size))
    if not isinstance(proof, Proof):
        return _awaited(proof)
    if prefers(request, TEXT):
        return bytes_if_changed(proof.text.encode(), request, TEXT)
    # What has its leaf: an anchor of one leaf more than stand before it.
    anchors = find_anchors(proof.log.origin, proof.index + 1)
    return answer_if_changed(_proof(proof, anchors), request)


@get(
    "/v1/audit/checkpoints",
    sync_to_thread=True,
    opt=Operation(
        id="list_checkpoints", tag="audit", summary="Signed checkpoints of a log, smallest first",
        query=CHECKPOINTS, answers="CheckpointPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_checkpoints(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    asked = CHECKPOINTS.query(request)
    limit, cursor = asked.get(LIMIT) or 20, asked.get(CURSOR)
    after = -1 if cursor is None else sequence_of(cursor)
    with store.begin(Scope()) as work:
        log = the_log(work.seals, asked.get(LOG))
        found = (
            [] if log is None else work.seals.checkpoints(log.number, after=after, limit=limit + 1)
        )
    shown = found[:limit]
    last = str(shown[-1].checkpoint.size) if shown else None
    return answer(
        page([_checkpoint(each) for each in shown], has_more=len(found) > limit, last=last)
    )


@get(
    "/v1/audit/checkpoints/latest",
    sync_to_thread=True,
    opt=Operation(
        id="get_latest_checkpoint", tag="audit", summary="The newest signed checkpoint",
        description="With `Accept: text/plain` the signed note alone. Keep one: nobody can show "
        "you another history from then on.",
        query=LATEST, answers="Checkpoint", other_media_type=TEXT,
        is_polled=True, codes=("validation_failed", "not_found"),
    ).opt,
)  # fmt: skip
def get_latest(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    number = LATEST.query(request).get(LOG)
    with store.begin(Scope()) as work:
        log = the_log(work.seals, number)
        latest = None if log is None else work.seals.latest(log.number)
    if latest is None:
        raise not_found("checkpoint")
    if prefers(request, TEXT):
        return bytes_if_changed(latest.note.encode(), request, TEXT)
    return answer_if_changed(_checkpoint(latest), request)


@get(
    "/v1/audit/consistency",
    sync_to_thread=True,
    opt=Operation(
        id="prove_consistency", tag="audit", summary="That one log is the beginning of another",
        description="From the checkpoint of `from` leaves to that of `to`: nothing before the "
        "first was changed, taken out or put in.",
        query=CONSISTENCY, answers="Consistency", codes=("validation_failed", "not_found"),
    ).opt,
)  # fmt: skip
def get_consistency(
    request: AnyRequest, caller: Given[Caller], prove_consistency: Given[ProveConsistency]
) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    asked = CONSISTENCY.query(request)
    proof = granted(prove_consistency(asked[OLDER], asked[NEWER], asked.get(LOG)))
    document: Json = {
        "from": _checkpoint(proof.older),
        "to": _checkpoint(proof.newer),
        "path": [_base64(node) for node in proof.path],
    }
    return answer(document)


@get(
    "/v1/audit/keys",
    sync_to_thread=True,
    opt=Operation(
        id="list_audit_keys", tag="audit", summary="Whose signatures checkpoints have",
        description="A log has one key. Compare the fingerprint with what the operator has told "
        "you by another way. `verifier_key` is the form of C2SP signed-note.",
        query=SHORT, answers="AuditKeyPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_keys(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_AUDIT)
    with store.begin(Scope()) as work:
        logs = work.seals.logs()
    return answer(cut(logs, request, lambda log: numbered(log.number)).shown(_key))


@get(
    "/v1/deployments/{id:str}/evidence",
    sync_to_thread=True,
    opt=Operation(
        id="get_evidence", tag="audit", summary="Evidence about a deployment, for anybody",
        description="One file (canonical JSON: keep its bytes) with what was asked for, planned, "
        "signed and found on chain, and every event with its proof. `tallystick verify FILE` "
        "checks it without any server. The first time it is asked for the log commits to it; 202 "
        "with a receipt until a checkpoint covers that. It gains the log's anchors once there are "
        "any.",
        answers="Evidence", awaits="AuditReceipt", is_polled=True,
        codes=("not_found", "mode_mismatch", "evidence_not_ready", "evidence_archived",
               "evidence_damaged"),
    ).opt,
)  # fmt: skip
def get_evidence(
    request: AnyRequest,
    id: FromPath[str],
    caller: Given[Caller],
    give_evidence: Given[GiveEvidence],
) -> Response[bytes]:
    given = granted(give_evidence(caller, DEPLOYMENT.id_of(id)))
    if not isinstance(given, Pack):
        return _awaited(given)
    name = f'attachment; filename="{id}.evidence.json"'
    return bytes_if_changed(
        given.content, request, "application/json", {"Content-Disposition": name}
    )


HANDLERS = (
    list_events,
    get_event,
    get_proof,
    list_checkpoints,
    get_latest,
    get_consistency,
    list_keys,
    get_evidence,
)


def _event_id(text: str) -> EventId:
    """Raises: RefusedError: *text* is no event's id."""
    parsed = parse_id(Prefix.EVENT, text)
    if parsed is None:
        raise not_found("event")
    return EventId(parsed)


def _record(receipt: Receipt, personal: Personal | None) -> Json:
    event = receipt.event
    return {
        "event": representations.audit_event(event),
        "body": _base64(event.body),
        "salt": _base64(event.salt),
        "leaf_hash": receipt.leaf_hash.hex(),
        "personal": None if personal is None else _personal(personal),
    }


def _personal(personal: Personal) -> Json:
    fields = personal.fields
    return {
        "of": personal.of,
        "fields": None if fields is None else dict(fields),
        "erased": fields is None,
    }


def _awaited(receipt: Receipt) -> Response[bytes]:
    """202: what there is until the next checkpoint."""
    headers: Mapping[str, str] = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
    document: Json = {
        "event": public_id(Prefix.EVENT, receipt.event.id),
        "leaf_hash": receipt.leaf_hash.hex(),
    }
    return answer(document, 202, headers)


def _proof(proof: Proof, anchors: Sequence[AnchorOnChain]) -> Json:
    return {
        "event": public_id(Prefix.EVENT, proof.event.id),
        "leaf": _base64(proof.event.leaf),
        "leaf_hash": proof.leaf_hash.hex(),
        "index": proof.index,
        "path": [_base64(node) for node in proof.path],
        "checkpoint": _checkpoint(proof.checkpoint),
        "anchors": [_anchor(each) for each in anchors],
    }


def _anchor(found: AnchorOnChain) -> Json:
    checkpoint = found.anchor.checkpoint
    return {
        "network": found.network,
        "size": checkpoint.size,
        "root": _base64(checkpoint.root),
        "transaction_id": found.transaction_id,
        "block": found.block.number,
    }


def _checkpoint(signed: SignedCheckpoint) -> Json:
    checkpoint = signed.checkpoint
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": _base64(checkpoint.root),
        "note": signed.note,
        "signed_at": timestamp(signed.signed_at),
    }


def _key(log: Log) -> Json:
    key = log.public_key
    name = key_id(log.origin, key).hex()
    return {
        "log": log.number,
        "origin": log.origin,
        "public_key": _base64(key.raw),
        "fingerprint": fingerprint(key),
        "verifier_key": f"{log.origin}+{name}+{_base64(_ED25519 + key.raw)}",
        "opened_at": timestamp(log.opened_at),
        "closed_at": None if log.closed_at is None else timestamp(log.closed_at),
        "closed_because": log.closed_because,
    }


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
