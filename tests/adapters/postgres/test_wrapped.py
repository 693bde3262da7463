"""No table keeps something wrapped that is not wrapped anew when the key changes."""

import psycopg

from tests.contract.subjects.postgres import database

#: What `narrow.wrapped_by_others` goes through.
KNOWN = {"sealed_secrets", "webhook_secrets", "subject_keys", "letters"}


def test_every_table_with_something_wrapped_is_gone_through():
    with database() as url, psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'wrapping'"
        ).fetchall()
        ((source,),) = connection.execute(
            "SELECT prosrc FROM pg_proc WHERE proname = 'wrapped_by_others'"
        ).fetchall()
    assert {name for (name,) in found} == KNOWN
    assert all(f"public.{name}" in source for name in KNOWN)
