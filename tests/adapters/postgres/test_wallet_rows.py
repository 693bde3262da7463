"""What is decided about: the same lots and holds as the first texts found, in the same order."""

import random
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from adapters.postgres.ledger import LEDGER
from application.ports.storage.work import Scope
from tests.adapters.postgres.residents import NOW

#: As they were asked for before each was planned once.
FIRST = {
    "select_lots": """
        SELECT lot.id, lot.source, lot.priority, lot.amount, lot.remaining, lot.lapsed,
               lot.clawed_back, lot.effective_at, lot.expires_at, lot.ended_at, lot.fact,
               lot.root_id, lot.unit_cost_micros, lot.currency
          FROM lots AS lot
         WHERE lot.organisation_id = %(organisation)s
           AND (lot.remaining > 0
                OR lot.id = ANY(%(lots)s::uuid[])
                OR lot.fact = ANY(%(facts)s::text[])
                OR lot.root_id IN (SELECT root.id
                                     FROM lots AS root
                                    WHERE root.organisation_id = %(organisation)s
                                      AND root.fact = ANY(%(facts)s::text[]))
                OR lot.id IN (SELECT portion.lot_id
                                FROM hold_lots AS portion
                               WHERE portion.organisation_id = %(organisation)s
                                 AND portion.hold_id = ANY(%(holds)s::uuid[]))
                OR lot.id IN (SELECT portion.lot_id
                                FROM holds AS hold
                                JOIN hold_lots AS portion
                                  ON portion.organisation_id = hold.organisation_id
                                 AND portion.hold_id = hold.id
                               WHERE hold.organisation_id = %(organisation)s
                                 AND hold.state = 'held'
                                 AND hold.lease_until <= %(now)s))
         ORDER BY lot.id
    """,
    "select_holds": """
        SELECT hold.id, hold.subject, hold.operation, hold.kind_class, hold.member, hold.amount,
               hold.captured, hold.corrected, hold.state, hold.lease_until,
               array_agg(portion.lot_id ORDER BY portion.position) AS portion_lots,
               array_agg(portion.amount ORDER BY portion.position) AS portion_amounts
          FROM holds AS hold
          JOIN hold_lots AS portion
            ON portion.organisation_id = hold.organisation_id
           AND portion.hold_id = hold.id
         WHERE hold.organisation_id = %(organisation)s
           AND (hold.id = ANY(%(holds)s::uuid[])
                OR (hold.state = 'held' AND hold.lease_until <= %(now)s))
         GROUP BY hold.organisation_id, hold.id
         ORDER BY hold.id
    """,
}
#: Of every organisation, so that one has what another asks for.
LOTS = [UUID(int=number) for number in range(1, 13)]
HOLDS = [UUID(int=number) for number in range(101, 113)]
FACTS = [f"pack:{number}" for number in range(12)]
LEASES = [None, *(NOW + timedelta(seconds=each) for each in (-9, -1, 0, 1, 9))]


@pytest.fixture(scope="module")
def administrator(url):
    """Sees the rows of every organisation: nothing but the text keeps it to one."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        # Rows are not what a wallet adds up to.
        connection.execute("SET session_replication_role = replica")
        yield connection


def some(chance, these):
    return chance.sample(these, chance.choice([0, 1, 2, 5, len(these)]))


def put(connection, table, **values):
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", [*values.values()])


def fill(chance, connection, organisation):
    for id, fact in zip(some(chance, LOTS), chance.sample(FACTS, len(FACTS)), strict=False):
        put(
            connection,
            "lots",
            organisation_id=organisation,
            id=id,
            source=chance.choice(["plan", "pack"]),
            priority=chance.randrange(9),
            amount=9,
            remaining=chance.choice([0, 0, 0, 1, 9]),
            effective_at=NOW,
            fact=fact,
            root_id=chance.choice([None, *LOTS]),
        )
    for id in some(chance, HOLDS):
        state = chance.choice(["held", "held", "captured", "released", "expired"])
        put(
            connection,
            "holds",
            organisation_id=organisation,
            id=id,
            subject=uuid4(),
            amount=9,
            captured=0,
            state=state,
            held_at=NOW,
            closed_at=None if state == "held" else NOW,
            lease_until=chance.choice(LEASES),
        )
    for id in HOLDS:
        for position in chance.sample(range(4), chance.choice([0, 1, 1, 2, 4])):
            put(
                connection,
                "hold_lots",
                organisation_id=organisation,
                hold_id=id,
                position=position,
                lot_id=chance.choice(LOTS),
                amount=chance.randrange(1, 9),
            )


def questions(chance):
    for _ in range(6):
        yield {
            "holds": chance.choices([*HOLDS, uuid4()], k=chance.choice([0, 0, 1, 2, 9])),
            "facts": chance.choices([*FACTS, "none"], k=chance.choice([0, 0, 1, 2, 9])),
            "lots": chance.choices([*LOTS, uuid4()], k=chance.choice([0, 0, 1, 2, 9])),
            "now": chance.choice([None, NOW]),
        }


@pytest.mark.parametrize("seed", range(40))
def test_a_wallets_rows_are_what_the_first_texts_found(administrator, store, seed):
    chance, organisation = random.Random(seed), uuid4()
    with administrator.transaction():
        for each in (organisation, uuid4()):
            fill(chance, administrator, each)
    for asked in questions(chance):
        whose = {"organisation": organisation, **asked}
        for name, first in FIRST.items():
            with store.transaction(Scope(organisation=organisation)) as transaction:
                expected = transaction.rows(first, asked)
                assert transaction.rows(LEDGER[name], asked) == expected
            assert administrator.execute(LEDGER[name], whose).fetchall() == expected
