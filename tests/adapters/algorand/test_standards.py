"""A standard is one folder: it is found, offered, validated and listed, and nothing names it."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adapters.algorand import connect, protocol
from adapters.algorand.standards import kinds
from domain.errors import Refusal
from domain.network import HIGHEST_AVM
from domain.token import Token
from tests.adapters.algorand.canned import GENESIS, NETWORK
from tests.adapters.algorand.on_devnet.world import FUNGIBLE, PARAMETERS, a_network
from tests.adapters.algorand.pretend import a_kind_that_needs
from tests.adapters.algorand.test_node import INSTALLATION
from tests.adapters.pretend import PRETEND

TOKEN = PARAMETERS[FUNGIBLE]


def chain_of(node, **changes):
    network = evolve(a_network(NETWORK, GENESIS), **changes)
    return connect(network, node.endpoint, INSTALLATION)


@pytest.fixture
def chain(node):
    return chain_of(node)


@pytest.fixture
def pretend(tmp_path):
    with a_kind_that_needs(None, tmp_path):
        yield


def names(chain):
    return [each.kind for each in chain.kinds()]


def test_without_the_folder_there_is_no_such_kind(chain):
    assert PRETEND not in names(chain)
    refusal = chain.token(PRETEND, TOKEN)
    assert isinstance(refusal, Refusal)
    assert [(each.pointer, each.code) for each in refusal.faults] == [("", "unknown_kind")]
    assert "asa_ft" in refusal.detail


def test_a_new_standard_is_offered_beside_the_others(chain, pretend):
    assert names(chain)[-1] == PRETEND
    assert "asa_ft" in names(chain)
    (description,) = [each for each in chain.kinds() if each.kind == PRETEND]
    assert description.standard == "Pretend"


def test_a_new_standard_says_what_is_wrong_with_a_token(chain, pretend):
    made = chain.token(PRETEND, TOKEN)
    assert isinstance(made, Token)
    assert made.kind == PRETEND
    assert chain.stored_token(PRETEND, made.parameters) == made
    refusal = chain.token(PRETEND, TOKEN | {"total": 5, "colour": "red"})
    assert [each.pointer for each in refusal.faults] == ["/total", "/colour"]


def test_what_was_pretended_is_gone_afterwards(chain, tmp_path):
    before = names(chain)
    with a_kind_that_needs(None, tmp_path):
        assert names(chain) != before
    assert names(chain) == before


class TestTheGate:
    """Which programs the network's file allows."""

    def test_keeps_out_a_kind_that_needs_more(self, node, tmp_path):
        with a_kind_that_needs(11, tmp_path):
            chain = chain_of(node, avm=10, name="Aramid")
            assert PRETEND not in names(chain)
            refusal = chain.token(PRETEND, TOKEN)
        (fault,) = refusal.faults
        assert (refusal.code, fault.pointer, fault.code) == ("invalid_token", "", "unknown_kind")
        assert "needs AVM 11, and Aramid is configured to run up to 10" in fault.message
        assert "asa_ft, asa_nft, asa_fnft" in fault.message

    def test_of_a_network_without_programs_keeps_out_all_of_them(self, node, tmp_path):
        with a_kind_that_needs(1, tmp_path):
            chain = chain_of(node, avm=None)
            assert PRETEND not in names(chain)
            assert "run none" in chain.token(PRETEND, TOKEN).detail

    def test_is_none_for_what_has_no_programs(self, node, pretend):
        chain = chain_of(node, avm=None)
        assert PRETEND in names(chain)
        assert isinstance(chain.token(PRETEND, TOKEN), Token)

    def test_keeps_nobody_from_what_was_accepted_before_it(self, node, tmp_path):
        """It is told to wait, not forgotten: see `test_protocol`."""
        with a_kind_that_needs(11, tmp_path):
            token = chain_of(node, avm=11).token(PRETEND, TOKEN)
            assert chain_of(node, avm=10).stored_token(PRETEND, token.parameters) == token

    @given(needed=st.integers(1, HIGHEST_AVM), gate=st.none() | st.integers(1, HIGHEST_AVM))
    def test_is_the_highest_that_is_let_through(self, needed, gate):
        network = evolve(a_network(NETWORK, GENESIS), avm=gate)

        class Needy:
            name, needs_avm = PRETEND, needed

        found = protocol.offered({**kinds(), PRETEND: Needy()}, network)
        assert (PRETEND in found) == (gate is not None and needed <= gate)
        assert {name for name, kind in kinds().items() if kind.needs_avm is None} <= set(found)

    @pytest.mark.parametrize("avm", [0, HIGHEST_AVM + 1])
    def test_is_a_version_that_there_is(self, avm):
        with pytest.raises(ValueError):
            evolve(a_network(NETWORK, GENESIS), avm=avm)
