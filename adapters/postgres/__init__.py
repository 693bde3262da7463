"""The store in PostgreSQL 15 or later.

Plain SQL in ``sql/``, schema history in ``migrations/``, roles in ``roles.sql``.  One transaction
is one `begin`; the scope it names is enforced twice, by the queries and by row-level security.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.postgres.books import PostgresBooks
    from adapters.postgres.documents import PostgresMetadata
    from adapters.postgres.figures import PostgresFigures
    from adapters.postgres.retention import PostgresPartitions
    from adapters.postgres.seals import PostgresSealStore
    from adapters.postgres.storage import PostgresStore

#: How long a caller waits for a connection before it is told that there is none.
WAIT_SECONDS = 5.0
#: And for a row that somebody else has locked, as the memory does.
LOCK_TIMEOUT_SECONDS = 20
#: How long a transaction may wait for a process that has been stopped, or hangs: nothing of the
#: whole cluster is sealed meanwhile.
IDLE_TIMEOUT_SECONDS = 300


def connect(url: str, *, min_size: int, max_size: int) -> "PostgresStore":
    """A store that is not open yet.  *url* belongs to a member of tallystick_app."""
    # Imported here: the command line must not load psycopg to print its help.
    from msgspec import json  # noqa: PLC0415
    from psycopg import Connection  # noqa: PLC0415
    from psycopg.rows import DictRow, dict_row  # noqa: PLC0415
    from psycopg.types.json import set_json_loads  # noqa: PLC0415
    from psycopg_pool import ConnectionPool  # noqa: PLC0415

    from adapters.postgres.storage import PostgresStore  # noqa: PLC0415

    def configure(connection: Connection[DictRow]) -> None:
        set_json_loads(json.decode, connection)
        connection.execute("SET TimeZone TO 'UTC'")
        # Whoever waits longer for a row hears that the store is unavailable, and may ask again.
        connection.execute(f"SET lock_timeout TO '{LOCK_TIMEOUT_SECONDS}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout TO '{IDLE_TIMEOUT_SECONDS}s'")
        connection.commit()

    return PostgresStore(
        ConnectionPool(
            url,
            connection_class=Connection[DictRow],
            # What is prepared, `statements` prepares.
            kwargs={"row_factory": dict_row, "prepare_threshold": None},
            min_size=min_size,
            max_size=max_size,
            timeout=WAIT_SECONDS,
            configure=configure,
            open=False,
            name="tallystick",
        )
    )


def metadata(store: "PostgresStore", base_url: str) -> "PostgresMetadata":
    """Documents in *store*'s database, at ``<base_url>/m/…``."""
    from adapters.postgres.documents import PostgresMetadata  # noqa: PLC0415 - as above

    return PostgresMetadata(store, base_url)


def open_books(url: str) -> "PostgresBooks":
    """The books, for an audit.  *url* belongs to a member of tallystick_readonly or _app."""
    from adapters.postgres.books import PostgresBooks  # noqa: PLC0415 - as above

    return PostgresBooks(url)


def seal_store(url: str) -> "PostgresSealStore":
    """What seals audit events.  *url* belongs to a member of tallystick_sealer."""
    from adapters.postgres.seals import PostgresSealStore  # noqa: PLC0415 - as above

    return PostgresSealStore(url)


def open_figures(url: str) -> "PostgresFigures":
    """How full the queues are.  *url* belongs to a member of tallystick_metrics."""
    from adapters.postgres.figures import PostgresFigures  # noqa: PLC0415 - as above

    return PostgresFigures(url)


def open_partitions(url: str | None) -> "PostgresPartitions":
    """What drops months.  *url* belongs to a member of tallystick_migrator; None: nobody may."""
    from adapters.postgres.retention import PostgresPartitions  # noqa: PLC0415 - as above

    return PostgresPartitions(url)
