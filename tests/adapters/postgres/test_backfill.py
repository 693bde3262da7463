"""Migrations that fill in what was not counted before, tried on rows of the time before."""

from importlib import resources
from uuid import UUID

import psycopg
import pytest

from adapters.postgres.migrate import files

ADA = UUID(int=7)
OLD = """
INSERT INTO organisations (id, name, tariff, created_at)
VALUES (%(ada)s, 'Ada', 'free', '2026-01-01');
INSERT INTO wallets (organisation_id) VALUES (%(ada)s);
INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, effective_at,
                  expires_at, fact)
VALUES (%(ada)s, %(plan)s, 'plan', 10, 10, 0, '2026-01-01', '2026-02-01', 'plan:1'),
       (%(ada)s, %(pack)s, 'pack', 40, 10, 10, '2026-01-01', NULL, 'pack:1');
INSERT INTO holds (organisation_id, id, subject, amount, captured, state, held_at, closed_at)
VALUES (%(ada)s, %(hold)s, %(hold)s, 5, 1, 'captured', '2026-01-02', '2026-02-02');
INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
VALUES (%(ada)s, %(hold)s, 1, %(plan)s, 3), (%(ada)s, %(hold)s, 2, %(pack)s, 2);
INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action, hold_id,
                     lot_id, actor)
VALUES (%(ada)s, 1, '2026-02-01', 'available', 'expired', 7, 'credits.expired', NULL, %(plan)s,
        'worker:'),
       (%(ada)s, 2, '2026-02-02', 'held', 'expired', 2, 'credits.expired', %(hold)s, NULL,
        'worker:')
"""


@pytest.fixture
def before(empty_database):
    """A connection to the schema as it was before lots had an end, with rows in it."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute((resources.files("adapters.postgres") / "roles.sql").read_bytes())
        connection.execute("CREATE TABLE migrations (name text)")
        connection.execute("ALTER TABLE migrations OWNER TO tallystick_migrator")
        for file in files():
            if file.name < "0018":
                applied(connection, file)
        names = {"ada": ADA, "plan": UUID(int=1), "pack": UUID(int=2), "hold": UUID(int=3)}
        for statement in OLD.split(";"):
            connection.execute(statement, names)
        yield connection


def applied(connection, file):
    """As `migrate` does it."""
    with connection.transaction():
        connection.execute("SET LOCAL ROLE tallystick_migrator")
        connection.execute(file.text)


def test_what_had_lapsed_is_counted_in_rows_that_the_owner_does_not_see(before):
    assert before.execute("SELECT sum(lapsed) FROM lots").fetchone() == (0,)
    applied(before, next(file for file in files() if file.name.startswith("0018")))
    lapsed = before.execute("SELECT fact, lapsed FROM lots ORDER BY fact").fetchall()
    # Seven expired in the lot; of the three that were held one was captured, so two came too late.
    assert lapsed == [("pack:1", 0), ("plan:1", 9)]
    rights = before.execute(
        "SELECT has_column_privilege('tallystick_narrow', 'lots', 'lapsed', 'UPDATE'),"
        " has_table_privilege('tallystick_narrow', 'journal', 'SELECT')"
    ).fetchone()
    assert rights == (False, False)
