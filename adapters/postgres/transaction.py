"""One database transaction, as the repositories use it."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, LiteralString

from attrs import define, field
from psycopg.rows import DictRow

from adapters.postgres.errors import translated
from adapters.postgres.statements import Found, Parameters, Statement
from application.ports.storage.work import Lock, LockSequence, Scope, StoreUnavailableError
from domain.errors import LockOrderError, MisuseError

#: Of statements that write, or wait for somebody who may have written; also through a function.
_CHANGES = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|FOR (?:KEY )?SHARE|LOCK TABLE"
    r"|narrow\.|keep_turn|pg_\w*advisory\w*)"
)

#: Raises where what was found must not be.
Check = Callable[[list[Found]], None]


@define(eq=False)
class Transaction:
    """Every query gets ``%(organisation)s`` and ``%(user)s`` of the scope."""

    #: Sends statements in one message, and tells what each found.
    _ask: Callable[[Sequence[Statement]], list[Found]]
    scope: Scope
    _locks: LockSequence = field(factory=LockSequence)
    _newest: dict[Lock, Any] = field(factory=dict)
    #: What `read` has found since anything here wrote or waited.
    _known: dict[object, list[DictRow]] = field(factory=dict)
    #: What is written before anything else is asked.
    _later: list[tuple[list[Statement], Check | None]] = field(factory=list)
    #: What was asked last went wrong, and what had been left for later is lost with it.
    _has_failed: bool = False
    _is_over: bool = False

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

    def know(self, statement: Statement, rows: list[DictRow]) -> None:
        """*rows* are what *statement* would find: they were found another way just now."""
        self._known[_key(*statement)] = rows

    def change(self, query: LiteralString, parameters: Parameters | None = None) -> int:
        """How many rows it touched."""
        return self._run(query, parameters).rowcount

    def update(self, what: object, query: LiteralString, parameters: Parameters) -> None:
        """Change the one row of *what*.  Raises: MisuseError: there is none in the scope."""
        if self.change(query, parameters) != 1:
            raise MisuseError(f"there is no {what} in {self.scope}")

    def batch(self, statements: Sequence[Statement]) -> list[Found]:
        """All of them in order, in one round trip; each sees what those before it did.

        Whatever goes wrong, nothing of the transaction is kept, also where the server knows of no
        fault.
        """
        if any(changes(query) for query, _ in statements):
            self._known.clear()
        self._must_be_open()
        left, checks = self._taken()
        try:
            with translated():
                found = self._ask([*left, *((query, self._with(p)) for query, p in statements)])
            for first, last, check in checks:
                check(found[first:last])
        except BaseException:
            self._has_failed = True
            raise
        return found[len(left) :]

    def write(self, query: LiteralString, parameters: Parameters | None = None) -> None:
        """One statement, `later`: nobody reads what it tells, nor how many rows it touched."""
        self.later([(query, parameters or {})])

    def later(self, statements: Iterable[Statement], check: Check | None = None) -> None:
        """Write this with what is asked next, or with the end; whatever fails is told then.

        *check* is told what came of it, before anything is committed: it raises where that must
        not be.
        """
        self._must_be_open()
        self._known.clear()
        self._later.append(([(query, self._with(given)) for query, given in statements], check))

    def last(self) -> list[Statement]:
        """What is still to be written, and goes with the end.

        Raises: StoreUnavailableError: something failed before, whoever was told of it.
        """
        self._must_be_open()
        if any(check is not None for _, check in self._later):
            self.batch([])
        return self._taken()[0]

    def close(self) -> None:
        """Nothing is asked any more, nor written."""
        self._is_over = True

    def _must_be_open(self) -> None:
        if self._is_over:
            raise MisuseError("this transaction is over")
        if self._has_failed:
            raise StoreUnavailableError("it failed before: nothing was committed")

    def _taken(self) -> tuple[list[Statement], list[tuple[int, int, Check]]]:
        """What was left for later, and of which part of it what is checked."""
        left: list[Statement] = []
        checks: list[tuple[int, int, Check]] = []
        for statements, check in self._later:
            first = len(left)
            left += statements
            if check is not None:
                checks.append((first, len(left), check))
        self._later.clear()
        return left, checks

    def _run(self, query: LiteralString, parameters: Parameters | None) -> Found:
        (found,) = self.batch([(query, parameters or {})])
        return found

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
