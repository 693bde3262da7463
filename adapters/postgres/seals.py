"""The log of sealed events, and the one connection that seals.

The right to seal is a lock of that connection's: when it dies, so does the right.  What has
settled waits at the server in a cursor that outlives its transaction, while batches of leaves are
committed on the same connection.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

import psycopg
from attrs import define, field, frozen
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from adapters.postgres import queries
from adapters.postgres.errors import translated
from adapters.postgres.transaction import Transaction
from application.ports.storage.seals import (
    Backlog,
    Leaf,
    Log,
    SealerBusyError,
    Seals,
    SealSession,
    SealStore,
    SignedCheckpoint,
    Trouble,
    Unsealed,
)
from domain.checkpoint import Checkpoint
from domain.errors import MisuseError
from domain.identifiers import EventId, KeyRef, OrganisationId
from domain.merkle import HASH_BYTES, Hashes, Node
from domain.signing import Curve, PublicKey
from domain.tiles import WIDTH, growth, hashes_in

SEALS = queries.load("seals.sql")

_LOCK_TIMEOUT_SECONDS = 20
NOTHING: Mapping[str, Any] = {}


@frozen
class PostgresSeals(Seals):
    _transaction: Transaction

    def logs(self) -> list[Log]:
        return [_log(row) for row in self._transaction.rows(SEALS["logs"])]

    def size(self, log: int) -> int:
        # Of leaves a reader sees those of one organisation.
        row = self._transaction.row(SEALS["last_tile"], {"log": log})
        return 0 if row is None else row["index"] * WIDTH + row["bytes"] // HASH_BYTES

    def backlog(self, log: int) -> Backlog:
        row = self._transaction.row(SEALS["backlog"], {"log": log})
        assert row is not None  # noqa: S101 - an aggregate has one row
        return Backlog(events=row["events"], since=row["since"])

    def latest(self, log: int) -> SignedCheckpoint | None:
        row = self._transaction.row(SEALS["latest"], {"log": log})
        return None if row is None else _signed(row)

    def checkpoint(self, log: int, size: int) -> SignedCheckpoint | None:
        found = self.checkpoints(log, after=size - 1, limit=1)
        return found[0] if found and found[0].checkpoint.size == size else None

    def covering(self, log: int, position: int) -> SignedCheckpoint | None:
        found = self.checkpoints(log, after=position, limit=1)
        return found[0] if found else None

    def checkpoints(self, log: int, *, after: int = -1, limit: int) -> list[SignedCheckpoint]:
        asked = {"log": log, "after": after, "limit": limit}
        return [_signed(row) for row in self._transaction.rows(SEALS["checkpoints"], asked)]

    def hashes(self, log: int) -> Hashes:
        def tile(level: int, index: int) -> bytes | None:
            asked = {"log": log, "level": level, "index": index}
            row = self._transaction.row(SEALS["tile"], asked)
            return None if row is None else row["hashes"]

        return hashes_in(tile)

    def leaf(self, log: int, sequence: int) -> Leaf | None:
        row = self._transaction.row(SEALS["leaf"], {"log": log, "sequence": sequence})
        return None if row is None else _leaf(row)

    def leaves(self, log: int, *, after: int = 0, limit: int) -> list[Leaf]:
        asked = {"log": log, "after": after, "limit": limit}
        return [_leaf(row) for row in self._transaction.rows(SEALS["leaves"], asked)]


@frozen
class PostgresSealStore(SealStore):
    """*url* belongs to a member of tallystick_sealer, and leads to the server itself: a pooler
    that shares connections would share the lock.
    """

    _url: str = field(repr=False)

    @contextmanager
    def session(self) -> Iterator[SealSession]:
        with translated():
            connection = psycopg.connect(self._url, row_factory=dict_row, autocommit=True)
        try:
            with translated():
                connection.execute("SET TimeZone TO 'UTC'")
                connection.execute(f"SET lock_timeout TO '{_LOCK_TIMEOUT_SECONDS}s'")
                # What was signed for is there after a crash, whatever the server's default.
                connection.execute("SET synchronous_commit TO on")
                # A round over many organisations looks dear to the planner, and takes less time
                # than compiling it would.
                connection.execute("SET jit TO off")
                row = connection.execute(SEALS["lock_sealer"]).fetchone()
            if row is None or not row["is_ours"]:
                raise SealerBusyError("another sealer is at work on this database")
            yield _Session(connection)
        finally:
            # The server would let go of it too, a moment after the connection is closed.
            with suppress(psycopg.Error):
                connection.execute(SEALS["unlock_sealer"])
            connection.close()


@define
class _Session(SealSession):
    _connection: Connection[DictRow]

    def cluster(self) -> str:
        return str(self._one("cluster")["cluster"])

    def timeline(self) -> int:
        return int(str(self._one("timeline")["timeline"]), 16)

    def horizon(self) -> int:
        return int(self._one("horizon")["horizon"])

    def logs(self) -> list[Log]:
        return [_log(row) for row in self._rows("logs")]

    def open_log(self, log: Log) -> None:
        self._change(
            "open_log",
            {
                "number": log.number,
                "origin": log.origin,
                "key": log.key,
                "public_key": log.public_key.raw,
                "cluster": log.cluster,
                "opened_at": log.opened_at,
            },
        )

    def close_log(self, log: int, at: object, because: str) -> None:
        if not self._change("close_log", {"log": log, "at": at, "because": because}):
            raise MisuseError(f"log {log} is not open")

    def settle(self, log: int, cluster: str | None) -> None:
        if not self._change("settle_log", {"log": log, "cluster": cluster}):
            raise MisuseError(f"there is no log {log}")

    def size(self, log: int) -> int:
        return int(self._one("size", {"log": log})["size"])

    def hashes(self, log: int) -> Hashes:
        def tile(level: int, index: int) -> bytes | None:
            found = self._rows("tile", {"log": log, "level": level, "index": index})
            return found[0]["hashes"] if found else None

        return hashes_in(tile)

    def sealed_through(
        self, log: int, organisations: Iterable[OrganisationId]
    ) -> dict[OrganisationId, int]:
        asked = {"log": log, "organisations": list(organisations)}
        return {
            row["organisation_id"]: row["through"] for row in self._rows("sealed_through", asked)
        }

    def latest(self, log: int) -> SignedCheckpoint | None:
        found = self._rows("latest", {"log": log})
        return _signed(found[0]) if found else None

    def backlog(self, log: int) -> Backlog:
        row = self._one("backlog", {"log": log})
        return Backlog(events=row["events"], since=row["since"])

    def unsealed(
        self, log: int, *, batch: int, takes_restored: bool
    ) -> Iterator[Sequence[Unsealed] | Trouble]:
        asked = {"log": log, "takes_restored": takes_restored}
        with (
            translated(),
            self._connection.cursor(name="unsealed", withhold=True) as cursor,
        ):
            cursor.execute(SEALS["unsealed"], asked, binary=True)
            while rows := cursor.fetchmany(batch):
                for row in rows:
                    if row["trouble"] is None:
                        break
                    yield Trouble(
                        kind=row["trouble"],
                        organisation=row["organisation_id"],
                        sequence=row["sequence"],
                    )
                events = [
                    Unsealed(
                        organisation=row["organisation_id"],
                        sequence=row["sequence"],
                        event=row["event_id"],
                        hash=row["hash"],
                    )
                    for row in rows
                    if row["trouble"] is None
                ]
                # None would be the end of the troubles to whoever asks for no more than those.
                if events:
                    yield events

    def append(self, log: int, leaves: Sequence[Leaf], nodes: Iterable[Node]) -> None:
        grown = growth(nodes)
        rows = {
            "log": log,
            "organisations": [leaf.organisation for leaf in leaves],
            "sequences": [leaf.sequence for leaf in leaves],
            "positions": [leaf.position for leaf in leaves],
            "events": [leaf.event for leaf in leaves],
            "hashes": [leaf.hash for leaf in leaves],
        }
        tiles = {
            "log": log,
            "levels": [level for level, _ in grown],
            "indexes": [index for _, index in grown],
            "tiles": [each.hashes for each in grown.values()],
        }
        with translated(), self._connection.transaction():
            self._follows(log, leaves)
            self._connection.execute(SEALS["insert_leaves"], rows)
            found = self._connection.execute(SEALS["grow_tiles"], tiles).fetchall()
            lengths = {(row["level"], row["index"]): row["bytes"] for row in found}
            for place, each in grown.items():
                if lengths.get(place) != each.first * HASH_BYTES + len(each.hashes):
                    raise MisuseError(f"tile {place} of log {log} has another end")

    def _follows(self, log: int, leaves: Sequence[Leaf]) -> None:
        size = self.size(log)
        if [leaf.position for leaf in leaves] != list(range(size, size + len(leaves))):
            raise MisuseError(f"log {log} has {size} leaves; these do not follow them")

    def publish(self, log: int, signed: SignedCheckpoint) -> None:
        checkpoint = signed.checkpoint
        row = {
            "log": log,
            "size": checkpoint.size,
            "root": checkpoint.root,
            "note": signed.note,
            "signed_at": signed.signed_at,
        }
        if self._change("insert_checkpoint", row):
            return
        asked = {"log": log, "after": checkpoint.size - 1, "limit": 1}
        (known,) = self._rows("checkpoints", asked)
        if known["root"] != checkpoint.root:
            raise MisuseError(f"log {log} has another checkpoint of {checkpoint.size} leaves")

    def _one(self, query: str, parameters: Mapping[str, Any] = NOTHING) -> DictRow:
        (row,) = self._rows(query, parameters)
        return row

    def _rows(self, query: str, parameters: Mapping[str, Any] = NOTHING) -> list[DictRow]:
        statement: LiteralString = SEALS[query]
        with translated():
            return self._connection.execute(statement, parameters).fetchall()

    def _change(self, query: str, parameters: Mapping[str, Any]) -> int:
        statement: LiteralString = SEALS[query]
        with translated():
            return self._connection.execute(statement, parameters).rowcount


def _log(row: DictRow) -> Log:
    return Log(
        number=row["number"],
        origin=row["origin"],
        key=KeyRef(row["key_ref"]),
        public_key=PublicKey(Curve.ED25519, row["public_key"]),
        cluster=row["cluster"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        closed_because=row["closed_because"],
    )


def _signed(row: DictRow) -> SignedCheckpoint:
    return SignedCheckpoint(
        checkpoint=Checkpoint(origin=row["origin"], size=row["size"], root=row["root"]),
        note=row["note"],
        signed_at=row["signed_at"],
    )


def _leaf(row: DictRow) -> Leaf:
    return Leaf(
        organisation=OrganisationId(row["organisation_id"]),
        sequence=row["sequence"],
        event=EventId(row["event_id"]),
        hash=row["hash"],
        position=row["position"],
    )
