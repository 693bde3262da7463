"""What of the trail is where, and what must stay; and taking a month out of the database."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from typing import cast

import psycopg
from attrs import field, frozen
from psycopg import sql
from psycopg.rows import tuple_row

from adapters.postgres import queries
from adapters.postgres.ledger_rows import journal_entry_from_row
from adapters.postgres.rows import Row
from adapters.postgres.transaction import Transaction
from application.ports.storage.retention import (
    Archives,
    LegalHolds,
    PartitionChangedError,
    PartitionHeldError,
    Partitions,
    PartitionsUnavailableError,
    Rows,
    Volume,
)
from application.ports.storage.work import Lock
from domain.audit import LEAF_DOMAIN
from domain.identifiers import EventId, LegalHoldId, OrganisationId
from domain.ledger import JournalEntry
from domain.retention import Archive, ArchiveState, LegalHold, Month

RETENTION = queries.load("retention.sql")

_LEAVES_AT_ONCE = 10_000
_PARTITION = re.compile(r"audit_events_([0-9]{4})_([0-9]{2})")


@frozen
class PostgresLegalHolds(LegalHolds):
    _transaction: Transaction

    def add(self, hold: LegalHold) -> None:
        self._transaction.write(RETENTION["insert_hold"], _placed(hold))

    def get(self, id: LegalHoldId) -> LegalHold | None:
        row = self._transaction.row(RETENTION["select_hold"], {"id": id})
        return _hold(row) if row else None

    def in_force(self, id: LegalHoldId) -> LegalHold | None:
        row = self._transaction.row(RETENTION["select_hold_in_force"], {"id": id})
        return _hold(row) if row else None

    def lift(self, hold: LegalHold) -> None:
        lifted = {"lifted_at": hold.lifted_at, "lifted_because": hold.lifted_because}
        self._transaction.write(RETENTION["lift_hold"], {**_placed(hold), **lifted})

    def all(self) -> list[LegalHold]:
        return [_hold(row) for row in self._transaction.rows(RETENTION["list_holds"])]

    def lock(self) -> None:
        self._transaction.enter(Lock.LEGAL_HOLDS, 0)
        self._transaction.row(RETENTION["lock_holds"])

    def over(self, month: Month) -> list[tuple[OrganisationId, LegalHoldId]]:
        span = {"since": month.first, "until": month.end}
        found = self._transaction.rows(RETENTION["holds_over"], span)
        return [(row["organisation_id"], row["id"]) for row in found]

    def on(
        self, organisations: Collection[OrganisationId], subjects: Collection[str]
    ) -> list[tuple[OrganisationId, LegalHoldId]]:
        asked = {"organisations": [*organisations], "subjects": [*subjects]}
        found = self._transaction.rows(RETENTION["holds_on"], asked)
        return [(row["organisation_id"], row["id"]) for row in found]


@frozen
class PostgresArchives(Archives):
    _transaction: Transaction

    def add(self, archive: Archive) -> bool:
        return self._transaction.change(RETENTION["insert_archive"], _made(archive)) == 1

    def replace(self, archive: Archive, before: Archive) -> bool:
        row = {**_made(archive), "before": before.event}
        return self._transaction.change(RETENTION["replace_archive"], row) == 1

    def get(self, month: Month) -> Archive | None:
        row = self._transaction.row(RETENTION["list_archives"], {"month": month.first.date()})
        return _archive(row) if row else None

    def put(self, archive: Archive) -> None:
        row = {
            "month": archive.month.first.date(),
            "state": archive.state.value,
            "dropped_at": archive.dropped_at,
            "deletion_begun_at": archive.deletion_begun_at,
            "deleted_at": archive.deleted_at,
            "certificate": archive.certificate,
        }
        self._transaction.update(f"archive of {archive.month}", RETENTION["update_archive"], row)

    def all(self) -> list[Archive]:
        found = self._transaction.rows(RETENTION["list_archives"], {"month": None})
        return [_archive(row) for row in found]

    def hot(self) -> list[Month]:
        return self._months("partitions")

    def set_aside(self) -> list[Month]:
        return self._months("set_aside")

    def _months(self, query: str) -> list[Month]:
        names = [row["name"] for row in self._transaction.rows(RETENTION[query])]
        found = [match for name in names if (match := _PARTITION.fullmatch(name))]
        return [Month(int(match[1]) * 12 + int(match[2]) - 1) for match in found]

    def volume(self, month: Month) -> Volume:
        asked = {"since": month.first, "until": month.end}
        counts = self._transaction.row(RETENTION["volume"], asked)
        exists = self._transaction.row(RETENTION["partition_exists"], {"name": _name(month)})
        assert counts is not None and exists is not None  # noqa: S101, PT018 - aggregates
        return Volume(**counts, is_there=exists["is_there"])

    def begins(self) -> datetime | None:
        row = self._transaction.row(RETENTION["begins"])
        return row["begins"] if row else None

    def lines(
        self, since: datetime, until: datetime, *, after: int, limit: int
    ) -> Sequence[JournalEntry]:
        asked = {"since": since, "until": until, "after": after, "limit": limit}
        found = self._transaction.rows(RETENTION["lines"], asked)
        return [journal_entry_from_row(row) for row in found]


@frozen
class PostgresPartitions(Partitions):
    """As a member of tallystick_migrator, who owns the tables; each call has its own connection.

    A month is set aside first, which is one short lock, and dropped once its rows were counted
    again and no hold is on it: else it is put back, with what came for it meanwhile.  One at a
    time: a month that is neither attached nor set aside is gone.
    DETACH … CONCURRENTLY is not to be had: there is a default partition.  Foreign keys lock the
    heads as well: these come first, as they do for whoever writes an event.
    """

    _url: str | None = field(repr=False)

    def drop(self, month: Month, archived: Rows) -> None:
        with self._connected() as connection:
            connection.execute(RETENTION["lock_partitions"])
            self._drop(connection, month, archived)

    def put_back(self, month: Month) -> None:
        with self._connected() as connection:
            if not self._is(connection, RETENTION["set_aside"], month):
                return
            # Whoever is dropping it is through with it afterwards.
            connection.execute(RETENTION["lock_partitions"])
            if self._is(connection, RETENTION["set_aside"], month):
                with connection.transaction():
                    self._open(connection, month)
                    self._attach(connection, month)

    def _connected(self) -> AbstractContextManager[psycopg.Connection[tuple[object, ...]]]:
        """Raises: PartitionsUnavailableError, also for what the database says within."""
        if self._url is None:
            raise PartitionsUnavailableError(
                "TALLYSTICK_DATABASE_MIGRATOR_URL ([database] migrator_url) is missing"
            )
        return _as_owner(self._url)

    def _drop(
        self, connection: psycopg.Connection[tuple[object, ...]], month: Month, archived: Rows
    ) -> None:
        partition = sql.Identifier("public", _name(month))
        if self._is(connection, RETENTION["partitions"], month):
            with connection.transaction():
                connection.execute(RETENTION["lock_history"])
                detach = "ALTER TABLE public.audit_events DETACH PARTITION {}"
                connection.execute(sql.SQL(detach).format(partition))
        elif not self._is(connection, RETENTION["set_aside"], month):
            return
        with connection.transaction():
            self._open(connection, month)
            found = _rows(connection, partition, month)
            # Last, because whoever places a hold waits for it; until the commit, because a hold
            # that is placed after this is placed on a month that is gone.
            connection.execute(RETENTION["lock_holds"])
            span = {"since": month.first, "until": month.end}
            is_held = connection.execute(RETENTION["holds_over"], span).fetchone() is not None
            is_as_archived = found == archived
            if is_as_archived and not is_held:
                connection.execute(sql.SQL("DROP TABLE {}").format(partition))
            else:
                self._attach(connection, month)
        if is_held:
            raise PartitionHeldError(f"{month} is held")
        if not is_as_archived:
            raise PartitionChangedError(
                f"{month} has {found.count} events, and not the {archived.count} archived"
            )

    def _open(self, connection: psycopg.Connection[tuple[object, ...]], month: Month) -> None:
        """Its owner too is subject to the policies, as long as they are there."""
        partition = sql.Identifier("public", _name(month))
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(partition))

    def _attach(self, connection: psycopg.Connection[tuple[object, ...]], month: Month) -> None:
        """In one transaction with whatever it was set aside for."""
        partition = sql.Identifier("public", _name(month))
        span = {"since": month.first, "until": month.end}
        connection.execute(RETENTION["lock_heads"])
        late = connection.execute(RETENTION["volume"], span).fetchone()
        if late is not None and late[2]:
            # They came while there was no room for the month, and would keep it out.
            connection.execute(RETENTION["open_default"])
            connection.execute(sql.SQL(RETENTION["move_late"]).format(partition=partition), span)
            connection.execute(RETENTION["close_default"])
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(partition))
        if not self._is(connection, RETENTION["partitions"], month):
            connection.execute(
                sql.SQL(
                    "ALTER TABLE public.audit_events ATTACH PARTITION {}"
                    " FOR VALUES FROM ({}) TO ({})"
                ).format(partition, sql.Literal(month.first), sql.Literal(month.end))
            )

    def _is(
        self, connection: psycopg.Connection[tuple[object, ...]], query: str, month: Month
    ) -> bool:
        return (_name(month),) in connection.execute(query.encode()).fetchall()


def _rows(
    connection: psycopg.Connection[tuple[object, ...]], partition: sql.Identifier, month: Month
) -> Rows:
    # As `domain.merkle.leaf_hash` of the domain's prefix, salt and body.
    leaves = (
        "SELECT sha256('\\x00'::bytea || {} || salt || body) FROM {}"
        " WHERE at >= %s AND at < %s ORDER BY organisation_id, sequence"
    )
    with connection.cursor(name="leaves") as cursor:
        cursor.itersize = _LEAVES_AT_ONCE
        query = sql.SQL(leaves).format(sql.Literal(LEAF_DOMAIN), partition)
        cursor.execute(query, [month.first, month.end])
        return Rows.of(cast("bytes", leaf) for (leaf,) in cursor)


@contextmanager
def _as_owner(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        with psycopg.connect(url, autocommit=True, row_factory=tuple_row) as connection:
            connection.execute("SET ROLE tallystick_migrator")
            connection.execute("SET lock_timeout = '4s'")
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except psycopg.Error as error:
        raise PartitionsUnavailableError(str(error).partition("\n")[0]) from error


def _name(month: Month) -> str:
    return f"audit_events_{str(month).replace('-', '_')}"


def _hold(row: Row) -> LegalHold:
    return LegalHold(
        organisation=row["organisation_id"],
        id=row["id"],
        subject=row["subject"],
        since=row["since"],
        until=row["until"],
        reason=row["reason"],
        placed_at=row["placed_at"],
        lifted_at=row["lifted_at"],
        lifted_because=row["lifted_because"],
    )


def _placed(hold: LegalHold) -> Row:
    return {
        "organisation_id": hold.organisation,
        "id": hold.id,
        "subject": hold.subject,
        "since": hold.since,
        "until": hold.until,
        "reason": hold.reason,
        "placed_at": hold.placed_at,
    }


def _made(archive: Archive) -> Row:
    return {
        "month": archive.month.first.date(),
        "state": archive.state.value,
        "manifest": archive.manifest,
        "events": archive.events,
        "lines": archive.lines,
        "event_id": archive.event,
        "archived_at": archive.archived_at,
    }


def _archive(row: Row) -> Archive:
    first: date = row["month"]
    return Archive(
        month=Month(first.year * 12 + first.month - 1),
        state=ArchiveState(row["state"]),
        manifest=bytes(row["manifest"]),
        events=row["events"],
        lines=row["lines"],
        event=EventId(row["event_id"]),
        archived_at=row["archived_at"],
        dropped_at=row["dropped_at"],
        deletion_begun_at=row["deletion_begun_at"],
        deleted_at=row["deleted_at"],
        certificate=row["certificate"],
    )
