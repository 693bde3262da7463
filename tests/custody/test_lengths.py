"""What AWS KMS signs is 4,096 bytes long at most: every kind that we ship must fit."""

from uuid import uuid4

import pytest

from adapters.aws_kms.holder import LONGEST_MESSAGE_BYTES
from domain.identifiers import INSTALLATION, OperationId
from domain.operation import Intent
from domain.token import Token
from entrypoints.devnet.algod import devnet
from tests.algod.house import CONTRACTS, AlgodHouse

#: Of the fields of an application's name and symbol, in bytes.
LONG_NAME, LONG_SYMBOL = "N" * 32, "S" * 8


@pytest.fixture(scope="module")
def house():
    with devnet(nodes=1, mode="manual") as network:
        yield AlgodHouse(network)


@pytest.mark.parametrize("kind", CONTRACTS)
def test_the_creation_of_an_application_fits(house, kind):
    token = house.contract(kind, name=LONG_NAME, symbol=LONG_SYMBOL)
    assert 0 < longest(house, token) <= LONGEST_MESSAGE_BYTES


def test_the_creation_of_an_asset_fits(house):
    assert 0 < longest(house, house.token()) <= LONGEST_MESSAGE_BYTES


def longest(house: AlgodHouse, token: Token) -> int:
    forecast = house.chain.plan(
        Intent(
            organisation=INSTALLATION,
            operation=OperationId(uuid4()),
            step=1,
            token=token,
            owner=house.signer.address,
            sender=house.signer.address,
        )
    )
    return int(forecast.longest_message)
