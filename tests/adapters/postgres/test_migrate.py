"""Bringing a database up to date: once, in order, by one at a time, and only one's own."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve
from psycopg.conninfo import make_conninfo

from adapters.postgres import connect
from adapters.postgres.errors import InstallationMismatchError, MigrationChangedError
from adapters.postgres.migrate import Login, files, migrate, pending
from application.ports.storage.work import Scope
from tests.adapters.postgres.residents import Resident, draft
from tests.contract.subjects.postgres import INSTALLATION, application_url

NAMES = [file.name for file in files()]
#: Rules that do not fit, and why.
EXCUSED = {
    # migrate() sets both, for all files alike.
    "require-lock-timeout",
    "require-statement-timeout",
    # Steps, positions, priorities and decimals are few; whatever grows is bigint.
    "prefer-bigint-over-int",
}


def bring_up(url, **changes):
    return migrate(url, **{"installation": INSTALLATION, "environment": "test", **changes})


def test_each_file_is_applied_once(empty_database):
    assert pending(empty_database) == NAMES
    assert bring_up(empty_database) == NAMES
    assert bring_up(empty_database) == []
    assert pending(empty_database) == []


def test_several_at_once_apply_each_file_once(empty_database):
    with ThreadPoolExecutor(6) as threads:
        applied = list(threads.map(lambda _: bring_up(empty_database), range(6)))
    assert sorted(applied) == [[]] * 5 + [NAMES]


def test_several_databases_of_one_server_at_once(new_database):
    with new_database() as one, new_database() as other, ThreadPoolExecutor(2) as threads:
        assert list(threads.map(bring_up, [one, other])) == [NAMES, NAMES]


def test_a_file_that_changed_after_it_was_applied_is_refused(empty_database):
    bring_up(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("UPDATE migrations SET checksum = '' WHERE name = %s", [NAMES[2]])
    with pytest.raises(MigrationChangedError, match=NAMES[2]):
        bring_up(empty_database)
    with pytest.raises(MigrationChangedError, match=NAMES[2]):
        pending(empty_database)


@pytest.mark.parametrize("other", [{"installation": uuid4()}, {"environment": "production"}])
def test_another_installations_database_is_refused(empty_database, other):
    bring_up(empty_database)
    with pytest.raises(InstallationMismatchError):
        bring_up(empty_database, **other)


def test_a_member_of_the_migrator_may_do_it_once_the_roles_are_there(empty_database):
    migrator = Login(name="tallystick_test_migrator", password="test", group="tallystick_migrator")
    bring_up(empty_database, logins=[migrator])
    url = make_conninfo(empty_database, user=migrator.name, password=migrator.password)
    with psycopg.connect(empty_database) as connection:
        connection.execute("DROP SCHEMA narrow CASCADE")
        connection.execute("DROP OWNED BY tallystick_app")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("GRANT USAGE, CREATE ON SCHEMA public TO tallystick_migrator")
        connection.execute("GRANT USAGE ON SCHEMA public TO tallystick_narrow")
    assert bring_up(url) == NAMES


def test_the_store_tells_whose_database_it_is(store):
    store.ping()
    assert store.pending() == []
    installation = store.installation()
    assert (installation.id, installation.environment) == (INSTALLATION, "test")


def test_the_store_tells_the_databases_instant(store):
    # Of this machine, so of its clock.
    before = datetime.now(UTC)
    instant = store.instant()
    assert before <= instant <= datetime.now(UTC)
    assert instant.tzinfo is UTC


def test_a_log_in_role_gets_its_password_without_sending_it(empty_database):
    login = Login(name="tallystick_test_reader", password="s3cret!", group="tallystick_readonly")
    bring_up(empty_database, logins=[login])
    with psycopg.connect(empty_database) as connection:
        (stored,) = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [login.name]
        ).fetchone()
    assert stored.startswith("SCRAM-SHA-256$")
    assert "s3cret" not in repr(login)


def partitions_of(url, table):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            [table],
        )
        return {name for (name,) in rows}


def test_the_coming_months_have_room(url, store):
    with store.begin(Scope()) as work:
        work.audit.prepare_months(datetime(2030, 11, 30, 23, 59, tzinfo=UTC), ahead=2)
        work.audit.prepare_months(datetime(2030, 11, 1, tzinfo=UTC), ahead=1)
    for table in ("journal", "audit_events"):
        expected = {f"{table}_2030_11", f"{table}_2030_12", f"{table}_2031_01"}
        assert expected <= partitions_of(url, table)


class LongAgo(datetime):
    """A machine whose clock is wrong."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2001, 9, 9, tzinfo=tz)


def test_which_months_are_coming_is_for_the_databases_clock(empty_database, monkeypatch):
    """Whatever has no month of its own stays in none, and one too early keeps others there."""
    monkeypatch.setattr("adapters.postgres.migrate.datetime", LongAgo)
    bring_up(empty_database)
    with psycopg.connect(empty_database) as connection:
        here = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')"
        (now,) = connection.execute(here).fetchone()
    for table in ("journal", "audit_events"):
        there = partitions_of(empty_database, table)
        assert min(there) == f"{table}_{now}"
        # The coming three, and the one for all others.
        assert len(there) == 5


def test_several_may_prepare_the_same_month(url, store):
    def prepare(_):
        with store.begin(Scope()) as work:
            work.audit.prepare_months(datetime(2032, 5, 1, tzinfo=UTC), ahead=3)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(prepare, range(8)))
    assert "journal_2032_08" in partitions_of(url, "journal")


def test_a_month_that_nobody_prepared_is_kept_all_the_same(url, store, ada):
    at = datetime(2040, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    with store.begin(ada.scope) as work:
        work.audit.append(evolve(draft(ada.organisation, subject="late"), at=at))
    with store.begin(Scope()) as work:
        work.audit.prepare_months(at, ahead=1)
    with store.begin(ada.scope) as work:
        work.audit.append(
            evolve(draft(ada.organisation, subject="late"), at=at + timedelta(seconds=1))
        )
        assert len(work.audit.of_subject("late")) == 2
    assert "audit_events_2040_01" not in partitions_of(url, "audit_events")
    assert "audit_events_2040_02" in partitions_of(url, "audit_events")


def test_a_month_begins_at_midnight_in_greenwich(url, store, ada):
    first = datetime(2035, 3, 1, tzinfo=UTC)
    with store.begin(Scope()) as work:
        work.audit.prepare_months(first, ahead=0)
    with store.begin(ada.scope) as work:
        for at in (first - timedelta(microseconds=1), first):
            work.audit.append(evolve(draft(ada.organisation, subject="border"), at=at))
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT tableoid::regclass::text FROM audit_events"
            " WHERE subject = 'border' ORDER BY at"
        ).fetchall()
    assert rows == [("audit_events_default",), ("audit_events_2035_03",)]


def test_a_resident_moves_into_a_freshly_migrated_database(empty_database):
    login = Login(name="tallystick_test_app", password="test", group="tallystick_app")
    bring_up(empty_database, logins=[login])
    store = connect(application_url(empty_database), min_size=1, max_size=2)
    store.open()
    try:
        assert Resident.move_in(store, "ada@example.com").organisation
    finally:
        store.close()


def test_squawk_has_nothing_to_say():
    squawk = shutil.which("squawk", path=os.pathsep.join([str(Path(sys.executable).parent)]))
    if squawk is None:
        pytest.skip("squawk is not installed")
    folder = Path(__file__).parents[3] / "adapters" / "postgres" / "migrations"
    answer = subprocess.run(
        [
            squawk,
            "--reporter=json",
            "--pg-version=15",
            "--assume-in-transaction",
            *(f"--exclude={rule}" for rule in sorted(EXCUSED)),
            *sorted(str(file) for file in folder.glob("*.sql")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode in {0, 1}, answer.stderr
    issues = json.loads(answer.stdout)
    assert [(issue["file"], issue["line"], issue["rule_name"]) for issue in issues] == []
