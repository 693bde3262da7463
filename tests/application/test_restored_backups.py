"""After a restore from an older backup the chain is the judge, wherever the backup was taken."""

import copy
from datetime import timedelta

import pytest

from application.ports.storage.work import Scope
from tests.application.house import House, State


def snapshot(house):
    return copy.deepcopy({name: getattr(house.store, name) for name in TABLES})


def restore(house, saved):
    for name, tables in saved.items():
        setattr(house.store, name, tables)


TABLES = ("_access", "_accounts", "_audit", "_deployments", "_idempotency", "_ledger")


@pytest.mark.parametrize("acts", range(8))
def test_a_backup_from_between_any_two_acts_leads_to_the_same_token(acts):
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    for _ in range(acts):
        house.advance().step(claim)
    with house.store.begin(Scope()) as work:
        work.claims.give_back([claim])
    saved = snapshot(house)
    house.work_until_done()
    address = house.get(id).result
    restore(house, saved)
    house.clock.advance(timedelta(minutes=5))
    house.work(4)
    house.resume()
    house.work_until_done()
    again = house.get(id)
    assert (again.state, again.result) == (State.COMPLETED, address)
    assert house.tokens(id) == 1
    assert (house.wallet.available, house.wallet.held) == (20, 0)
