"""The main job with nothing that a node must be told: it runs on any, on one's own as well.

See `tests/own_node.py`.  Rounds pass with what is sent, or with time.
"""

import random

import pytest

from domain.deployment import State
from domain.operation import SlotState
from tests.algod.house import PARAMETERS, AlgodHouse
from tests.application.house import PROVING, states
from tests.application.mortal import DEATHS, Death, Fate

#: Pays for one deployment of a new issuer, with a little left; in microalgos.
FUNDS = 350_000
#: And this for a token that is an application, and a mint for somebody new; most of it stays.
CONTRACT_FUNDS = 900_000
#: As narrow as a window may be: on a public network a test waits for its end.
WINDOW = 20
#: Of a healthy worker.
CALLS = 55
SAMPLE = 40 if PROVING else 8


@pytest.fixture
def new_house(any_network):
    return lambda: AlgodHouse(any_network, funds=FUNDS, window=WINDOW)


class DiesBeforeSending(Fate):
    def __call__(self, name, function, *arguments):
        if name == "submit":
            raise Death(name)
        return super().__call__(name, function, *arguments)


def is_made_once(house, id):
    house.is_completed_once(house.get(id))
    owner = house.get(id).owner
    assert len([each for each in house.devnet.ledger.assets() if each.creator == owner]) == 1
    assert house.credits == (20, 0, 5)


def test_a_deployment_from_end_to_end(new_house):
    house = new_house()
    id = house.deploy().id
    house.lives(Fate({}))
    is_made_once(house, id)
    (asset,) = house.assets(id)
    made = asset.parameters
    assert (made.name, made.unit_name) == (PARAMETERS["name"], PARAMETERS["unit_name"])
    assert (made.decimals, str(made.total)) == (PARAMETERS["decimals"], PARAMETERS["total"])
    (attempt,) = house.get(id).step.attempts
    assert asset.txid == attempt.transaction_id
    assert asset.round == house.get(id).step.inclusion.block.number
    assert states(house.events(id)) == [
        "Submitted",
        "Pending",
        "Confirmed",
        "Indexed",
        "Completed",
    ]


def test_a_token_of_two_steps_and_a_mint_from_end_to_end(any_network):
    house = AlgodHouse(any_network, funds=CONTRACT_FUNDS, window=WINDOW)
    token = house.issue()
    minted = house.operate(token.id)
    house.lives(Fate({}))
    house.is_intact()
    assert house.get(minted.id).state is State.COMPLETED, house.get(minted.id).failure
    assert house.supply(token) == 1_000 + 250
    for each in (token, house.get(minted.id)):
        attempts = [step.attempts for step in each.steps]
        assert [len(made) for made in attempts] == [1] * len(each.steps)
        assert [call.txid for call in house.calls(each)] == [
            made[0].transaction_id for made in attempts
        ]
    state = house.chain.state(token.token, token.result)
    assert (state.supply, state.paused) == (1_250, False)
    assert house.credits == (19, 0, 6)


def test_no_single_death_of_the_worker_changes_the_outcome(new_house):
    everything = [(call, death) for call in range(CALLS) for death in DEATHS]
    for call, death in random.sample(everything, SAMPLE):
        house = new_house()
        id = house.deploy().id
        house.lives(Fate({call: death}))
        is_made_once(house, id)


def test_what_was_signed_and_not_sent_in_its_window_is_signed_again_in_a_later_one(new_house):
    house = new_house()
    id = house.deploy().id
    while house.get(id).state is State.QUEUED:
        house.lives_once(DiesBeforeSending({}))
    house.window_passes()
    house.lives(Fate({}))
    first, second = house.get(id).step.slots
    assert (first.state, second.state) == (SlotState.EXPIRED, SlotState.USED)
    assert first.valid_until < second.valid_until
    assert len(first.attempts) == len(second.attempts) == 1
    is_made_once(house, id)
