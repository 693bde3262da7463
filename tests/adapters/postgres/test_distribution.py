"""docs/scaling.md says how the schema is laid out by organisation, and what is in the way."""

import re
from pathlib import Path

import psycopg
import pytest

from tests.architecture.house import text_of

PAGE = text_of(Path("docs/scaling.md"))

#: Each table, and whether it has an organisation's rows.
TABLES = """
WITH tables AS (
    SELECT oid AS id, relname::text AS name,
           EXISTS (SELECT
                     FROM pg_attribute
                    WHERE attrelid = pg_class.oid
                      AND attname = 'organisation_id') AS has_tenants
      FROM pg_class
     WHERE relnamespace = 'public'::regnamespace
       AND relkind IN ('r', 'p')
       AND NOT relispartition
),
pointed_at AS (
    SELECT DISTINCT target.id
      FROM pg_constraint
      JOIN tables AS source ON source.id = conrelid AND source.has_tenants
      JOIN tables AS target ON target.id = confrelid AND NOT target.has_tenants
     WHERE contype = 'f'
)
"""
DISTRIBUTED = TABLES + "SELECT name FROM tables WHERE has_tenants"
#: What rows of tenants point at; organisations would be laid out by their own id.
REFERENCE = (
    TABLES + "SELECT name FROM tables JOIN pointed_at USING (id) WHERE name <> 'organisations'"
)
LOCAL = (
    TABLES
    + """
SELECT name FROM tables
 WHERE NOT has_tenants AND id NOT IN (SELECT id FROM pointed_at) AND name <> 'organisations'
"""
)
#: Primary keys that do not begin with the organisation.
OTHER_KEYS = (
    TABLES
    + """
SELECT name
  FROM tables
  JOIN pg_index ON indrelid = id AND indisprimary
  JOIN pg_attribute ON attrelid = id AND attnum = indkey[0]
 WHERE has_tenants AND attname <> 'organisation_id'
"""
)
#: Unique in the whole installation, and not within an organisation.
UNIQUE = (
    TABLES
    + """
SELECT indexrelid::regclass::text
  FROM tables
  JOIN pg_index ON indrelid = id AND indisunique
 WHERE has_tenants
   AND NOT EXISTS (SELECT
                     FROM pg_attribute
                    WHERE attrelid = id
                      AND attname = 'organisation_id'
                      AND attnum = ANY(indkey))
"""
)
TRIGGERS = (
    TABLES
    + """
SELECT DISTINCT name
  FROM tables
  JOIN pg_trigger ON tgrelid = id AND NOT tgisinternal
 WHERE has_tenants
"""
)
#: Foreign keys between tables of tenants by something else than the organisation.
CROSSING_KEYS = (
    TABLES
    + """
SELECT conname::text
  FROM pg_constraint
  JOIN tables AS source ON source.id = conrelid AND source.has_tenants
  JOIN tables AS target ON target.id = confrelid AND target.has_tenants
  JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
 WHERE contype = 'f' AND attname <> 'organisation_id'
"""
)
#: Functions that look past the policies, and are not told of which organisation.
CROSSING = """
SELECT proname::text
  FROM pg_proc
 WHERE pronamespace = 'narrow'::regnamespace
   AND prosecdef
   AND prorettype <> 'trigger'::regtype
   AND NOT 'organisation' = ANY(coalesce(proargnames, '{}'))
"""
LISTS = {
    "Distributed by `organisation_id`": DISTRIBUTED,
    "The same on every server": REFERENCE,
    "On one server": LOCAL,
    "Unique beyond an organisation": UNIQUE,
    "Triggers": TRIGGERS,
    "Statements about all organisations": CROSSING,
}


@pytest.fixture(scope="module")
def asked(url):
    """What a query finds, in order."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda query: sorted(name for (name,) in connection.execute(query).fetchall())


def listed(heading):
    """The names of the first list below it."""
    pattern = rf"^### {re.escape(heading)}\n(.*?)(?=^#|\Z)"
    (section,) = re.findall(pattern, PAGE, re.MULTILINE | re.DOTALL)
    names = section.strip().partition("\n\n")[0]
    return re.findall(r"`([a-z_.]+)`", names)


@pytest.mark.parametrize("heading", LISTS)
def test_a_list_of_the_page_is_what_the_schema_says(asked, heading):
    assert listed(heading) == asked(LISTS[heading])


def test_all_but_sessions_have_the_organisation_first_in_their_key(asked):
    assert asked(OTHER_KEYS) == ["sessions"]


def test_rows_of_tenants_point_at_rows_of_the_same_tenant(asked):
    assert asked(CROSSING_KEYS) == []


def test_every_table_is_in_one_list(asked):
    everything = asked(TABLES + "SELECT name FROM tables")
    named = [name for heading in list(LISTS)[:3] for name in listed(heading)]
    assert sorted([*named, "organisations"]) == everything
