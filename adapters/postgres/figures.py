"""Figures of the queues, asked by a role that can ask nothing else.

One connection, opened when it is first needed and again when it is gone; one statement, which is
given up after `PATIENCE`: whoever watches a database in trouble must not be its next trouble.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock

import psycopg
from attrs import define, field
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from adapters.postgres import queries
from adapters.postgres.errors import translated
from application.ports.storage.figures import Depth, Figures

FIGURES = queries.load("figures.sql")
PATIENCE = timedelta(seconds=2)


@define(eq=False)
class PostgresFigures(Figures):
    #: Of a member of tallystick_metrics.
    _url: str = field(repr=False)
    _connection: Connection[DictRow] | None = field(default=None, repr=False)
    _lock: Lock = field(factory=Lock, repr=False)

    def read(self, now: datetime) -> Sequence[Depth]:
        with self._lock, translated():
            try:
                rows = self._connected().execute(FIGURES["read"], {"now": now}).fetchall()
            except psycopg.Error:
                self._drop()
                raise
        return [
            Depth(
                of=row["figure"],
                label=row["label"],
                count=int(row["count"]),
                since=row["since"],
            )
            for row in rows
        ]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _connected(self) -> Connection[DictRow]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=int(PATIENCE.total_seconds()),
                options=f"-c statement_timeout={PATIENCE // timedelta(milliseconds=1)}",
            )
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
