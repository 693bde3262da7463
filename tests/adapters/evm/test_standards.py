"""A standard is one folder: it is found, offered, validated and listed, and nothing names it."""

from datetime import timedelta
from uuid import UUID

import pytest

from adapters.evm import standards
from adapters.evm.chain import EvmChain
from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.identifiers import InstallationId
from domain.network import Finality
from domain.token import Token
from tests.adapters.evm.on_anvil.world import a_network
from tests.adapters.pretend import PRETEND, a_standard

TOKEN = {"name": "Hazel", "symbol": "HZL", "supply": "1000"}
SOURCE = f'''
"""ERC-20 by another name."""

from attrs import evolve

from adapters.evm.kind import Kind
from adapters.evm.standards.erc20 import KINDS as CONTRACTS
from domain.token import Token

CONTRACT = CONTRACTS[-1]


class Pretend(Kind):
    name = {PRETEND!r}

    @property
    def description(self):
        return evolve(CONTRACT.description, kind=self.name, standard="Pretend", title="Pretend")

    def token(self, parameters):
        found = CONTRACT.token(parameters)
        return evolve(found, kind=self.name) if isinstance(found, Token) else found

    def stored_token(self, parameters):
        return evolve(CONTRACT.stored_token(parameters), kind=self.name)


KINDS = (Pretend(),)
'''


@pytest.fixture
def chain():
    """Of a node that nobody asks."""
    nobody = Endpoint(url="http://127.0.0.1:9")
    installation = InstallationId(UUID(int=1))
    return EvmChain.over(a_network(Finality(depth=1)), nobody, installation, timedelta(seconds=1))


@pytest.fixture
def pretend(tmp_path):
    with a_standard(standards, tmp_path, SOURCE):
        yield


def names(chain):
    return [each.kind for each in chain.kinds()]


def test_without_the_folder_there_is_no_such_kind(chain):
    assert PRETEND not in names(chain)
    refusal = chain.token(PRETEND, TOKEN)
    assert isinstance(refusal, Refusal)
    assert [(each.pointer, each.code) for each in refusal.faults] == [("", "unknown_kind")]


def test_a_new_standard_is_offered_beside_the_others(chain, pretend):
    assert names(chain)[-1] == PRETEND
    assert "erc20_mintable" in names(chain)
    (description,) = [each for each in chain.kinds() if each.kind == PRETEND]
    assert description.standard == "Pretend"


def test_a_new_standard_says_what_is_wrong_with_a_token(chain, pretend):
    made = chain.token(PRETEND, TOKEN)
    assert isinstance(made, Token)
    assert made.kind == PRETEND
    assert chain.stored_token(PRETEND, made.parameters) == made
    refusal = chain.token(PRETEND, TOKEN | {"supply": 5, "colour": "red"})
    assert [each.pointer for each in refusal.faults] == ["/supply", "/colour"]
