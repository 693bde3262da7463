"""The keys of an account on an EVM network: whose address a token is, its key signs."""

import pytest

from domain.deployment import State
from domain.key_change import KeyAction
from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.application.mortal import Fate
from tests.postgres_and_anvil.house import a_house
from tests.postgres_and_anvil.order_house import OrderHouse


class KeyedOnAnvil(KeyedHouse, OrderHouse):
    """A database, a node, and two custodians."""

    def issued_at(self, custodian):
        """A token of the address that is held there."""
        id = self.deploy(token=self.token(), custodian=custodian).id
        self.lives(Fate({}))
        assert self.get(id).state is State.COMPLETED, self.get(id).waiting
        return self.get(id)


@pytest.fixture
def house(anvil, server_url):
    with a_house(anvil, house=KeyedOnAnvil) as made:
        yield made


def mints(house, token, key):
    """The token's owner orders a mint: by our records with that key, by the chain from there."""
    minted = house.minting(token)
    house.lives(Fate({}))
    ended = house.get(minted.id)
    assert ended.state is State.COMPLETED, (ended.waiting, ended.failure)
    receipts = [
        receipt
        for event in house.events(minted.id)
        for receipt in event.content()["details"].get("receipts", [])
        if receipt["signer"] == token.owner
    ]
    assert {receipt["key"] for receipt in receipts} == {key}
    sent = ended.steps[-1].slots[0].attempts[0].transaction_id
    found = house.anvil.call("eth_getTransactionByHash", sent)
    assert found["from"] == token.owner.lower()


def test_an_address_at_another_custodian_issues_where_a_request_names_it(house):
    own = house.account
    house.change(KeyAction.ADD, custodian=ELSEWHERE)
    house.lives(Fate({}))
    assert house.account.own_key == own.own_key
    (added,) = house.account.further_keys
    chosen = house.issued_at(ELSEWHERE)
    assert (chosen.owner, house.issued().owner) == (added.address, own.address)
    mints(house, chosen, added.key)
