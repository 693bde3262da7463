"""A KMS that is busy, ill or silent in the middle of whole deployments: they wait, and end well.

Whether a signature was made that nobody saw is unknown, and harms nobody: the same body is signed
again.  On both families of chains, on a database, over the adapter as it runs in production.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.operation import WaitReason
from entrypoints.devnet.algod import devnet
from tests.algod.postgres_house import PostgresAlgodHouse
from tests.application.mortal import Fate
from tests.contract.custody import guarded, registered
from tests.contract.subjects.postgres import database
from tests.disturbed_kms import (
    DisturbedKms,
    busy,
    deaf,
    deaf_after,
    ill,
    no_key_now,
    slow_inside,
)
from tests.postgres_and_anvil.house import RealHouse, a_house
from tests.postgres_house import PostgresHouse

TROUBLES = [busy, ill, slow_inside, no_key_now, deaf, deaf_after]
NAMES = ["busy", "ill", "slow_inside", "no_key_now", "deaf", "deaf_after"]


@pytest.fixture(scope="module")
def kms() -> Iterator[DisturbedKms]:
    with DisturbedKms() as started:
        yield started


def at(kms: DisturbedKms, house: type[PostgresHouse]) -> type[PostgresHouse]:
    """A house like that one, whose keys are there."""
    where = {
        "custodian_scheme": "aws-kms",
        "_custodian": lambda self: guarded(registered("aws-kms", kms.holder(), self.store)),
    }
    return type(house.__name__, (house,), where)


@pytest.fixture(scope="module")
def on_anvil(kms, anvil, server_url):
    with a_house(anvil, house=at(kms, RealHouse)) as house:
        yield house


@pytest.fixture(scope="module")
def on_algod(kms, server_url):
    with devnet(nodes=2, mode="manual") as network, database() as url:
        house = at(kms, PostgresAlgodHouse)(url, network)
        try:
            yield house
        finally:
            house.store.close()


@pytest.fixture(params=["on_anvil", "on_algod"])
def house(request, kms):
    kms.recover()
    yield request.getfixturevalue(request.param)
    kms.recover()


@pytest.mark.parametrize("trouble", TROUBLES, ids=NAMES)
def test_a_deployment_waits_until_kms_is_well_again(house, kms, trouble):
    deployed = house.deploy()
    kms.disturb(trouble)
    for _ in range(3):
        house.lives_once(Fate({}))
        assert house.get(deployed.id).state.is_open
    assert house.get(deployed.id).waiting is WaitReason.SIGNER_UNAVAILABLE
    assert kms.disturbed
    assert house.sql("SELECT FROM attempts WHERE operation_id = %s", deployed.id) == []
    kms.recover()
    house.lives(Fate({}))
    ended_well(house, deployed.id)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("trouble", [busy, deaf_after], ids=["busy", "deaf_after"])
def test_whichever_signature_it_meets_the_same_is_asked_for_again(house, kms, trouble, after):
    """The treasury's may be there already when the issuing account's is not."""
    deployed = house.deploy()
    kms.disturb(trouble, after=after, times=2)
    house.lives(Fate({}))
    ended_well(house, deployed.id)


def ended_well(house, id) -> None:
    """One token, paid for once, and nobody was ever told that it failed."""
    house.is_paid_once(id)
    told = house.actions(id)
    assert told.count("deployment.completed") == 1
    assert not [action for action in told if action.endswith((".failed", ".retried"))]
    assert house.sql(
        "SELECT count(*) FROM attempts WHERE operation_id = %s AND role = 'effect'", id
    ) == [(len(house.chain.steps(house.get(id).token)),)]
