"""The keys of an issuing account over HTTP, carried out by the worker."""

import pytest
from litestar.testing import TestClient

from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.http.prepared import app_of
from tests.http.site import Site, services_of
from tests.http.test_identity import is_refused
from tests.http.test_members import GRACE, joined, switched


@pytest.fixture
def house():
    return KeyedHouse()


@pytest.fixture
def site(house):
    with TestClient(app_of(services_of(house)), raise_server_exceptions=False) as client:
        yield Site(house, services_of(house), client)


@pytest.fixture
def ada(site):
    return site.register()


def account_of(person):
    (found,) = person.get("/v1/accounts").json()["data"]
    return found


def change(person, once="change-1", **wish):
    path = f"/v1/accounts/{account_of(person)['id']}/key_changes"
    return person.post(path, wish, headers={"Idempotency-Key": once})


def work(house):
    house.change_keys_of_everybody()
    house.work(rounds=4)


def changed(person, answered):
    found = person.get(answered.headers["location"]).json()
    return found["state"], found["code"]


def test_a_key_is_rotated_by_the_worker_and_the_next_token_is_its(house, ada):
    before = account_of(ada)
    old = ada.issue("before")
    asked = change(ada, action="rotate")
    assert asked.status_code == 202, asked.text
    assert (asked.json()["state"], asked.json()["key"]) == ("requested", None)
    assert account_of(ada) == before
    work(house)
    assert changed(ada, asked) == ("completed", None)
    after = account_of(ada)
    assert after["key"] != before["key"]
    assert after["address"] != before["address"]
    assert [each["own"] for each in after["keys"]] == [True, False]
    token = ada.issue("after")
    assert token["owner"] == after["address"]
    # What was issued before is still its first address's, whose key still signs.
    minted = ada.mint(old, key="mint-old")
    house.work(rounds=12)
    assert ada.get(f"/v1/operations/{minted['id']}").json()["state"] == "Completed"
    events = ada.get("/v1/audit/events?limit=100").json()["data"]
    told = [each["event"]["action"] for each in events]
    assert {"key_change.requested", "key_change.begun", "key_change.completed"} <= set(told)


def test_a_key_is_moved_to_another_custodian(house, ada):
    asked = change(ada, action="move", custodian=ELSEWHERE)
    work(house)
    assert changed(ada, asked) == ("completed", None)
    assert account_of(ada)["custodian"] == ELSEWHERE
    assert ada.issue("there")["owner"] == account_of(ada)["address"]
    is_refused(
        change(ada, "again", action="move", custodian=ELSEWHERE), 422, "custodian_unchanged"
    )
    is_refused(change(ada, "none", action="move", custodian="x"), 503, "custodian_not_configured")


def test_asking_again_with_the_same_key_is_asking_once(house, ada):
    first, again = (change(ada, "same", action="rotate") for _ in range(2))
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    is_refused(change(ada, "other", action="rotate"), 409, "key_change_under_way")
    work(house)
    account = account_of(ada)
    assert len(account["keys"]) == 2
    listed = ada.get(f"/v1/accounts/{account['id']}/key_changes").json()["data"]
    assert [each["id"] for each in listed] == [first.json()["id"]]


def test_an_account_is_disabled_at_once_and_enabled_again(house, ada):
    waiting = ada.deploy("waiting")
    path = f"/v1/accounts/{account_of(ada)['id']}"
    for _ in range(2):
        assert ada.post(f"{path}/disable").json()["state"] == "disabled"
    is_refused(ada.create("refused"), 409, "account_disabled")
    house.work(rounds=6)
    found = ada.get(f"/v1/deployments/{waiting['id']}").json()
    assert (found["state"], found["waiting"]["for"]) == ("Queued", "account_not_ready")
    assert ada.post(f"{path}/enable").json()["state"] == "ready"
    house.work(rounds=12)
    assert ada.get(f"/v1/deployments/{waiting['id']}").json()["state"] == "Completed"


def test_a_disabled_key_signs_nothing_and_an_account_without_one_gets_another(house, ada):
    account = account_of(ada)
    is_refused(change(ada, "1", action="disable", key=account["key"]), 409, "key_in_use")
    ada.post(f"/v1/accounts/{account['id']}/disable")
    asked = change(ada, "2", action="disable", key=account["key"])
    work(house)
    assert changed(ada, asked) == ("completed", None)
    found = account_of(ada)
    assert (found["state"], found["keys"][0]["enabled"]) == ("failed", False)
    is_refused(ada.post(f"/v1/accounts/{account['id']}/enable"), 409, "key_disabled")
    is_refused(ada.create("refused"), 409, "account_disabled")
    rotated = change(ada, "3", action="rotate")
    work(house)
    assert changed(ada, rotated) == ("completed", None)
    assert account_of(ada)["state"] == "ready"
    assert ada.issue("afterwards")["owner"] == account_of(ada)["address"]


def test_a_custodian_that_does_not_answer_is_asked_again(house, ada):
    asked = change(ada, action="move", custodian=ELSEWHERE)
    house.elsewhere.is_down = True
    work(house)
    assert changed(ada, asked) == ("requested", None)
    house.elsewhere.is_down = False
    work(house)
    assert changed(ada, asked) == ("completed", None)


def test_only_owners_change_keys_and_no_key_does(site, ada):
    grace = site.register(GRACE)
    joined(ada, grace, "issuer")
    grace = switched(grace, ada)
    is_refused(change(grace, action="rotate"), 403, "forbidden")
    path = f"/v1/accounts/{account_of(ada)['id']}"
    is_refused(grace.post(f"{path}/disable"), 403, "forbidden")
    is_refused(change(ada.key(), action="rotate"), 403, "forbidden")
    scoped = ada.post("/v1/api_keys", {"name": "x", "scopes": ["accounts:write"]})
    is_refused(scoped, 403, "forbidden")


def test_other_peoples_accounts_are_not_there(site, ada):
    eve = site.register("eve@example.org")
    path = f"/v1/accounts/{account_of(ada)['id']}"
    for answered in (
        eve.get(path),
        eve.post(f"{path}/disable"),
        eve.post(f"{path}/key_changes", {"action": "rotate"}, headers={"Idempotency-Key": "1"}),
        eve.get(f"{path}/key_changes"),
        eve.get(change(ada, action="rotate").headers["location"]),
    ):
        is_refused(answered, 404, "not_found")
