"""A custodian that falls silent in the middle costs time and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from adapters import vault
from application.ports.custody import CustodyRefusedError, KeyHolder
from domain.deployment import State
from domain.operation import WaitReason
from entrypoints.devnet.vault import Vault
from tests import ministack
from tests.application.mortal import Fate
from tests.contract.custody import guarded, registered
from tests.postgres_and_anvil.house import RealHouse, a_house


@pytest.fixture(scope="module")
def server() -> Iterator[Vault]:
    with Vault() as started:
        yield started


@pytest.fixture(scope="module")
def house(server, anvil, server_url):
    class AtVault(RealHouse):
        custodian_scheme = "vault"

        def _custodian(self):
            holder = vault.connect(server.url, {"token": server.root})
            return guarded(registered("vault", holder, self.store))

    with a_house(anvil, house=AtVault) as made:
        yield made


def sealed(server: Vault) -> None:
    server.seal()


def busy(server: Vault) -> None:
    server.fail(429, "too many requests", times=3)


def dropping(server: Vault) -> None:
    server.fail(0, times=3)


def forbidding(server: Vault) -> None:
    server.fail(403, "permission denied", times=3)


@pytest.mark.parametrize("trouble", [sealed, busy, dropping, forbidding])
def test_a_deployment_waits_for_its_signer_and_is_paid_for_once(house, server, trouble):
    deployed = house.deploy()
    trouble(server)
    house.lives_once(Fate({}))
    waiting = house.get(deployed.id)
    assert (waiting.state, waiting.waiting) == (State.QUEUED, WaitReason.SIGNER_UNAVAILABLE)
    server.unseal()
    house.lives(Fate({}))
    house.is_paid_once(deployed.id)
    assert house.sql("SELECT count(*) FROM attempts WHERE operation_id = %s", deployed.id) == [
        (1,)
    ]


# At KMS, which can say that a key is stopped


@pytest.fixture(scope="module")
def house_at_kms(anvil, server_url):
    class AtKms(RealHouse):
        custodian_scheme = "aws-kms"

        def _custodian(self):
            self.holder = ministack.a_holder()
            return guarded(registered("aws-kms", self.holder, self.store))

    with a_house(anvil, house=AtKms) as made:
        yield made


def disabled(kms: KeyHolder, arn: str) -> None:
    kms._line.ask("DisableKey", arn, KeyId=arn)


def to_be_deleted(kms: KeyHolder, arn: str) -> None:
    kms._line.ask("ScheduleKeyDeletion", arn, KeyId=arn, PendingWindowInDays=7)


def as_before(kms: KeyHolder, arn: str) -> None:
    with suppress(CustodyRefusedError):
        kms._line.ask("CancelKeyDeletion", arn, KeyId=arn)
    kms._line.ask("EnableKey", arn, KeyId=arn)


@pytest.mark.parametrize("stop", [disabled, to_be_deleted])
def test_a_key_that_is_stopped_elsewhere_is_waited_for(house_at_kms, stop):
    """Whoever owns it may change their mind: nothing is given up, and nothing is lost."""
    house = house_at_kms
    entry = house.custodian.custodian._find(house.signer.key)
    stop(house.holder, entry.held.handle)
    deployed = house.deploy()
    for _ in range(3):
        house.lives_once(Fate({}))
    waiting = house.get(deployed.id)
    assert (waiting.state, waiting.waiting) == (State.QUEUED, WaitReason.SIGNER_UNAVAILABLE)
    as_before(house.holder, entry.held.handle)
    house.lives(Fate({}))
    house.is_paid_once(deployed.id)
