"""Every custodian issues on both families of chains, end to end: a database, a node, real keys.

What is looked at is the chain's own word on who signed, and the trail's on which key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters import local_keys, vault
from application.ports.custody import Custodian
from application.ports.storage.work import Store
from domain.deployment import Deployment, State
from domain.identifiers import KeyRef
from entrypoints.devnet.algod import devnet
from entrypoints.devnet.vault import Vault
from tests import ministack, softhsm
from tests.algod.postgres_house import PostgresAlgodHouse
from tests.application.mortal import Fate
from tests.contract.custody import MASTER_KEYS, guarded, registered
from tests.contract.subjects.postgres import database
from tests.postgres_and_anvil.house import a_house
from tests.postgres_and_anvil.order_house import OrderHouse
from tests.postgres_house import PostgresHouse

Made = Callable[[Store], Custodian]


@contextmanager
def at_local_keys() -> Iterator[Made]:
    yield lambda store: local_keys.connect(store, MASTER_KEYS)


@contextmanager
def at_a_token() -> Iterator[Made]:
    holder = softhsm.a_holder()
    yield lambda store: registered("pkcs11", holder, store)


@contextmanager
def at_vault() -> Iterator[Made]:
    with Vault() as server:
        holder = vault.connect(server.url, {"token": server.root})
        yield lambda store: registered("vault", holder, store)


@contextmanager
def at_kms() -> Iterator[Made]:
    holder = ministack.a_holder()
    yield lambda store: registered("aws-kms", holder, store)


CUSTODIANS = {
    "local-keys": at_local_keys,
    "pkcs11": at_a_token,
    "vault": at_vault,
    "aws-kms": at_kms,
}


@pytest.fixture(params=CUSTODIANS)
def keeping(request) -> Iterator[Callable[[type[Any]], type[Any]]]:
    """A house like that one, whose keys are at the custodian."""
    with CUSTODIANS[request.param]() as made:

        def keep(house: type[Any]) -> type[Any]:
            where = {
                "custodian_scheme": request.param,
                "_custodian": lambda self: guarded(made(self.store)),
            }
            return type(house.__name__, (house,), where)

        yield keep


@pytest.fixture
def evm(keeping, anvil, server_url):
    with a_house(anvil, house=keeping(OrderHouse)) as house:
        yield house


@pytest.fixture
def algorand(keeping, server_url):
    with devnet(nodes=2, mode="manual") as network, database() as url:
        house = keeping(PostgresAlgodHouse)(url, network)
        try:
            yield house
        finally:
            house.store.close()


def receipts(house: PostgresHouse, operation: Deployment) -> list[dict[str, Any]]:
    return [
        receipt
        for event in house.events(operation.id)
        for receipt in event.content()["details"].get("receipts", [])
    ]


def test_on_evm_the_treasury_deploys_and_the_issuer_mints(evm):
    """Both keys are the custodian's; a mint is sent by the issuing account itself."""
    token = evm.issued()
    minting = evm.minting(token)
    evm.lives(Fate({}))
    minted = evm.get(minting.id)
    assert minted.state is State.COMPLETED, (minted.waiting, minted.failure)
    for operation, senders in (
        (token, [evm.signer.address]),
        (minted, [evm.signer.address, token.owner]),
    ):
        told = receipts(evm, operation)
        assert [each["signer"] for each in told] == senders
        hashes = [step.slots[0].attempts[0].transaction_id for step in operation.steps]
        sent = [evm.anvil.call("eth_getTransactionByHash", each) for each in hashes]
        assert [each["from"] for each in sent] == [each.lower() for each in senders]
        are_of_the_custodian(evm, told)


def test_on_algorand_the_treasury_and_the_issuer_sign(algorand):
    deployed = algorand.deploy()
    algorand.lives(Fate({}))
    algorand.is_made_once(deployed.id)
    issued = algorand.get(deployed.id)
    told = receipts(algorand, issued)
    assert issued.owner in {each["signer"] for each in told}
    assert {each["signer"] for each in told} <= {algorand.signer.address, issued.owner}
    (asset,) = algorand.assets(deployed.id)
    assert asset.creator == issued.owner
    are_of_the_custodian(algorand, told)


def are_of_the_custodian(house: PostgresHouse, told: list[dict[str, Any]]) -> None:
    """Each receipt's key is one of its own, whose public key makes the signer's address."""
    scheme = house.custodian_scheme
    assert told
    for receipt in told:
        key = KeyRef(receipt["key"])
        assert key.startswith(f"{scheme}:org_")
        described = house.custodian.describe(key)
        assert house.chain.address(described.public_key) == receipt["signer"]
        assert receipt["key_version"] == "1"
        assert len(bytes.fromhex(receipt["digest"])) == 32
    # Whoever has the provider's log finds each signature there; local keys have no provider.
    named = [receipt.get("request_id") for receipt in told]
    assert all(named) is (scheme != "local-keys")
    assert len(set(named) - {None}) == (len(told) if all(named) else 0)
