"""What readiness and `doctor` ask the database."""

from datetime import UTC, datetime
from uuid import UUID

from attrs import frozen
from psycopg import Connection
from psycopg.rows import DictRow, class_row, scalar_row, tuple_row

from adapters.postgres.migrate import unapplied


@frozen(kw_only=True)
class Installation:
    id: UUID
    environment: str
    auth_epoch: int


def pending(connection: Connection[DictRow]) -> list[str]:
    """Raises: MigrationChangedError."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [file.name for file in unapplied(cursor)]


def installation(connection: Connection[DictRow]) -> Installation | None:
    with connection.cursor(row_factory=class_row(Installation)) as cursor:
        exists = connection.execute(
            "SELECT to_regclass('public.installation') IS NOT NULL AS is_there"
        ).fetchone()
        if not exists or not exists["is_there"]:
            return None
        cursor.execute("SELECT id, environment, auth_epoch FROM installation")
        return cursor.fetchone()


def instant(connection: Connection[DictRow]) -> datetime:
    """The database's clock."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found = cursor.execute("SELECT clock_timestamp()").fetchone()
    if not isinstance(found, datetime):
        raise TypeError(f"clock_timestamp() is {found!r}")
    return found.astimezone(UTC)
