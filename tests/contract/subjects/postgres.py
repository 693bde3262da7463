"""The store in PostgreSQL, each time in a fresh database, as the role the application has."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.postgres import connect, metadata, seal_store
from adapters.postgres.migrate import Login, files, migrate
from adapters.postgres.seals import PostgresSealStore
from adapters.postgres.storage import PostgresStore
from application.ports.metadata import MetadataStore
from domain.identifiers import InstallationId

INSTALLATION = InstallationId(UUID("01900000-0000-7000-8000-000000000001"))
APPLICATION = Login(name="tallystick_test_app", password="test", group="tallystick_app")
SEALER = Login(name="tallystick_test_sealer", password="test", group="tallystick_sealer")


@contextlib.contextmanager
def store() -> Iterator[PostgresStore]:
    with database() as url:
        opened = connect(application_url(url), min_size=1, max_size=32)
        opened.open()
        try:
            yield opened
        finally:
            opened.close()


@contextlib.contextmanager
def sealed_store() -> Iterator[tuple[PostgresStore, PostgresSealStore]]:
    with database() as url:
        opened = connect(application_url(url), min_size=1, max_size=8)
        opened.open()
        try:
            yield opened, seal_store(sealer_url(url))
        finally:
            opened.close()


@contextlib.contextmanager
def metadata_store() -> Iterator[MetadataStore]:
    with store() as opened:
        yield metadata(opened, "https://issue.example.com")


@contextlib.contextmanager
def database() -> Iterator[str]:
    """The superuser's URL of a migrated database, copied from one that was migrated before."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        pytest.skip("TEST_DATABASE_URL is not set")
    name = f"store_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as administrator:
        template = _template(administrator, server)
        administrator.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as administrator:
            administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def application_url(url: str) -> str:
    """The same database for a role that is subject to row-level security, as in production."""
    return make_conninfo(url, user=APPLICATION.name, password=APPLICATION.password)


def sealer_url(url: str) -> str:
    """The same database for the role that seals."""
    return make_conninfo(url, user=SEALER.name, password=SEALER.password)


def _template(administrator: psycopg.Connection, server: str) -> str:
    """Made once per server and schema, whoever comes first."""
    schema = hashlib.sha256(b"".join(file.text for file in files())).hexdigest()
    name = f"template_{schema[:12]}"
    administrator.execute("SELECT pg_advisory_lock(hashtext('template'))")
    exists = administrator.execute(
        "SELECT FROM pg_database WHERE datname = %s AND datistemplate", [name]
    ).fetchone()
    if exists is None:
        administrator.execute(f'DROP DATABASE IF EXISTS "{name}"')
        administrator.execute(f'CREATE DATABASE "{name}"')
        migrate(
            make_conninfo(server, dbname=name),
            installation=INSTALLATION,
            environment="test",
            logins=[APPLICATION, SEALER],
        )
        administrator.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE true')
    administrator.execute("SELECT pg_advisory_unlock(hashtext('template'))")
    return name


def age_leases(store: PostgresStore, elapsed: timedelta) -> None:
    """As if *elapsed* had passed on the database's clock, by which leases run."""
    database = conninfo_to_dict(store._pool.conninfo)["dbname"]
    url = make_conninfo(os.environ["TEST_DATABASE_URL"], dbname=database)
    with psycopg.connect(url, autocommit=True) as administrator:
        for table in ("operations", "signers", "token_watches"):
            administrator.execute(
                f"UPDATE {table} SET lease_until = lease_until - %s"
                " WHERE lease_until > clock_timestamp()",
                [elapsed],
            )
