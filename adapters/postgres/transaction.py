"""One database transaction, as the repositories use it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, LiteralString

from attrs import field, frozen
from psycopg.rows import DictRow

from adapters.postgres.errors import translated
from adapters.postgres.statements import Found, Parameters, Statement, Statements
from application.ports.storage.work import Lock, LockSequence, Scope
from domain.errors import LockOrderError, MisuseError

#: Of statements that write, or wait for somebody who may have written; also through a function.
_CHANGES = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|FOR (?:KEY )?SHARE|LOCK TABLE"
    r"|narrow\.|keep_turn|pg_\w*advisory\w*)"
)


@frozen
class Transaction:
    """Every query gets ``%(organisation)s`` and ``%(user)s`` of the scope."""

    _statements: Statements
    scope: Scope
    _locks: LockSequence = field(factory=LockSequence)
    _newest: dict[Lock, Any] = field(factory=dict)
    #: What `read` has found since anything here wrote or waited.
    _known: dict[object, list[DictRow]] = field(factory=dict)

    def enter(self, lock: Lock, id: Any) -> None:
        """Say which lock comes next, before asking the database for it: by rank, then by id."""
        self._locks.take(lock)
        if lock in self._newest and id < self._newest[lock]:
            msg = f"{lock.name} {id} is asked for while {self._newest[lock]} is held"
            raise LockOrderError(msg)
        self._newest[lock] = id

    def enter_any(self, lock: Lock) -> None:
        """The same, where the database chooses the rows and waits for none of them."""
        self._locks.take(lock)

    def row(self, query: LiteralString, parameters: Parameters | None = None) -> DictRow | None:
        return self._run(query, parameters).fetchone()

    def rows(self, query: LiteralString, parameters: Parameters | None = None) -> list[DictRow]:
        return self._run(query, parameters).fetchall()

    def read(self, *statements: Statement) -> list[list[DictRow]]:
        """What each of them finds, in one round trip; what was asked before is not asked again.

        Several rules of one transaction ask for the same facts, each for itself.  Where anything
        was written since, or a lock waited for, they are asked anew.
        """
        asked = [(_key(*each), each) for each in statements]
        missing = {key: each for key, each in asked if key not in self._known}
        if any(changes(query) for query, _ in missing.values()):
            # What is known may be from before the wait.
            missing = dict(asked)
        known = {key: self._known[key] for key, _ in asked if key not in missing}
        if missing:
            found = [each.rows for each in self.batch(list(missing.values()))]
            known.update(zip(missing, found, strict=True))
            self._known.update(known)
        return [known[key] for key, _ in asked]

    def change(self, query: LiteralString, parameters: Parameters | None = None) -> int:
        """How many rows it touched."""
        return self._run(query, parameters).rowcount

    def update(self, what: object, query: LiteralString, parameters: Parameters) -> None:
        """Change the one row of *what*.  Raises: MisuseError: there is none in the scope."""
        if self.change(query, parameters) != 1:
            raise MisuseError(f"there is no {what} in {self.scope}")

    def batch(self, statements: Sequence[Statement]) -> list[Found]:
        """All of them in order, in one round trip; each sees what those before it did."""
        if len(statements) == 1:
            ((query, parameters),) = statements
            return [self._run(query, parameters)]
        if any(changes(query) for query, _ in statements):
            self._known.clear()
        with translated():
            return self._statements.batch([(query, self._with(p)) for query, p in statements])

    def _run(self, query: LiteralString, parameters: Parameters | None) -> Found:
        if changes(query):
            self._known.clear()
        with translated():
            return self._statements.run(query, self._with(parameters or {}))

    def _with(self, parameters: Parameters) -> Parameters:
        return {
            "organisation": self.scope.organisation,
            "user": self.scope.user,
            **parameters,
        }


@lru_cache(maxsize=1_024)
def changes(query: LiteralString) -> bool:
    return _CHANGES.search(query) is not None


def _key(query: LiteralString, parameters: Parameters) -> object:
    values = parameters.items()
    return query, *((name, tuple(v) if isinstance(v, list) else v) for name, v in values)
