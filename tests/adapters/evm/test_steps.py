"""What the adapter does not believe, and does not do: sums that cannot be, and other addresses."""

import uuid

import pytest
from attrs import evolve, frozen

from adapters.evm import connect, gas
from adapters.evm.step import StepCall
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.network import Finality
from domain.operation import Intent
from domain.token import TokenKind
from tests.adapters.evm.on_anvil.world import a_network

OWNER, TREASURY = "0x" + "11" * 20, "0x" + "22" * 20


@frozen
class OneNode:
    """A node that says what an order needs; the call that funds it is a small one."""

    needed: int
    name: str = "node.example"

    @property
    def node(self):
        return self

    def gas(self, sender, to, data):
        return self.needed if sender == OWNER else 60_000


def funding():
    def call(sender, funds=None):
        return StepCall(
            sender=sender,
            through="0x" + "33" * 20,
            is_its_code=bool,
            data=b"",
            place="0x" + "44" * 20,
            mark=None,
            funds=funds,
        )

    return call(TREASURY, call(OWNER))


def test_an_issuer_is_funded_for_its_order_with_a_margin_and_one_fill():
    needs = gas.needs_of(OneNode(100_000), funding())
    assert needs.value(price=1) == 120_000 + 21_000


@pytest.mark.parametrize("needed", [5_000_001, 10**9])
def test_no_node_talks_the_treasury_into_more(needed):
    with pytest.raises(ChainUnavailableError, match="cannot be"):
        gas.needs_of(OneNode(needed), funding())


def test_what_another_release_promised_elsewhere_is_left_alone():
    """Its contracts were others, so were its addresses: what it may have made is not here."""
    chain = connect(
        a_network(Finality(depth=0)),
        Endpoint(url="http://127.0.0.1:1"),
        InstallationId(uuid.uuid4()),
    )
    token = chain.token(
        TokenKind("erc20_preminted"), {"name": "Hazel", "symbol": "HZL", "supply": "1"}
    )
    intent = Intent(
        organisation=OrganisationId(uuid.uuid4()),
        operation=OperationId(uuid.uuid4()),
        step=1,
        token=token,
        owner=OWNER,
        sender=TREASURY,
    )
    here = chain.predicted(intent)
    assert chain.predicted(evolve(intent, place=here)) == here
    elsewhere = evolve(intent, place="0x" + "55" * 20)
    for question in (chain.effect_of, chain.plan, lambda i: chain.preflight(i, 1)):
        with pytest.raises(ChainUnavailableError, match="promised at 0x5555"):
            question(elsewhere)
