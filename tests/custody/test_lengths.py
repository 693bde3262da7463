"""What AWS KMS signs is 4,096 bytes long at most: every kind that we ship must fit."""

from uuid import uuid4

import pytest
from attrs import evolve

from adapters import aws_kms
from adapters.algorand.standards import kinds
from adapters.aws_kms.holder import LONGEST_MESSAGE_BYTES
from application.deployments.request import Accepted
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, OperationId
from domain.network import Family
from domain.operation import Intent, Party
from domain.token import Token
from entrypoints.devnet.algod import devnet
from tests.algod.house import CONTRACTS, SECURITY, AlgodHouse
from tests.catalogue import UNLIMITED

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


def test_a_program_that_kms_cannot_sign_is_refused_at_once_and_elsewhere_it_is_not(
    house, monkeypatch
):
    """As the published ARC-1400 is: 5,536 bytes.  The treasury only pays."""
    house.set_tariff(house.caller.organisation, UNLIMITED, "for the test")
    token = house.contract(SECURITY, name=LONG_NAME, symbol=LONG_SYMBOL)
    kind = kinds()[SECURITY]
    programs = evolve(kind.programs, approval=kind.programs.approval.ljust(5_536, b"\x00"))
    monkeypatch.setattr(type(kind), "programs", property(lambda _: programs))
    intent = an_intent(house, token)
    assert house.chain.longest_message(intent, Party.OWNER) > LONGEST_MESSAGE_BYTES
    assert house.chain.longest_message(intent, Party.SENDER) < LONGEST_MESSAGE_BYTES
    with house.store.begin(house.scope) as work:
        account = work.accounts.find(Family.ALGORAND, live=False)
        work.accounts.put(evolve(account, custodian="aws-kms"))
    narrow = aws_kms.connect("eu-central-1", {})
    where = {house.custodian_scheme: house.custodian, "aws-kms": narrow}
    refused = house.request(token=token, custodians=where)
    assert isinstance(refused, Refusal), refused
    assert refused.code == "message_too_long"
    assert house.deployments() == ()
    with house.store.begin(house.scope) as work:
        work.accounts.put(account)
    accepted = house.request(token=token, custodians=where)
    assert isinstance(accepted, Accepted), accepted


def longest(house: AlgodHouse, token: Token) -> int:
    return max(house.chain.longest_message(an_intent(house, token), party) for party in Party)


def an_intent(house: AlgodHouse, token: Token) -> Intent:
    return Intent(
        organisation=INSTALLATION,
        operation=OperationId(uuid4()),
        step=1,
        token=token,
        owner=house.signer.address,
        sender=house.signer.address,
    )
