"""What is asked under the locks of every deployment is planned once, and found by its keys."""

import re
from uuid import UUID

import psycopg
import pytest

from adapters.postgres.deployments import OPERATIONS
from adapters.postgres.ledger import LEDGER
from adapters.postgres.statements import parsed
from tests.adapters.postgres.claiming import planned, scans
from tests.adapters.postgres.residents import NOW

#: PostgreSQL plans a prepared statement anew so often before it looks whether that pays.
_ANEW = 5
#: Of each: operations, token watches, and holds, of which so many are open.
MANY = 20_000
OPEN = 100

EMPTY = {"holds": [], "facts": [], "lots": [], "now": NOW}
FULL = {
    "holds": [UUID(int=number) for number in range(20)],
    "facts": [f"plan:{number}" for number in range(3)],
    "lots": [UUID(int=number) for number in range(3)],
    "now": NOW,
}
ASKED = {
    "select_lots": (LEDGER["select_lots"], EMPTY, FULL),
    "select_holds": (LEDGER["select_holds"], EMPTY, FULL),
    "lock_operation": (
        OPERATIONS["lock_operation"],
        {"ids": [UUID(int=1)]},
        {"ids": [UUID(int=number) for number in range(20)]},
    ),
}


@pytest.fixture(scope="module")
def busy(url, ada):
    """An organisation that has much of everything."""
    with psycopg.connect(url) as administrator:
        administrator.execute("SET session_replication_role = replica")
        administrator.execute(
            """
            INSERT INTO holds (organisation_id, id, subject, operation, kind_class, member, amount,
                               captured, state, held_at, closed_at, lease_until)
            SELECT %(organisation)s, gen_random_uuid(), gen_random_uuid(), 'premium_call', 'core',
                   'mem_1', 1, (number > %(open)s)::integer,
                   CASE WHEN number > %(open)s THEN 'captured' ELSE 'held' END::hold_state,
                   %(now)s, CASE WHEN number > %(open)s THEN %(now)s END,
                   %(now)s + interval '1 hour'
              FROM generate_series(1, %(many)s) AS number
            """,
            {"organisation": ada.scope.organisation, "now": NOW, "many": MANY, "open": OPEN},
        )
        administrator.execute(
            """
            INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
            SELECT organisation_id, id, 1, gen_random_uuid(), 1
              FROM holds
             WHERE organisation_id = %s AND member = 'mem_1'
            """,
            [ada.scope.organisation],
        )
        administrator.execute(
            """
            INSERT INTO operations
            SELECT (jsonb_populate_record(known, jsonb_build_object(
                       'id', gen_random_uuid(), 'hold_id', gen_random_uuid()
                   ))).*
              FROM operations AS known
             CROSS JOIN generate_series(1, %s)
             WHERE known.id = (SELECT id FROM operations WHERE organisation_id = %s LIMIT 1)
            """,
            [MANY, ada.scope.organisation],
        )
        administrator.execute(
            "INSERT INTO token_watches (organisation_id, deployment_id, live, due_at, differences)"
            " SELECT %s, gen_random_uuid(), false, %s, '[]' FROM generate_series(1, %s)",
            [ada.scope.organisation, NOW, MANY],
        )
        administrator.execute("ANALYZE")
    return ada


@pytest.mark.parametrize("name", ASKED)
def test_it_is_planned_once_whatever_is_asked(single, busy, name):
    query, little, much = ASKED[name]
    with single.transaction(busy.scope) as transaction:
        for number in range(40):
            transaction.rows(query, little if number % 3 else much)
        known = transaction.rows(
            "SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements"
        )
    text = parsed(query).text.decode()
    # An empty list may be sent as one of another type, and is prepared by itself.
    found = [each for each in known if each["statement"] == text]
    assert 1 <= len(found) <= 2
    for each in found:
        assert (each["custom_plans"], each["generic_plans"] >= _ANEW) == (_ANEW, True)


@pytest.mark.parametrize("name", ASKED)
def test_no_value_is_where_the_planner_can_look_into_it(name):
    query, _, _ = ASKED[name]
    assert set(re.findall(r"(?<!\(SELECT )%\((\w+)\)s", query)) == {"organisation"}


@pytest.mark.parametrize("name", ["select_lots", "select_holds"])
def test_what_is_asked_for_is_found_among_many(single, busy, name):
    with single.transaction(busy.scope) as transaction:
        transaction.row("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
        plan = explained(transaction, LEDGER[name], FULL, busy.scope.organisation)
    assert not re.search(r"Seq Scan on (holds|hold_lots)", plan)
    # What is read is what is wanted, and none of the holds that are open.
    read = re.findall(r"(?:Rows Removed by \w+(?: \w+)*: |actual rows=)(\d+)", plan)
    assert max(map(int, read)) <= len(FULL["holds"]) < OPEN, plan


def explained(transaction, query, parameters, organisation):
    values = {**parameters, "organisation": organisation}
    return "\n".join(
        row["QUERY PLAN"]
        for row in transaction.rows(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}", values)
    )


@pytest.fixture
def telling(url):
    """A superuser's connection, and what PostgreSQL tells on it."""
    told = []
    with psycopg.connect(url) as administrator:
        administrator.add_notice_handler(lambda notice: told.append(notice.message_primary))
        yield administrator, told
        administrator.rollback()


def tells_of_plans(connection):
    connection.execute("SET LOCAL log_planner_stats = on")
    connection.execute("SET LOCAL client_min_messages = log")


def test_what_an_operation_promises_is_planned_once(telling, busy):
    administrator, told = telling
    for _ in range(3 * _ANEW):
        administrator.execute(
            "UPDATE slots SET lease = lease WHERE operation_id = %s", [busy.submitted]
        )
        tells_of_plans(administrator)
        administrator.execute("SET CONSTRAINTS ALL IMMEDIATE")
        administrator.rollback()
    assert set(told) == {"PLANNER STATISTICS"}
    # Each question that it asks, and each condition.
    assert len(told) <= 8


IDS = f"'{{{UUID(int=1)}}}'"


@pytest.mark.parametrize(
    "call",
    [
        "claim_from_lines(now(), 16, '1 m', NULL, true, '{}')",
        "claim_token_watches(now(), 16, '1 m', now())",
        "claim_webhooks(now(), 16, '1 m', 4)",
        f"prolong_claims({IDS}, {IDS}, {IDS}, '1 m')",
    ],
)
def test_what_workers_ask_all_day_is_planned_once(telling, busy, call):
    administrator, told = telling
    tells_of_plans(administrator)
    for _ in range(3 * _ANEW):
        administrator.execute(f"SELECT count(*) FROM narrow.{call}", prepare=False)
    administrator.rollback()
    # The question itself is planned each time: nobody has prepared it.
    assert len(told) <= 3 * _ANEW + _ANEW + 1


@pytest.mark.parametrize("is_empty", [False, True])
def test_leases_are_prolonged_by_their_keys(telling, busy, is_empty):
    administrator, _ = telling
    if is_empty:
        administrator.execute("TRUNCATE operations CASCADE")
        administrator.execute("ANALYZE operations")
    signature = "narrow.prolong_claims(uuid[], uuid[], uuid[], interval)"
    names = ["organisations", "operations", "tokens", "lease"]
    plan = planned(administrator, signature, names, "'{}', '{}', '{}', '1 m'")
    found = scans(plan, "operations")
    assert len(found) == 2
    # Both have the key's columns first.
    assert set(found) <= {
        "Scan using operations_pkey",
        "Scan using operations_have_one_mode",
    }
    assert not re.search("Hash|Merge", plan), plan
