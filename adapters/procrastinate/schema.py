"""Procrastinate's own schema, installed once, owned by the migrator, used by the application."""

import psycopg
from procrastinate.schema import SchemaManager
from psycopg.rows import tuple_row

SCHEMA = "procrastinate"

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('tallystick procrastinate', 0))"
_ALL_TABLES = "ON ALL TABLES IN SCHEMA procrastinate"
_EXISTS = "SELECT to_regclass('procrastinate.procrastinate_jobs') IS NOT NULL"


def install(url: str) -> bool:
    """Create the queue's schema where it is missing; tell whether it was.

    *url* belongs to a superuser or to a member of tallystick_migrator.
    """
    with psycopg.connect(url, row_factory=tuple_row) as connection:
        connection.execute(_LOCK)
        if connection.execute(_EXISTS).fetchone() == (True,):
            return False
        connection.execute("SET LOCAL ROLE tallystick_migrator")
        connection.execute("CREATE SCHEMA procrastinate")
        connection.execute("SET LOCAL search_path = procrastinate")
        connection.execute(SchemaManager.get_schema().encode())
        for grant in (
            "GRANT USAGE ON SCHEMA procrastinate TO tallystick_app",
            f"GRANT SELECT, INSERT, UPDATE, DELETE {_ALL_TABLES} TO tallystick_app",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA procrastinate TO tallystick_app",
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA procrastinate TO tallystick_app",
        ):
            connection.execute(grant.encode())
    return True


def is_installed(url: str) -> bool:
    with psycopg.connect(url, row_factory=tuple_row) as connection:
        return connection.execute(_EXISTS).fetchone() == (True,)
