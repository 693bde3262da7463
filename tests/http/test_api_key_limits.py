"""What an API key may reach and spend beside its scopes."""

from datetime import timedelta

import pytest

from tests.http.test_identity import is_refused

ELSEWHERE = "eip155:1"


@pytest.fixture
def capped(ada):
    """May spend 7 credits; a deployment costs 5."""
    return ada.key(spend_cap=7)


def cap_of(person, key):
    keys = person.get("/v1/api_keys").json()["data"]
    return next(each["spend_cap"] for each in keys if each["id"] == key.registered["id"])


def test_a_key_spends_no_more_than_its_cap(site, ada, capped):
    assert capped.registered["spend_cap"] == {"limit": 7, "held": 0, "used": 0, "left": 7}
    other = ada.key()
    capped.deploy("one")
    assert cap_of(ada, capped) == {"limit": 7, "held": 5, "used": 0, "left": 2}
    is_refused(capped.create("two"), 403, "quota_exceeded")
    site.work_until_done()
    assert cap_of(ada, capped) == {"limit": 7, "held": 0, "used": 5, "left": 2}
    # Next year, too.
    site.house.pass_time(timedelta(days=400))
    is_refused(capped.create("three"), 403, "quota_exceeded")
    assert other.create("four").status_code == 202


def test_what_comes_to_nothing_is_free_again(site, ada, capped):
    deployment = capped.deploy("one")
    assert capped.post(f"/v1/deployments/{deployment['id']}/cancel").status_code == 200
    assert cap_of(ada, capped)["left"] == 7
    capped.deploy("two")


def test_metered_spends_count_too(ada):
    def spend(caller, name):
        headers = {"Idempotency-Key": name}
        return caller.post("/v1/usage/holds", {"operation": "report"}, headers=headers)

    available, _ = ada.balance
    assert spend(ada, "hold-1").status_code == 201
    price = available - ada.balance[0]
    key, poor = ada.key(spend_cap=price), ada.key(spend_cap=price - 1)
    is_refused(spend(poor, "hold-2"), 403, "quota_exceeded")
    assert spend(key, "hold-3").status_code == 201
    assert cap_of(ada, key)["left"] == 0
    is_refused(spend(key, "hold-4"), 403, "quota_exceeded")
    assert spend(ada, "hold-5").status_code == 201


def test_a_person_changes_the_cap_and_a_key_does_not(ada, capped):
    path = f"/v1/quotas/{capped.registered['id']}/ever"
    other = ada.key()
    for key in (capped, other):
        is_refused(key.call("PUT", path, json={"limit": 1_000}), 403, "session_required")
        is_refused(key.call("DELETE", path), 403, "session_required")
    assert ada.call("PUT", path, json={"limit": 10}).json()["limit"] == 10
    capped.deploy("one")
    capped.deploy("two")
    is_refused(capped.create("three"), 403, "quota_exceeded")
    assert ada.call("DELETE", path).status_code == 204
    assert cap_of(ada, capped) is None


def test_a_capped_key_makes_no_others(capped):
    is_refused(capped.post("/v1/api_keys", {"name": "more"}), 403, "forbidden")


def test_a_key_issues_where_it_says(site, ada):
    here = ada.key(networks=[site.house.network])
    assert here.registered["networks"] == [site.house.network]
    assert here.create("one").status_code == 202
    made = here.key(name="child")
    assert made.registered["networks"] == [site.house.network]
    nowhere = ada.key(networks=[])
    for answered in (nowhere.create("two"), nowhere.plan()):
        is_refused(answered, 403, "network_not_allowed")
    is_refused(
        nowhere.post("/v1/api_keys", {"name": "x", "networks": [site.house.network]}),
        403,
        "forbidden",
    )
    assert nowhere.get("/v1/deployments").status_code == 200


def test_a_key_that_is_not_for_a_network_undoes_nothing_there(ada):
    deployment = ada.deploy()["id"]
    nowhere = ada.key(networks=[])
    answered = nowhere.post(f"/v1/deployments/{deployment}/cancel")
    is_refused(answered, 403, "network_not_allowed")


def test_networks_are_those_that_there_are(ada):
    answered = ada.post("/v1/api_keys", {"name": "x", "networks": [ELSEWHERE]})
    is_refused(answered, 400, "validation_failed")
    assert answered.json()["errors"][0]["pointer"] == "/networks"


def test_a_key_tells_about_when_it_was_used(site, ada):
    key = ada.key()
    path = "/v1/api_keys"

    def last_used():
        (found,) = ada.get(path).json()["data"]
        return found["last_used_at"]

    assert last_used() is None
    key.get(path)
    first = last_used()
    site.house.pass_time(timedelta(minutes=4))
    key.get(path)
    assert last_used() == first
    site.house.pass_time(timedelta(minutes=1))
    key.get(path)
    assert last_used() > first
