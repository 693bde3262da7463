"""What a worker does for keys: one change that cannot go on stands in nobody's way."""

from types import SimpleNamespace

import pytest
from attrs import evolve

from application.keys.carry_out import CarryOutKeyChange
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.key_change import KeyAction, KeyChangeState
from entrypoints.worker.keys import key_changes
from tests.application.keys import KeyedHouse
from tests.application.mortal import Fate
from tests.application.test_token_operations import changed_account


def looking(house, store=None):
    carry_out = CarryOutKeyChange(
        store=house.store,
        custodians=house.custodians,
        chains=house.chains,
        clock=house.clock,
        identifiers=house.identifiers,
    )
    return key_changes(
        SimpleNamespace(store=lambda: store or house.store, carry_out_key_change=lambda: carry_out)
    )


@pytest.fixture
def houses():
    """Two organisations, each with a change; the first one's account was written to meanwhile."""
    house = KeyedHouse()
    other = house.neighbour()
    damaged = house.change(KeyAction.ROTATE)
    house.change_keys(Fate({}))
    with house.store.begin(house.scope) as work:
        ended = work.key_changes.get(damaged.id)
        work.key_changes.put(evolve(ended, state=KeyChangeState.UNDER_WAY, ended_at=None))
    changed_account(house, key=f"{house.account.key}7")
    return house, damaged, other, other.change(KeyAction.ROTATE)


def test_a_change_that_cannot_be_understood_stops_no_other(houses, caplog):
    house, damaged, other, change = houses
    looking(house)()
    assert house.changed(damaged.id).state is KeyChangeState.UNDER_WAY
    assert other.changed(change.id).state is KeyChangeState.COMPLETED
    assert damaged.named in caplog.text


def test_however_many_wait_those_behind_them_have_their_turn(houses, monkeypatch):
    house, damaged, other, change = houses
    monkeypatch.setattr("entrypoints.worker.keys._BATCH", 1)
    with house.store.begin(Scope()) as work:
        ((_, first),) = work.key_changes.open(1)
    assert first == damaged.id
    looking(house)()
    assert other.changed(change.id).state is KeyChangeState.COMPLETED


def test_a_store_that_is_gone_is_told_to_whoever_looks_again(houses, monkeypatch):
    house, *_ = houses

    def gone(*_):
        raise StoreUnavailableError("no answer")

    monkeypatch.setattr(CarryOutKeyChange, "__call__", gone)
    with pytest.raises(StoreUnavailableError):
        looking(house)()
