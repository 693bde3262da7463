"""An address that was derived from a passphrase elsewhere, handed over, and issued from.

Its owner's machine signs one rekey; the ledger says whom it obeys, and who created what.
"""

import json

import pytest
from click.testing import CliRunner
from litestar.testing import TestClient

from application.keys.carry_out import CarryOutKeyChange
from application.ports.storage.work import Scope
from domain.key_change import KeyAction
from entrypoints.devnet.algod import devnet
from entrypoints.main import main
from tests.algod.house import KIND, PARAMETERS
from tests.algod.test_rekeys import RekeyingOnAlgod, an_issuer
from tests.application.mortal import Fate
from tests.domain.test_arc76 import OFFICIAL
from tests.http.prepared import app_of
from tests.http.site import Person, Site, services_of
from tests.http.test_identity import is_refused

IMPORTED = OFFICIAL["algorand"]


@pytest.fixture
def house():
    with devnet(nodes=2, mode="manual") as network:
        network.fund(IMPORTED, 10**7)
        yield RekeyingOnAlgod(network)


@pytest.fixture
def ada(house):
    services = services_of(house)
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        site = Site(house, services, client)
        house.go_to(1)
        yield Person(site, site.log_in("ada@example.com", "correct horse battery"))


def account_of(person):
    (found,) = person.get("/v1/accounts").json()["data"]
    return found


def adopt(person, address=IMPORTED, **changes):
    body = {"address": address, "network": person.site.house.network} | changes
    return person.post(f"/v1/accounts/{account_of(person)['id']}/adopt", body)


def hand_over(house, to):
    """What the address's owner does, on their own machine."""
    node, *_ = house.devnet.nodes
    arguments = ["--email", OFFICIAL["email"], "--to", to, "--node", node.url, "--submit"]
    done = CliRunner().invoke(
        main,
        ["arc76", "rekey", *arguments],
        input=OFFICIAL["password"],
        env={"TALLYSTICK_NODE_TOKEN": house.devnet.token},
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["submitted"]
    house.devnet.mine()


def deploy(person, key):
    """A token, issued over HTTP: its answer, its asset, and who signed."""
    house = person.site.house
    body = {"kind": KIND, "network": house.network, "token": dict(PARAMETERS)}
    accepted = person.deploy(key, **body)
    house.lives(Fate({}))
    done = person.get(accepted["links"]["self"]).json()
    assert done["state"] == "Completed", done
    (deployment,) = [each for each in house.deployments() if each.named == done["id"]]
    (asset,) = house.assets(deployment.id)
    receipts = [
        receipt
        for event in house.events(deployment.id)
        for receipt in event.content()["details"].get("receipts", [])
    ]
    return done, asset, receipts


def test_a_token_is_issued_from_the_address_and_signed_by_the_custodians_key(house, ada):
    before = account_of(ada)
    hand_over(house, before["address"])
    answered = adopt(ada)
    assert answered.status_code == 200, answered.text
    adopted = answered.json()
    assert (adopted["address"], adopted["key"]) == (before["address"], before["key"])
    assert [(each["address"], each["networks"]) for each in adopted["keys"]] == [
        (before["address"], []),
        (IMPORTED, [house.network]),
    ]
    assert adopt(ada).json() == adopted == account_of(ada)
    planned = ada.plan(kind=KIND, token=dict(PARAMETERS)).json()
    assert planned["owner"] == IMPORTED
    done, asset, receipts = deploy(ada, "first")
    assert done["owner"] == asset.creator == IMPORTED
    signed = {receipt["signer"]: receipt["key"] for receipt in receipts}
    assert signed[before["address"]] == before["key"]
    assert IMPORTED not in signed, "it has no key of its own any more"


def test_what_does_not_obey_the_accounts_key_is_not_adopted(house, ada):
    """Neither who only claims an address, nor who handed it to somebody else."""
    own = account_of(ada)["address"]
    refused = adopt(ada)
    is_refused(refused, 409, "address_not_ruled")
    assert own in refused.json()["detail"]
    is_refused(adopt(ada, house.signer.address), 409, "address_not_ruled")
    is_refused(adopt(ada, "5AHWQJ5D"), 409, "address_not_ruled")
    hand_over(house, house.signer.address)
    is_refused(adopt(ada), 409, "address_not_ruled")
    assert len(account_of(ada)["keys"]) == 1
    assert adopt(ada, own).json() == account_of(ada)
    is_refused(adopt(ada, network="eip155:1"), 400, "validation_failed")
    is_refused(adopt(ada.key()), 403, "forbidden")
    done, asset, _ = deploy(ada, "first")
    assert done["owner"] == asset.creator == own


def test_the_key_that_rules_it_goes_on_to_after_a_rotation_and_is_not_disabled(house, ada):
    before = account_of(ada)
    hand_over(house, before["address"])
    assert adopt(ada).status_code == 200
    path = f"/v1/accounts/{before['id']}/key_changes"
    asked = ada.post(path, {"action": "rotate"}, headers={"Idempotency-Key": "rotate"})
    is_refused(adopt(ada), 409, "key_change_under_way")
    house.change_keys_of_everybody()
    house.lives(Fate({}))
    house.change_keys_of_everybody()
    assert ada.get(asked.headers["location"]).json()["state"] == "completed"
    assert account_of(ada)["key"] != before["key"]
    done, asset, receipts = deploy(ada, "second")
    assert done["owner"] == asset.creator == IMPORTED
    assert before["key"] in {receipt["key"] for receipt in receipts}
    wish = {"action": "disable", "key": before["key"]}
    asked = ada.post(path, wish, headers={"Idempotency-Key": "disable"})
    house.change_keys_of_everybody()
    ended = ada.get(asked.headers["location"]).json()
    assert (ended["state"], ended["code"]) == ("failed", "key_in_use")


def without_networks(house):
    """A worker in whose configuration there is none of them."""
    carry_out = CarryOutKeyChange(
        store=house.store,
        custodians=house.custodians,
        chains={},
        clock=house.clock,
        identifiers=house.identifiers,
    )
    with house.store.begin(Scope()) as work:
        waiting = work.key_changes.open(100)
    return [carry_out(organisation, id) for organisation, id in waiting]


def test_the_key_of_an_adopted_address_is_not_disabled_where_nobody_can_ask_its_network(
    house, ada
):
    before = house.account
    hand_over(house, before.address)
    assert adopt(ada).status_code == 200
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    assert house.account.key != before.key
    change = house.disable(before.key)
    (ended,) = without_networks(house)
    assert (ended.id, ended.code) == (change.id, "key_in_use")
    assert house.custodian.describe(before.key).enabled


def test_the_key_of_before_is_not_disabled_while_a_token_is_on_a_network_nobody_can_ask(house):
    house.go_to(1)
    before = an_issuer(house)
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    house.disable(before.key)
    (ended,) = without_networks(house)
    assert ended.code == "key_in_use"
    assert house.custodian.describe(before.key).enabled


def test_an_address_that_is_adopted_again_is_the_one_that_is_issued_from(house, ada):
    before = house.account
    hand_over(house, before.address)
    assert adopt(ada).status_code == 200
    with house.store.begin(house.scope) as work:
        account = work.accounts.lock(before.id)
        work.accounts.put(account.with_adopted(house.signer.address, house.network))
    assert house.account.issuing(None, house.network).address == house.signer.address
    assert adopt(ada).status_code == 200
    again = house.account
    assert again.issuing(None, house.network).address == IMPORTED
    assert adopt(ada).status_code == 200
    assert house.account == again
