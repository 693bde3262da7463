"""One rekey on a database and two nodes, with keys in envelopes, whenever a worker dies."""

import random

import pytest

from domain.deployment import State
from domain.key_change import KeyAction, KeyChangeState
from entrypoints.devnet.algod import devnet
from tests.algod.postgres_house import PostgresAlgodHouse
from tests.algod.test_rekeys import RekeyingOnAlgod
from tests.application.house import PROVING
from tests.application.keys import KeyedHouse
from tests.application.mortal import DEATHS, Fate
from tests.contract.subjects.postgres import database

#: Calls of a healthy worker; see `tests/algod/test_rekeys.py`.
CALLS = 91


class RekeyingOnPostgres(KeyedHouse, PostgresAlgodHouse):
    ruler = RekeyingOnAlgod.ruler
    times_rekeyed = RekeyingOnAlgod.times_rekeyed


@pytest.fixture(scope="module")
def house(server_url):
    with devnet(nodes=2, mode="manual") as network, database() as url:
        made = RekeyingOnPostgres(url, network)
        made.deploy()
        made.lives(Fate({}))
        try:
            yield made
        finally:
            made.store.close()


def test_no_single_death_of_the_worker_changes_the_outcome(house):
    everything = [(call, death) for call in range(CALLS) for death in DEATHS]
    chosen = everything if PROVING else random.sample(everything, 6)
    for number, (call, death) in enumerate(chosen, house.times_rekeyed() + 1):
        before = house.account
        change = house.change(KeyAction.ROTATE)
        house.lives(Fate({call: death}))
        after = house.account
        assert house.changed(change.id).state is KeyChangeState.COMPLETED, (call, death)
        assert (after.address, after.key) == (before.address, house.changed(change.id).key)
        assert house.times_rekeyed() == number, (call, death)
        assert house.ruler() == after.public_key.raw
    issued = house.deploy().id
    house.lives(Fate({}))
    assert house.get(issued).state is State.COMPLETED
    rows = "SELECT count(*) FROM key_changes WHERE state <> 'completed'"
    assert house.sql(rows) == [(0,)]
