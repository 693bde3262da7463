"""Blocks that vanish before they are final, on a node that mines one each second."""

import time

import pytest

from domain.deployment import State
from domain.network import Finality
from tests.application.mortal import AFTER, Fate
from tests.postgres_and_anvil.house import RealHouse, a_house

DEPTH = 4


class PatientHouse(RealHouse):
    """Its node mines when it will."""

    def mine_if_asked(self):
        self.anvil.call("anvil_mine", hex(DEPTH + 1))


@pytest.fixture(scope="module")
def house(hard_anvil, server_url):
    with a_house(hard_anvil, house=PatientHouse, finality=Finality(depth=DEPTH)) as made:
        yield made


def until_included(house, id):
    for _ in range(100):
        house.life(Fate({}))
        house.leases_run_out()
        house.pass_time(house.chain.network.poll * 100)
        if house.get(id).step.inclusion is not None:
            return
        time.sleep(0.1)
    raise AssertionError(house.get(id))


@pytest.mark.parametrize("die", [False, True])
def test_a_reorg_before_finality_only_opens_the_watch_again(house, die):
    before = house.nonces_used()
    id = house.deploy().id
    until_included(house, id)
    inclusion = house.get(id).step.inclusion
    latest = int(str(house.anvil.call("eth_blockNumber")), 16)
    house.anvil.call("anvil_reorg", latest - inclusion.block.number + 1, [])
    assert house.tokens(id) == 0, "gone with its block"
    assert house.state_of(id) == "Pending"
    schedule = dict.fromkeys((3, 9), AFTER) if die else {}
    fate = Fate(schedule)
    for _ in range(60):
        house.lives_once(fate)
        house.mine_if_asked()
        if house.get(id).state is State.COMPLETED:
            break
    house.is_paid_once(id)
    assert "deployment.block_vanished" in house.actions(id)
    assert house.nonces_used() == before + 1
    house.books_are_right()


def test_nothing_is_captured_before_the_block_is_final(house):
    id = house.deploy().id
    until_included(house, id)
    assert house.sql("SELECT state::text FROM holds WHERE subject = %s", id) == [("held",)]
    house.mine_if_asked()
    for _ in range(20):
        house.lives_once(Fate({}))
        house.mine_if_asked()
        if house.get(id).state is State.COMPLETED:
            break
    house.is_paid_once(id)
