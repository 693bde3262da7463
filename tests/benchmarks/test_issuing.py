"""Deployments are counted by the chains and the books, and what is missing there is told."""

import psycopg
import pytest

from benchmarks.issuing import carried, differences

COUNT = 4
#: Each contract at another address; and back again.
ELSEWHERE = """
UPDATE operations SET result = '0x' || reverse(substr(result, 3)) WHERE result LIKE '0x%'
"""


@pytest.fixture(scope="module")
def done(place):
    """What was found of a few."""
    return carried(place, COUNT, lambda _: None)


def test_all_are_completed_and_what_it_took_is_told(place, done):
    assert (done["count"], done["errors"]) == (COUNT, 0)
    assert set(done["resident_megabytes"]) == {"serve", "work-0"}
    assert set(done["processor_seconds"]) == {"serve", "work-0", "anvil", "algod"}
    assert all(each > 0 for each in done["resident_megabytes"].values())


def test_chains_and_books_agree_with_what_the_api_tells(place, done):
    assert list(differences(place)) == []


@pytest.mark.parametrize(
    ("forge", "undo"),
    [
        (
            "UPDATE wallets SET available = available + 1",
            "UPDATE wallets SET available = available - 1",
        ),
        (ELSEWHERE, ELSEWHERE),
        (
            "UPDATE operations SET result = '1' || result WHERE result NOT LIKE '0x%'",
            "UPDATE operations SET result = substr(result, 2) WHERE result NOT LIKE '0x%'",
        ),
        (
            "UPDATE audit_events SET action = 'x' || action WHERE action = 'deployment.completed'",
            "UPDATE audit_events SET action = 'deployment.completed' WHERE action LIKE 'x%'",
        ),
    ],
    ids=["credits", "contracts", "assets", "trail"],
)
def test_what_is_not_so_is_told(place, done, forge, undo):
    assert done["count"] == COUNT
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(forge)
        try:
            assert list(differences(place)) != []
        finally:
            connection.execute(undo)
