"""The books, read for an audit: a transaction of its own for each organisation.

*Repeatable read* and read-only: every row is of one instant, nothing is locked, a standby will do.
Long tables come through cursors of the server's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from itertools import count
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from attrs import define, field, frozen
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from adapters.postgres import queries
from adapters.postgres.errors import translated
from application.ports.storage.books import (
    ALWAYS,
    Books,
    OrganisationBooks,
    Volume,
    Window,
)
from domain.books import EventRow, HoldRow, HoldTotals, Line, LotRow, PortionRow, WalletRow
from domain.books.paid import PaidRow
from domain.books.promises import (
    GiftRow,
    GiftTotals,
    LicenceRow,
    QuotaWindowRow,
    TakenRow,
)
from domain.growth import PaidPeriodRow
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.margin import ChainCost

BOOKS = queries.load("books.sql")

_PAGE = 2_000
NOTHING: Mapping[str, Any] = {}


@frozen
class PostgresBooks(Books):
    """*url* belongs to a member of tallystick_readonly, or of tallystick_app."""

    _url: str = field(repr=False)

    def volumes(self) -> list[Volume]:
        found: list[Volume] = []
        with self._connected() as connection:
            while True:
                after = found[-1].organisation if found else None
                rows = connection.execute(
                    BOOKS["volumes"], {"after": after, "limit": _PAGE}
                ).fetchall()
                found += (
                    Volume(organisation=row["organisation_id"], lines=row["lines"]) for row in rows
                )
                if len(rows) < _PAGE:
                    return found

    @contextmanager
    def read(self, organisation: OrganisationId) -> Iterator[OrganisationBooks]:
        with self._connected() as connection:
            connection.execute(BOOKS["enter"], {"organisation": organisation})
            yield _Opened(connection, organisation)

    @contextmanager
    def _connected(self) -> Iterator[Connection[DictRow]]:
        with translated(), psycopg.connect(self._url, row_factory=dict_row) as connection:
            connection.execute("SET TimeZone TO 'UTC'")
            connection.commit()
            connection.execute(BOOKS["open"])
            yield connection
            connection.rollback()


@define
class _Opened(OrganisationBooks):
    _connection: Connection[DictRow]
    _organisation: OrganisationId
    _cursors: Iterator[int] = field(factory=count)

    def trail_begins(self) -> datetime | None:
        row = self._row("trail_begins")
        return None if row is None else row["begins"]

    def wallet(self) -> WalletRow | None:
        row = self._row("wallet")
        return None if row is None else WalletRow(**row)

    def lots(self) -> Iterator[LotRow]:
        return (LotRow(**row) for row in self._stream("lots"))

    def hold_totals(self) -> HoldTotals:
        row = self._row("hold_totals")
        assert row is not None  # noqa: S101 - an aggregate has one row
        return HoldTotals(**row)

    def lines(self, window: Window = ALWAYS) -> Iterator[Line]:
        return (_line(row) for row in self._stream("lines", window))

    def tariff(self) -> str | None:
        row = self._row("tariff")
        return None if row is None else row["tariff"]

    def quota_windows(self) -> Iterator[QuotaWindowRow]:
        for quota in self._rows("quota_windows"):
            asked = {
                "window": quota["window"],
                "set_at": quota["set_at"],
                "subject": quota["subject_id"],
                "names": self._names(Prefix(quota["subject_kind"]), quota["subject_id"]),
            }
            for row in self._rows("quota_taken", asked):
                yield QuotaWindowRow(
                    subject=public_id(Prefix(quota["subject_kind"]), quota["subject_id"]),
                    window=quota["window"],
                    since=row["since"],
                    most=quota["most"] + row["shifted"],
                    taken=row["taken"],
                )

    def _names(self, kind: Prefix, id: UUID) -> list[str] | None:
        """As holds have whose they are; None: a team's, which has its own rows."""
        if kind is Prefix.TEAM:
            return None
        keys = self._rows("quota_keys", {"member": id}) if kind is Prefix.MEMBER else ()
        return [public_id(kind, id), *(public_id(Prefix.API_KEY, row["id"]) for row in keys)]

    def licence_changes(self) -> list[LicenceRow]:
        return [
            LicenceRow(at=row["at"], state=_state_in(row["body"]))
            for row in self._rows("licence_changes")
        ]

    def taken_between(
        self, classes: Sequence[str], since: datetime, until: datetime | None
    ) -> list[TakenRow]:
        asked = {"classes": list(classes), "since": since, "until": until}
        return [TakenRow(**row) for row in self._rows("taken_between", asked)]

    def open_unsigned(self, classes: Sequence[str]) -> list[TakenRow]:
        return [TakenRow(**row) for row in self._rows("open_unsigned", {"classes": list(classes)})]

    def paid(self) -> Iterator[PaidRow]:
        return (PaidRow(**row) for row in self._stream("paid"))

    def gifts(self) -> list[GiftRow]:
        return [GiftRow(**row) for row in self._rows("gifts")]

    def gift_totals(self) -> GiftTotals:
        row = self._row("gift_totals")
        assert row is not None  # noqa: S101 - as above
        return GiftTotals(**row)

    def paid_periods(self) -> Iterator[PaidPeriodRow]:
        return (PaidPeriodRow(**row) for row in self._stream("paid_periods"))

    def began(self) -> tuple[datetime, datetime | None] | None:
        row = self._row("began")
        return None if row is None else (row["registered_at"], row["completed_at"])

    def chain_costs(self, window: Window = ALWAYS) -> Iterator[ChainCost]:
        return (
            ChainCost(
                operation=row["operation"],
                network=row["network"],
                amount=int(row["amount"]),
                price=None if row["price"] is None else Fraction(row["price"]),
                currency=row["currency"],
            )
            for row in self._stream("chain_costs", window)
        )

    def events(self) -> Iterator[EventRow]:
        return (EventRow(**row) for row in self._stream("events"))

    def _row(self, query: str) -> DictRow | None:
        with translated():
            return self._connection.execute(BOOKS[query], self._parameters).fetchone()

    def _rows(self, query: str, also: Mapping[str, Any] = NOTHING) -> list[DictRow]:
        with translated():
            return self._connection.execute(BOOKS[query], {**self._parameters, **also}).fetchall()

    def _stream(self, query: str, window: Window = ALWAYS) -> Iterator[DictRow]:
        statement: LiteralString = BOOKS[query]
        with (
            translated(),
            self._connection.cursor(name=f"{query}_{next(self._cursors)}") as cursor,
        ):
            cursor.itersize = _PAGE
            bounds = {"since": window.since, "until": window.until}
            cursor.execute(statement, {**self._parameters, **bounds})
            yield from cursor

    @property
    def _parameters(self) -> Mapping[str, Any]:
        return {"organisation": self._organisation}


def _state_in(body: bytes) -> str:
    """Of `licence.changed`; empty where it cannot be read, which is nothing of this audit's."""
    try:
        return str(json.loads(body)["details"]["state"])
    except (ValueError, KeyError, TypeError):
        return ""


def _line(row: DictRow) -> Line:
    return Line(
        sequence=row["sequence"],
        at=row["at"],
        debit=row["debit"],
        credit=row["credit"],
        amount=row["amount"],
        action=row["action"],
        hold_id=row["hold_id"],
        lot_id=row["lot_id"],
        actor=row["actor"],
        hold=None if row["known_hold"] is None else _hold(row),
    )


def _hold(row: DictRow) -> HoldRow:
    return HoldRow(
        id=row["known_hold"],
        operation=row["operation"],
        amount=row["hold_amount"],
        captured=row["captured"],
        corrected=row["corrected"],
        state=row["state"],
        held_at=row["held_at"],
        closed_at=row["closed_at"],
        lease_until=row["lease_until"],
        portions=tuple(map(PortionRow, row["portion_lots"] or (), row["portion_amounts"] or ())),
    )
