"""Which tokens are looked at: the same as the first function (0012) said, found with less."""

import random
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.adapters.postgres.claiming import drawn, first_text, planned, scans
from tests.contract.subjects.postgres import database
from tests.contract.tenants import NOW

LEASE, AGAIN = timedelta(minutes=5), NOW + timedelta(minutes=1)
IDS = "organisation_id, deployment_id"
SIGNATURE = "narrow.claim_token_watches(timestamptz, integer, interval, timestamptz)"


@pytest.fixture(scope="module")
def server():
    with database() as url:
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute(first_text("0012", "claim_token_watches"))
        yield url


@pytest.fixture
def queue(server):
    """A connection in a transaction that is rolled back, with an empty queue."""
    with psycopg.connect(server) as connection:
        yield Queue(connection)
        connection.rollback()


class Queue:
    def __init__(self, connection):
        self.connection = connection
        # What the rows point to is not looked at by a claim.
        connection.execute("SET LOCAL session_replication_role = replica")

    def put(self, organisation, due_at, *, id=None, lease_until=None):
        self.connection.execute(
            "INSERT INTO token_watches (organisation_id, deployment_id, live, due_at, differences,"
            " lease_token, lease_until) VALUES (%s, %s, false, %s, '[]', %s, %s)",
            [organisation, id or uuid4(), due_at, lease_until and uuid4(), lease_until],
        )

    def claimed(self, at_most, function="claim_token_watches"):
        """In the order in which they are handed out; they stay there."""
        with self.connection.transaction(force_rollback=True):
            found = self.connection.execute(
                f"SELECT {IDS} FROM narrow.{function}(%s, %s, %s, %s)",
                [NOW, at_most, LEASE, AGAIN],
            ).fetchall()
            put_off = self.connection.execute(
                f"SELECT {IDS} FROM token_watches WHERE due_at = %s AND lease_until"
                " BETWEEN clock_timestamp() + interval '4 minutes'"
                " AND clock_timestamp() + interval '5 minutes'",
                [AGAIN],
            ).fetchall()
        assert sorted(put_off) == sorted(found)
        return found


@pytest.mark.parametrize("seed", range(30))
def test_where_nothing_is_locked_the_same_is_handed_out_in_the_same_order(queue, seed):
    for place in drawn(random.Random(seed), queue.connection):
        queue.put(**place)
    for at_most in (0, 1, 2, 3, 5, 8, 16, 100):
        expected = queue.claimed(at_most, "first_claim_token_watches")
        assert queue.claimed(at_most) == expected, at_most


def test_what_few_ask_for_leaves_the_rest_to_who_has_much(queue):
    for _ in range(8):
        queue.put(uuid4(), NOW)
    busy = uuid4()
    for number in range(20):
        queue.put(busy, NOW - timedelta(seconds=number))
    found = Counter(organisation for organisation, _ in queue.claimed(16))
    assert (found[busy], len(found)) == (8, 9)


def test_what_somebody_looks_at_is_passed_over(server):
    with psycopg.connect(server) as connection, psycopg.connect(server) as holder:
        queue, organisation = Queue(connection), uuid4()
        first, second = uuid4(), uuid4()
        try:
            queue.put(organisation, NOW - timedelta(seconds=9), id=first)
            queue.put(organisation, NOW - timedelta(seconds=8), id=second)
            connection.commit()
            holder.execute(
                "SELECT FROM token_watches WHERE deployment_id = %s FOR UPDATE", [first]
            )
            # Who waited for it would fail.
            connection.execute("SET lock_timeout = '2s'")
            assert queue.claimed(1) == [(organisation, second)]
        finally:
            holder.rollback()
            connection.rollback()
            connection.execute("DELETE FROM token_watches")
            connection.commit()


@pytest.mark.parametrize("is_empty", [False, True])
def test_rows_are_found_along_the_queue_and_by_their_places(queue, is_empty):
    """Also where the plan was made while there was nothing: PostgreSQL keeps plans."""
    for number in range(300):
        queue.put(UUID(int=number % 30), NOW - timedelta(seconds=number))
    if is_empty:
        queue.connection.execute("DELETE FROM token_watches")
    queue.connection.execute("ANALYZE token_watches")
    plan = planned(
        queue.connection, SIGNATURE, ["now", "at_most", "lease", "again"], "now(), 1, '5 m', now()"
    )
    found = Counter(scans(plan, "token_watches"))
    # The one within the recursion is told or not.
    assert found["Scan using token_watches_due"] in {3, 4}, plan
    assert set(found) == {"Scan using token_watches_due", "Tid Scan"}, plan
