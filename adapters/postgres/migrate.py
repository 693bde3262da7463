"""Bring a database to the newest schema: each file once, in order, forward only.

Each file is a transaction of its own that runs while the previous release is live.  A file that
has been applied never changes again: its checksum is remembered, and another one is refused.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import psycopg
from attrs import field, frozen, validators
from psycopg import sql
from psycopg.rows import tuple_row

from adapters.postgres.errors import (
    InstallationMismatchError,
    MigrationChangedError,
    RolesMissingError,
    translated,
)
from domain.identifiers import InstallationId

GROUPS = (
    "tallystick_migrator",
    "tallystick_app",
    "tallystick_sealer",
    "tallystick_metrics",
    "tallystick_auditor",
    "tallystick_readonly",
)
MONTHS_AHEAD = 3

_LOCK = "SELECT pg_advisory_lock(hashtextextended('tallystick migrations', 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('tallystick migrations', 0))"
_HISTORY = """
CREATE TABLE IF NOT EXISTS public.migrations (
    name text PRIMARY KEY,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""

Connection = psycopg.Connection[tuple[Any, ...]]


@frozen(kw_only=True)
class Login:
    """A role that logs in, for development; elsewhere the operator makes them."""

    name: str
    password: str = field(repr=False)
    group: str = field(validator=validators.in_(GROUPS))


@frozen(kw_only=True)
class Migration:
    name: str
    text: bytes = field(repr=False)

    @property
    def checksum(self) -> bytes:
        return hashlib.sha256(self.text).digest()


def migrate(
    url: str,
    *,
    installation: InstallationId,
    environment: str,
    logins: Sequence[Login] = (),
) -> list[str]:
    """Apply what is missing, make room for the coming months, and name the files applied.

    *url* belongs to a superuser, or to a member of tallystick_migrator in a database where
    ``roles.sql`` has been run.  One caller at a time: the others wait.

    Raises:
        SchemaError: this program must not run on this database; see `adapters.postgres.errors`.
        StoreUnavailableError: no connection, or a table stayed locked for four seconds.
    """
    with translated(), psycopg.connect(url, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute(_LOCK)
        try:
            _prepare_roles(connection, logins)
            applied = [_apply(connection, file) for file in _missing(connection)]
            _claim_installation(connection, installation, environment)
            _prepare_months(connection)
        finally:
            # An error may have closed the connection, and the lock with it.
            if not connection.closed:
                connection.execute(_UNLOCK)
    return applied


def pending(url: str) -> list[str]:
    """Names of the files that the database has yet to see; [] where it is up to date.

    Raises: MigrationChangedError, StoreUnavailableError.
    """
    with (
        translated(),
        psycopg.connect(url, autocommit=True) as connection,
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        return [file.name for file in unapplied(cursor)]


def unapplied(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[Migration]:
    """Raises: MigrationChangedError."""
    cursor.execute("SELECT to_regclass('public.migrations') IS NOT NULL")
    if cursor.fetchone() != (True,):
        return files()
    cursor.execute("SELECT name, checksum FROM public.migrations")
    known = dict(cursor.fetchall())
    missing = []
    for file in files():
        if file.name not in known:
            missing.append(file)
        elif known[file.name] != file.checksum:
            raise MigrationChangedError(f"{file.name} is not the file that was applied")
    return missing


def files() -> list[Migration]:
    folder = resources.files(__package__) / "migrations"
    return sorted(
        (
            Migration(name=file.name, text=file.read_bytes())
            for file in folder.iterdir()
            if file.name.endswith(".sql")
        ),
        key=lambda file: file.name,
    )


def _prepare_roles(connection: Connection, logins: Sequence[Login]) -> None:
    is_superuser = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone() == (True,)
    if is_superuser:
        roles = (resources.files(__package__) / "roles.sql").read_bytes()
        with connection.transaction():
            connection.execute(roles)
            for login in logins:
                _prepare_login(connection, login)
        return
    known = connection.execute(
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", [list(GROUPS)]
    ).fetchone()
    if known != (len(GROUPS),) or logins:
        raise RolesMissingError("run adapters/postgres/roles.sql as a superuser first")


def _prepare_login(connection: Connection, login: Login) -> None:
    """Create the role, or give it this password.  The password itself does not travel."""
    name = sql.Identifier(login.name)
    exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [login.name]).fetchone()
    if exists is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    verifier = connection.pgconn.encrypt_password(
        login.password.encode(), login.name.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier.decode()))
    )
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(login.group), name))


def _missing(connection: Connection) -> list[Migration]:
    with connection.transaction():
        connection.execute("SET LOCAL ROLE tallystick_migrator")
        connection.execute(_HISTORY)
    with connection.cursor(row_factory=tuple_row) as cursor:
        return unapplied(cursor)


def _apply(connection: Connection, file: Migration) -> str:
    with connection.transaction():
        connection.execute("SET LOCAL ROLE tallystick_migrator")
        connection.execute("SET LOCAL lock_timeout = '4s'")
        connection.execute("SET LOCAL statement_timeout = '60s'")
        connection.execute(file.text)
        connection.execute(
            "INSERT INTO public.migrations (name, checksum) VALUES (%s, %s)",
            [file.name, file.checksum],
        )
    return file.name


def _claim_installation(
    connection: Connection, installation: InstallationId, environment: str
) -> None:
    """Write down whose database this is; refuse one that is somebody else's."""
    with connection.transaction():
        connection.execute("SET LOCAL ROLE tallystick_migrator")
        connection.execute(
            "INSERT INTO public.installation (id, environment) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING",
            [installation, environment],
        )
        row = connection.execute("SELECT id, environment FROM public.installation").fetchone()
    if row != (installation, environment):
        msg = f"the database belongs to installation {row}, not to {installation} {environment}"
        raise InstallationMismatchError(msg)


def _prepare_months(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL ROLE tallystick_migrator")
        # Of the database's clock, as all that will be written (ADR 51).
        ((now,),) = connection.execute("SELECT now()").fetchall()
        for month in months(now, MONTHS_AHEAD):
            connection.execute("SELECT narrow.prepare_month(%s::date)", [month])


def months(now: datetime, ahead: int) -> list[str]:
    """First days of the month around *now* and of the *ahead* next, in UTC."""
    instant = now.astimezone(UTC)
    count = instant.year * 12 + instant.month - 1
    return [
        f"{number // 12:04}-{number % 12 + 1:02}-01" for number in range(count, count + ahead + 1)
    ]
