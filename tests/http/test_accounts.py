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
    for _ in range(12):
        house.change_keys_of_everybody()
        house.work()


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
    # What was issued before went with the account.
    assert old["owner"] == before["address"]
    now = ada.get(f"/v1/tokens/{old['id']}").json()
    assert (now["owner"], now["differences"]) == (after["address"], [])
    assert now["state"]["powers"]["mint"] == [after["address"]]
    listed = {each["id"]: each["owner"] for each in ada.get("/v1/tokens").json()["data"]}
    assert set(listed.values()) == {after["address"]}
    told = ada.get(f"/v1/tokens/{old['id']}/compliance-indicators").json()
    assert all(holder["is_issuer"] for each in told["powers"] for holder in each["holders"])
    minted = ada.mint(old, key="mint-old")
    house.work(rounds=12)
    found = ada.get(f"/v1/operations/{minted['id']}").json()
    assert (found["state"], found["owner"]) == ("Completed", after["address"])
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
    is_refused(change(ada, "none", action="move", custodian="x"), 422, "custodian_not_offered")


def test_a_request_names_the_custodian_that_it_is_to_be_signed_by(house, ada):
    own = account_of(ada)
    is_refused(ada.create("early", custodian=ELSEWHERE), 422, "custodian_not_offered")
    is_refused(ada.plan(custodian=ELSEWHERE), 422, "custodian_not_offered")
    asked = change(ada, action="add", custodian=ELSEWHERE)
    work(house)
    assert changed(ada, asked) == ("completed", None)
    after = account_of(ada)
    assert (after["key"], after["address"]) == (own["key"], own["address"])
    added = after["keys"][1]
    assert (added["custodian"], added["own"], added["issues"]) == (ELSEWHERE, False, True)
    plan = ada.plan(custodian=ELSEWHERE).json()
    assert plan["owner"] == added["address"]
    chosen = {name: plan[name] for name in ("deployment_id", "plan_hash")}
    is_refused(ada.create("otherwise", **chosen), 409, "plan_changed")
    planned = ada.deploy("planned", custodian=ELSEWHERE, **chosen)
    named = ada.deploy("own", custodian=own["custodian"])
    # What was chosen stays so, whatever becomes of the account meanwhile.
    change(ada, "2", action="rotate")
    work(house)
    house.work(rounds=12)
    work(house)
    assert ada.issued(planned)["owner"] == added["address"]
    assert ada.get(f"/v1/deployments/{named['id']}").json()["owner"] == own["address"]
    assert ada.issued(named)["owner"] == account_of(ada)["address"] != own["address"]
    minted = ada.mint(ada.issued(planned), key="mint")
    house.work(rounds=12)
    assert ada.get(f"/v1/operations/{minted['id']}").json()["state"] == "Completed"


def test_an_organisation_chooses_who_signs_where_a_request_does_not_say(house, ada):
    own, path = account_of(ada), f"/v1/organisations/{ada.organisation}/custodian"

    def choose(**wish):
        return ada.call("PUT", path, json=wish)

    is_refused(choose(custodian="nowhere"), 422, "custodian_not_offered")
    assert choose(custodian=ELSEWHERE).json() == {"custodian": ELSEWHERE}
    # It has no address there yet.
    assert ada.issue("before")["owner"] == own["address"]
    change(ada, action="add", custodian=ELSEWHERE)
    work(house)
    added = account_of(ada)["keys"][1]
    assert ada.plan().json()["owner"] == ada.issue("chosen")["owner"] == added["address"]
    assert ada.issue("named", custodian=own["custodian"])["owner"] == own["address"]
    assert ada.get(path).json() == {"custodian": ELSEWHERE}
    assert choose().json() == {"custodian": None}
    assert ada.issue("afterwards")["owner"] == own["address"]
    eve = ada.site.register("eve@example.org")
    is_refused(eve.call("PUT", path, json={}), 404, "not_found")


def test_what_needs_a_disabled_key_is_refused(house, ada):
    old, account = ada.issue("old"), account_of(ada)
    ada.post(f"/v1/accounts/{account['id']}/disable")
    asked = change(ada, "1", action="disable", key=account["key"])
    work(house)
    assert changed(ada, asked) == ("completed", None)
    # A disabled key hands nothing over.
    rotated = change(ada, "2", action="rotate")
    work(house)
    assert changed(ada, rotated) == ("completed", None)
    order = ada.order(old, "mint", {"amount": "5", "to": old["owner"]})
    is_refused(order, 409, "key_disabled")
    assert ada.issue("new")["owner"] == account_of(ada)["address"]


def test_a_change_of_keys_tells_of_each_token_how_far_it_is(house, ada):
    old, before = [ada.issue(name) for name in ("one", "two")], account_of(ada)
    asked = change(ada, action="rotate")
    path = asked.headers["location"]
    assert ada.get(path).json()["tokens"] == []
    house.change_keys_of_everybody()
    begun = ada.get(path).json()
    assert begun["state"] == "under_way"
    assert {each["token"] for each in begun["tokens"]} == {each["id"] for each in old}
    assert {(each["state"], each["owner"]) for each in begun["tokens"]} == {
        ("Queued", before["address"])
    }
    # It is an operation on the token, and no member's to cancel.
    (handing,) = ada.get(f"/v1/tokens/{old[0]['id']}/operations").json()["data"]
    assert (handing["action"], handing["credits"], handing["hold"]) == ("hand_over", 0, None)
    assert (handing["may_cancel"], handing["may_retry"]) == (False, False)
    is_refused(ada.post(f"/v1/operations/{handing['id']}/cancel"), 409, "too_late_to_cancel")
    is_refused(ada.order(old[0], "hand_over", {"to": before["address"]}), 400, "validation_failed")
    work(house)
    ended = ada.get(path).json()
    assert ended["state"] == "completed"
    assert {each["state"] for each in ended["tokens"]} == {"Completed"}
    assert all(each["transaction_id"] for each in ended["tokens"])
    story = ada.get(f"/v1/operations/{handing['id']}/history").json()["data"]
    assert "belongs to the address of your account's new key" in story[-1]["message"]


def test_a_change_is_withdrawn_before_it_has_begun_and_not_afterwards(site, house, ada):
    before = account_of(ada)
    first = change(ada, action="rotate").headers["location"]
    eve = site.register("eve@example.org")
    is_refused(eve.post(f"{first}/cancel"), 404, "not_found")
    is_refused(ada.key().post(f"{first}/cancel"), 403, "forbidden")
    is_refused(ada.post("/v1/key_changes/kc_1/cancel"), 404, "not_found")
    for _ in range(2):
        cancelled = ada.post(f"{first}/cancel")
        assert cancelled.status_code == 200, cancelled.text
        assert cancelled.json()["state"] == "cancelled"
        assert cancelled.json()["ended_at"]
    work(house)
    assert account_of(ada) == before
    second = change(ada, "2", action="rotate").headers["location"]
    house.change_keys_of_everybody()
    is_refused(ada.post(f"{second}/cancel"), 409, "too_late_to_cancel")
    events = ada.get("/v1/audit/events?limit=100").json()["data"]
    told = [each["event"]["action"] for each in events]
    assert told.count("key_change.cancelled") == 1


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
