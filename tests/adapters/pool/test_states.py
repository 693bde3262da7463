"""What a token is like is what enough nodes say; that there is none, nobody may contradict."""

import pytest
from attrs import evolve

from application.ports.chain import (
    ChainUnavailableError,
    HistoryUnavailableError,
    SignerChainState,
)
from domain.token import Power, TokenState
from tests.adapters.pool.nodes import INTENT, NO_HISTORY, SILENCE, a_block, saying

HERE = TokenState(
    name="Gold",
    symbol="GLD",
    decimals=2,
    supply=1_000,
    powers={Power.MINT: ("0xaa",)},
    at=a_block(9),
)
LATER = evolve(HERE, at=a_block(11))
#: From a node that has not come as far as the last mint.
BEHIND = evolve(HERE, supply=900, at=a_block(5))
RICHER = evolve(HERE, supply=10**9)
TAKEN_OVER = evolve(HERE, powers={Power.MINT: ("0xee",)})
OTHER_CODE = evolve(HERE, code="00" * 32)

STATES = {
    "one source is enough where one is": ((HERE, RICHER), 1, HERE, 1),
    "two agree": ((HERE, HERE, RICHER), 2, HERE, 2),
    "when it was seen is no part of it": ((LATER, HERE), 2, HERE, 2),
    "when it was seen, the earlier first": ((HERE, LATER), 2, HERE, 2),
    "one lies about the supply": ((RICHER, HERE, HERE), 2, HERE, 3),
    "one lies about the powers": ((TAKEN_OVER, HERE, HERE), 2, HERE, 3),
    "one lies about the code": ((HERE, OTHER_CODE, HERE), 2, HERE, 3),
    "one is behind": ((BEHIND, HERE, LATER), 2, HERE, 3),
    "one has not even seen it made": ((None, HERE, HERE), 2, HERE, 3),
    "one is silent": ((SILENCE, HERE, HERE), 2, HERE, 3),
    "one has forgotten": ((NO_HISTORY, HERE, HERE), 2, HERE, 3),
    "nobody knows it": ((None, None), 2, None, 2),
    "nobody knows it, and one is silent": ((None, SILENCE, None), 2, None, 3),
    "nobody knows it, where one is enough": ((None, None), 1, None, 2),
}
NO_STATE = {
    "another supply": ((HERE, RICHER), "1 of the 2 sources"),
    "one is behind": ((HERE, BEHIND), "1 of the 2 sources"),
    "three accounts": ((HERE, RICHER, TAKEN_OVER), "1 of the 2 sources"),
    "the other is silent": ((HERE, SILENCE), "1 of the 2 sources .*; silence"),
    "the other knows nothing": ((HERE, None), "1 of the 2 sources"),
    "two know nothing, and one has seen it": ((None, HERE, None), "1 of the 2 sources"),
    "nothing, says one of two": ((None, SILENCE), "0 of the 2 sources .*; silence"),
    "nobody answers": ((SILENCE, SILENCE), "^silence; silence$"),
}


@pytest.mark.parametrize(("answers", "min_sources", "told", "asked"), STATES.values(), ids=STATES)
def test_a_token_is_what_enough_nodes_say(answers, min_sources, told, asked):
    pool, nodes = saying("state", answers, min_sources)
    assert pool.state(INTENT.token, "0xbb") == told
    assert sum(node.asked["state"] for node in nodes) == asked


@pytest.mark.parametrize(("answers", "words"), NO_STATE.values(), ids=NO_STATE)
def test_where_too_few_agree_nothing_is_known_of_a_token(answers, words):
    for order in (answers, answers[::-1]):
        pool, _ = saying("state", order, 2)
        with pytest.raises(ChainUnavailableError, match=words) as caught:
            pool.state(INTENT.token, "0xbb")
        assert not isinstance(caught.value, HistoryUnavailableError)


def test_where_too_few_remember_a_token_an_operator_is_needed():
    pool, _ = saying("state", (HERE, NO_HISTORY), 2)
    with pytest.raises(HistoryUnavailableError, match="1 of the 2 sources"):
        pool.state(INTENT.token, "0xbb")


NEAR = SignerChainState(balance=3, next_sequence=2)


class TestASigner:
    """How far an address is, and what it holds: no more than the least of enough sources says."""

    def test_is_no_further_than_the_least_of_them_says(self):
        far, near = (
            SignerChainState(balance=9, next_sequence=10**6),
            SignerChainState(balance=3, next_sequence=2),
        )
        pool, nodes = saying("signer_state", [far, near, far], 2)
        told = pool.signer_state("0xaa")
        assert (told.balance, told.next_sequence) == (3, 2)
        assert [node.asked["signer_state"] for node in nodes] == [1, 1, 0]

    def test_is_nobodys_word_alone(self):
        pool, _ = saying("signer_state", [SILENCE, NEAR], 2)
        with pytest.raises(ChainUnavailableError, match="1 of the 2 sources"):
            pool.signer_state("0xaa")
