"""A network is upgraded by its nodes, and not by us: what it does not run yet is waited for."""

from datetime import timedelta

import pytest

from adapters.algorand.protocol import AVM_BY_CONSENSUS
from domain.deployment import State
from domain.errors import Refusal
from domain.operation import WaitReason
from domain.token import Token
from tests.adapters.algorand.pretend import a_kind_that_needs
from tests.adapters.pretend import PRETEND
from tests.algod.house import PARAMETERS, a_network
from tests.algod.test_scenarios import creations, lives, waits_for
from tests.application.mortal import Fate

V39 = "https://github.com/algorandfoundation/specs/tree/925a46433742afb0b51bb939354bd907fa88bf95"


@pytest.fixture
def house(house, network, tmp_path):
    """On a chain under v40, with a kind that needs AVM 11."""
    with a_kind_that_needs(11, tmp_path):
        yield house
    network.claim(None)


def a_token(house):
    token = house.chain.token(PRETEND, PARAMETERS)
    assert isinstance(token, Token), token
    return token


def test_a_kind_that_the_chain_runs_is_deployed(house):
    deployment = house.deploy(token=a_token(house))
    lives(house)
    house.is_completed_once(deployment)


@pytest.mark.parametrize("consensus", [V39, "of-tomorrow"])
def test_a_chain_that_is_not_so_far_is_waited_for(house, consensus):
    assert consensus not in AVM_BY_CONSENSUS or AVM_BY_CONSENSUS[consensus] == 10
    house.devnet.claim(consensus)
    deployment = house.deploy(token=a_token(house))
    lives(house, 3)
    waits_for(house, deployment.id, WaitReason.OPERATOR, State.QUEUED)
    assert creations(house, deployment.id) == []
    house.devnet.claim(None)
    house.pass_time(timedelta(minutes=10))
    lives(house)
    house.is_completed_once(deployment)
    assert len(creations(house, deployment.id)) == 1


def test_what_has_no_programs_is_not_kept_waiting(house):
    house.devnet.claim("of-tomorrow")
    deployment = house.deploy()
    lives(house)
    house.is_completed_once(deployment)


def test_bytes_that_were_signed_before_are_sent_whatever_the_node_says_now(house):
    """They land or they do not: only what is signed anew is a question of the protocol."""
    deployment = house.deploy(token=a_token(house))
    for node in house.devnet.nodes:
        node.fault("drop_before", times=None)
    house.life(Fate({}))
    waits_for(house, deployment.id, WaitReason.UNKNOWN_OUTCOME, State.SUBMITTED)
    house.devnet.claim(V39)
    house.heal()
    house.pass_time(timedelta(minutes=1))
    lives(house)
    house.is_completed_once(deployment)
    assert len(creations(house, deployment.id)) == 1


def test_a_window_that_passed_unused_is_not_followed_by_a_signature_for_an_old_chain(house):
    deployment = house.deploy(token=a_token(house))
    for node in house.devnet.nodes:
        node.fault("drop_before", times=None)
    house.life(Fate({}))
    house.devnet.claim(V39)
    house.heal()
    house.window_passes()
    house.pass_time(timedelta(minutes=10))
    lives(house)
    assert len(creations(house, deployment.id)) == 1
    assert house.tokens(deployment.id) == 0
    house.devnet.claim(None)
    house.pass_time(timedelta(minutes=10))
    lives(house)
    house.is_completed_once(deployment)


def test_what_was_accepted_before_the_gate_was_lowered_waits_for_a_person(house):
    deployment = house.deploy(token=a_token(house))
    house.connect(a_network(house.devnet, avm=10))
    assert isinstance(house.chain.token(PRETEND, PARAMETERS), Refusal)
    lives(house, 3)
    waits_for(house, deployment.id, WaitReason.OPERATOR, State.QUEUED)
    assert creations(house, deployment.id) == []
    house.connect(a_network(house.devnet))
    house.pass_time(timedelta(minutes=10))
    lives(house)
    house.is_completed_once(deployment)


def test_a_kind_that_is_not_offered_any_more_is_not_tried_again(house):
    house.refusals.extend([False] * 100)
    deployment = house.deploy(token=a_token(house))
    lives(house, 3)
    house.window_passes()
    lives(house, 3)
    assert house.get(deployment.id).may_retry
    house.connect(a_network(house.devnet, avm=10))
    refusal = house.retry(deployment.id)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, PRETEND in refusal.detail) == ("network_not_ready", True)
