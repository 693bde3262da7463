"""What a file says of each event: enough to recompute its leaf, whatever the format."""

from collections.abc import Sequence

from application.ports.tables import Cell, Column, Kind
from domain.audit import AuditEvent, JsonValue, canonical
from domain.export import ExportFormat
from domain.merkle import leaf_hash

#: A line of JSON has the body as it is: whatever else there is to say, it says.
LINES = (
    Column("body", Kind.JSON),
    Column("leaf_hash", Kind.BYTES),
    Column("salt", Kind.BYTES),
)

#: For whoever sorts and sums; the body has it all once more.
FLAT = (
    Column("sequence", Kind.WHOLE),
    Column("id", Kind.TEXT),
    Column("at", Kind.INSTANT),
    Column("actor_kind", Kind.TEXT),
    Column("actor_id", Kind.TEXT),
    Column("action", Kind.TEXT),
    Column("subject", Kind.TEXT),
    Column("live", Kind.FLAG),
    Column("correlation_id", Kind.TEXT),
    Column("request_id", Kind.TEXT),
    Column("details", Kind.JSON),
    *LINES,
)


def columns_of(encoding: ExportFormat) -> Sequence[Column]:
    return LINES if encoding is ExportFormat.JSON_LINES else FLAT


def cells(event: AuditEvent, columns: Sequence[Column]) -> tuple[Cell, ...]:
    last = (event.body, leaf_hash(event.leaf), event.salt)
    if columns is LINES:
        return last
    content = event.content()
    actor = content["actor"]
    assert isinstance(actor, dict)  # noqa: S101 - every body has one
    return (
        event.sequence,
        _text(content["id"]),
        event.at,
        _text(actor["kind"]),
        _text(actor["id"]),
        event.action,
        event.subject,
        event.live,
        _text(content["correlation_id"]),
        _text(content["request_id"]),
        canonical(content["details"]),
        *last,
    )


def _text(value: JsonValue) -> str | None:
    return None if value is None else str(value)
