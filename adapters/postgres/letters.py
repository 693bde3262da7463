"""Mail that is to be sent, and the tokens in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Transaction
from application.ports.storage.letters import Letter, Letters, LetterState
from application.ports.storage.work import Lock
from domain.identifiers import LetterId, OrganisationId
from domain.letter import LetterKind

LETTERS = queries.load("letters.sql")

Row = Mapping[str, Any]


@frozen
class PostgresLetters(Letters):
    _transaction: Transaction

    def add(self, letter: Letter) -> None:
        self._transaction.write(LETTERS["insert"], _to_row(letter))

    def get(self, id: LetterId) -> Letter | None:
        row = self._transaction.row(LETTERS["select"], {"id": id})
        return _from_row(row) if row else None

    def lock(self, id: LetterId) -> Letter | None:
        self._transaction.enter(Lock.LETTER, id)
        row = self._transaction.row(LETTERS["lock"], {"id": id})
        return _from_row(row) if row else None

    def put(self, letter: Letter) -> None:
        self._transaction.update(letter.name, LETTERS["update"], _to_row(letter))

    def end_of_user(self, now: datetime) -> int:
        self._transaction.enter_any(Lock.LETTER)
        return self._transaction.change(LETTERS["end_of_user"], {"now": now})

    def usable(self, kind: LetterKind, now: datetime) -> list[Letter]:
        found = self._transaction.rows(LETTERS["usable"], {"kind": kind.value, "now": now})
        return [_from_row(row) for row in found]

    def due(self, now: datetime, limit: int) -> list[tuple[OrganisationId, LetterId]]:
        found = self._transaction.rows(LETTERS["due"], {"now": now, "limit": limit})
        return [(row["organisation_id"], row["id"]) for row in found]

    def purge(self, before: datetime) -> int:
        row = self._transaction.row(LETTERS["purge"], {"before": before})
        return row["forgotten"] if row else 0


def _to_row(letter: Letter) -> Row:
    forgotten = {"wrapping": None, "ciphertext": None}
    return {
        "organisation_id": letter.organisation,
        "id": letter.id,
        "kind": letter.kind.value,
        "user_id": letter.user,
        **(forgotten if letter.sealed is None else rows.wrapped_to_row(letter.sealed)),
        "secret_hash": letter.secret_hash,
        "written_at": letter.written_at,
        "expires_at": letter.expires_at,
        "state": letter.state.value,
        "attempts": letter.attempts,
        "due_at": letter.due_at,
        "used_at": letter.used_at,
    }


def _from_row(row: Row) -> Letter:
    return Letter(
        organisation=row["organisation_id"],
        id=row["id"],
        kind=LetterKind(row["kind"]),
        user=row["user_id"],
        sealed=None if row["wrapping"] is None else rows.wrapped_from_row(row),
        secret_hash=row["secret_hash"],
        written_at=row["written_at"],
        expires_at=row["expires_at"],
        state=LetterState(row["state"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        used_at=row["used_at"],
        is_ended=row["is_ended"],
    )
