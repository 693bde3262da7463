"""A key that is rotated over HTTP, by a worker, on a chain: asked for, seen under way, done."""

import pytest
from litestar.testing import TestClient

from entrypoints.devnet.algod import devnet
from tests.algod.house import KIND, PARAMETERS
from tests.algod.test_rekeys import RekeyingOnAlgod
from tests.application.mortal import Fate
from tests.http.prepared import app_of
from tests.http.site import Person, Site, services_of


@pytest.fixture
def house():
    with devnet(nodes=2, mode="manual") as network:
        yield RekeyingOnAlgod(network)


def test_the_networks_that_are_told_are_seen(house):
    services = services_of(house)
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        site = Site(house, services, client)
        ada = Person(site, site.log_in("ada@example.com", "correct horse battery"))
        house.go_to(1)
        body = {"kind": KIND, "network": house.network, "token": dict(PARAMETERS)}
        first = ada.deploy("first", **body)
        house.lives(Fate({}))
        (account,) = ada.get("/v1/accounts").json()["data"]
        asked = ada.post(
            f"/v1/accounts/{account['id']}/key_changes",
            {"action": "rotate"},
            headers={"Idempotency-Key": "rotate"},
        )
        assert ada.get(asked.headers["location"]).json()["networks"] == []
        house.change_keys_of_everybody()
        (told,) = ada.get(asked.headers["location"]).json()["networks"]
        assert (told["network"], told["state"]) == (house.network, "Queued")
        house.lives(Fate({}))
        done = ada.get(asked.headers["location"]).json()
        (told,) = done["networks"]
        assert (done["state"], told["state"]) == ("completed", "Completed")
        assert told["transaction_id"]
        assert house.times_rekeyed() == 1
        second = ada.deploy("second", **body)
        house.lives(Fate({}))
        found = [ada.get(f"/v1/deployments/{each['id']}").json() for each in (first, second)]
        assert [each["state"] for each in found] == ["Completed", "Completed"]
        assert {each["owner"] for each in found} == {account["address"]}
