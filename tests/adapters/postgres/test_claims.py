"""What workers are handed: the same as the first function (0007) handed out, found with less."""

import random
import re
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.adapters.postgres.claiming import drawn, first_text, planned, scans
from tests.contract.subjects.postgres import database
from tests.contract.tenants import NOW, at_once

WORKER = UUID(int=7)
LEASE = timedelta(seconds=8)
IDS = "organisation_id, operation_id"
SIGNATURE = "narrow.claim_from_lines(timestamptz, integer, interval, uuid, boolean, text[])"
HARBOUR, MEADOW = "evm:1", "evm:2"


@pytest.fixture(scope="module")
def server():
    """A database whose queue is filled by hand: nothing but the queue is in it."""
    with database() as url:
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute(first_text("0007", "claim_operations"))
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
        connection.execute("SET session_replication_role = replica")

    def put(
        self,
        organisation,
        due_at,
        *,
        id=None,
        lease_until=None,
        network=HARBOUR,
        state="Queued",
        waiting="queued",
    ):
        id = id or uuid4()
        self.connection.execute(
            "INSERT INTO operations (organisation_id, id, kind, network, live, requested_by,"
            " payer, sender, fee_ceiling, credits, accepted_at, state, waiting, due_at,"
            " lease_token, lease_until)"
            " VALUES (%s, %s, 'deployment', %s, false, 'mem_1', 'sponsored', '0x', 0, 0, %s,"
            " %s, %s, %s, %s, %s)",
            [
                organisation,
                id,
                network,
                NOW,
                state,
                waiting,
                due_at,
                lease_until and uuid4(),
                lease_until,
            ],
        )
        return organisation, id

    def claimed(self, at_most, *, queued_first=False, full=(), now=NOW, columns=IDS):
        """In the order in which they are handed out."""
        return self.connection.execute(
            f"SELECT {columns} FROM narrow.claim_from_lines(%s, %s, %s, %s, %s, %s)",
            [now, at_most, LEASE, WORKER, queued_first, list(full)],
        ).fetchall()

    def claimed_by_a_release_before(self, at_most):
        return self.connection.execute(
            f"SELECT {IDS} FROM narrow.claim_operations(%s, %s, %s, %s)",
            [NOW, at_most, LEASE, WORKER],
        ).fetchall()

    def first_claimed(self, at_most, *, besides="false"):
        """What the first function hands out of this queue *besides* some; all stays there."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(f"DELETE FROM operations WHERE {besides}")
            return self.connection.execute(
                f"SELECT {IDS} FROM narrow.first_claim_operations(%s, %s, %s, %s)",
                [NOW, at_most, LEASE, WORKER],
            ).fetchall()


def emptied(server):
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute("DELETE FROM operations")


def filled(queue, seed):
    chance = random.Random(seed)
    states = chance.choice([["Queued"], ["Pending"], ["Queued", "Submitted", "Pending"]])
    for place in drawn(chance, queue.connection):
        queue.put(
            **place,
            network=chance.choice([HARBOUR, MEADOW]),
            state=chance.choice(states),
            waiting=chance.choice(["queued", "queued", "finality", None]),
        )


IN_LINE = "state = 'Queued' AND coalesce(waiting = 'queued', false)"


@pytest.mark.parametrize("seed", range(60))
def test_where_nothing_is_locked_each_of_the_two_is_handed_out_as_ever(queue, seed):
    """Of what is in line, and of all else: the same in the same order, one after the other."""
    filled(queue, seed)
    for at_most in (0, 1, 2, 3, 5, 8, 16, 100):
        for full in ([], [HARBOUR], [HARBOUR, MEADOW]):
            left = f"{IN_LINE} AND network = ANY(ARRAY{full}::text[])"
            in_line = queue.first_claimed(at_most, besides=f"NOT ({IN_LINE}) OR {left}")
            others = queue.first_claimed(at_most, besides=IN_LINE)
            for queued_first, expected in ((True, in_line + others), (False, others + in_line)):
                with queue.connection.transaction(force_rollback=True):
                    found = queue.claimed(at_most, queued_first=queued_first, full=full)
                assert found == expected[:at_most], (at_most, full, queued_first)


@pytest.mark.parametrize("seed", range(20))
def test_a_release_before_is_handed_what_it_was(queue, seed):
    filled(queue, seed)
    for at_most in (0, 1, 3, 8, 100):
        expected = queue.first_claimed(at_most)
        with queue.connection.transaction(force_rollback=True):
            assert queue.claimed_by_a_release_before(at_most) == expected, at_most


def test_who_waits_for_later_takes_nothing_from_who_is_due(queue):
    """As where a hundred organisations' transactions wait for finality, and one has many to do."""
    later = NOW + timedelta(seconds=5)
    for _ in range(100):
        queue.put(uuid4(), later)
    busy = uuid4()
    due = [queue.put(busy, NOW - timedelta(seconds=number)) for number in range(20)]
    assert queue.claimed(8) == due[:-9:-1]


@pytest.mark.parametrize("queued_first", [False, True])
def test_who_asks_in_the_one_part_takes_nothing_from_who_is_in_the_other(queue, queued_first):
    """As where a hundred organisations wait for their turn, and one has many under way."""
    in_line, others = {}, {"state": "Pending", "waiting": "finality"}
    mine, theirs = (in_line, others) if queued_first else (others, in_line)
    for _ in range(100):
        queue.put(uuid4(), NOW - timedelta(hours=1), **theirs)
    busy = uuid4()
    due = [queue.put(busy, NOW - timedelta(seconds=number), **mine) for number in range(20)]
    assert queue.claimed(8, queued_first=queued_first) == due[:-9:-1]


def test_an_organisation_in_many_lines_is_one(queue):
    """What is longest due of it comes first, also where all that is in one of them."""
    organisation = uuid4()
    for number in range(9):
        queue.put(organisation, NOW, network=f"evm:1{number}")
    due = [queue.put(organisation, NOW - timedelta(seconds=1 + number)) for number in range(20)]
    assert queue.claimed(8) == due[:-9:-1]


@pytest.mark.parametrize("organisations", [1, 2, 40])
def test_one_row_that_somebody_holds_on_to_keeps_no_organisation_waiting(server, organisations):
    """A process that hangs in a transaction is ended by the server after five minutes only."""
    with psycopg.connect(server) as connection, psycopg.connect(server) as holder:
        queue = Queue(connection)
        try:
            first, others = [], []
            for _ in range(organisations):
                organisation = uuid4()
                first.append(queue.put(organisation, NOW - timedelta(seconds=9)))
                others.append(queue.put(organisation, NOW - timedelta(seconds=8)))
            connection.commit()
            for each in first:
                holder.execute(
                    "SELECT FROM operations WHERE organisation_id = %s AND id = %s FOR UPDATE",
                    each,
                )
            taken = []
            while claims := queue.claimed(8):
                taken += claims
            assert sorted(taken) == sorted(others)
        finally:
            holder.rollback()
            connection.rollback()
            emptied(server)


def test_workers_that_ask_at_once_are_handed_each_once(server):
    """Also where rows move under them, for others give back what they were handed."""
    with psycopg.connect(server) as connection:
        queue = Queue(connection)
        for number in range(60):
            queue.put(UUID(int=number % 7), NOW - timedelta(seconds=number))
        connection.commit()
    done, later = [], NOW + timedelta(days=1)

    def work():
        with psycopg.connect(server, autocommit=True) as connection:
            queue = Queue(connection)
            while len(done) < 600:
                for claim in queue.claimed(3, now=later, columns=f"{IDS}, token"):
                    given_back = connection.execute(
                        "UPDATE operations SET lease_token = NULL, lease_until = NULL,"
                        " due_at = due_at + interval '1 minute'"
                        " WHERE organisation_id = %s AND id = %s AND lease_token = %s",
                        claim,
                    )
                    assert given_back.rowcount == 1
                    done.append(claim)

    try:
        at_once([work] * 4)
        assert len({claim[:2] for claim in done}) == 60
    finally:
        emptied(server)


def test_an_organisation_with_much_to_do_is_handed_out_whole(queue):
    organisation = uuid4()
    due = [queue.put(organisation, NOW - timedelta(seconds=number)) for number in range(50)]
    taken = []
    while claims := queue.claimed(8):
        taken += claims
    assert taken == due[::-1]


@pytest.mark.parametrize("is_empty", [False, True])
def test_rows_are_found_along_the_queue_and_by_their_places(queue, is_empty):
    """Also where the plan was made while there was nothing: PostgreSQL keeps plans."""
    for number in range(300):
        queue.put(UUID(int=number % 30), NOW - timedelta(seconds=number))
    if is_empty:
        queue.connection.execute("DELETE FROM operations")
    queue.connection.execute("ANALYZE operations")
    names = ["now", "at_most", "lease", "worker", "queued_first", "full_networks"]
    arguments = "now(), 8, '8 s', gen_random_uuid(), false, '{}'"
    plan = planned(queue.connection, SIGNATURE, names, arguments)
    found = Counter(scans(plan, "operations"))
    assert found == {"Scan using operations_due_by_line": 4, "Tid Scan": 2}, plan
    # Each line begins where it begins: what stands before it is not walked through.
    assert len(re.findall(r"Index Cond: \(ROW\(", plan)) == 1, plan
    assert plan.count(" = lines_1.line)") + plan.count(" = due_1.line)") == 2, plan


def test_the_queue_is_in_no_order_that_a_library_of_the_system_gives(queue):
    """Where one is replaced, such an index is walked past what is in it, and nobody hears so."""
    found = queue.connection.execute(
        "SELECT pg_collation.collname FROM pg_index"
        "  JOIN pg_collation ON pg_collation.oid = ANY (indcollation)"
        " WHERE indexrelid = 'operations_due_by_line'::regclass"
    ).fetchall()
    assert found == [("C",)]
