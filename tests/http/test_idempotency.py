"""One request, one effect: whatever is repeated, and however often at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from domain.identifiers import OrganisationId, Prefix, parse_id
from tests.catalogue import UNLIMITED


def test_a_request_that_spends_needs_a_key(site, ada):
    answered = ada.post("/v1/deployments", site.body())
    assert (answered.status_code, answered.json()["code"]) == (400, "idempotency_key_missing")
    assert ada.balance == (25, 0)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tbed", b"\xc3\xa9"])
def test_a_key_is_printable_ascii(ada, key):
    answered = ada.create(key)
    assert (answered.status_code, answered.json()["code"]) == (400, "idempotency_key_invalid")


def test_a_repeat_answers_with_the_same_thing_as_it_is_now(site, ada):
    first = ada.create("one")
    assert (first.status_code, "Idempotent-Replayed" in first.headers) == (202, False)
    site.work_until_done()
    again = ada.create("one")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json()["id"] == first.json()["id"]
    assert (first.json()["state"], again.json()["state"]) == ("Queued", "Completed")
    assert ada.balance == (20, 0)


def test_what_is_accepted_is_answered_as_it_is_found_at_its_place(site, ada):
    """Also when it is looked at next, which whoever has just accepted it does not ask."""

    def is_as_found(answered, *, replayed=False):
        assert ("Idempotent-Replayed" in answered.headers) == replayed
        assert answered.json()["waiting"]["next_look_at"] is not None
        assert answered.json() == ada.get(answered.headers["Location"]).json()

    is_as_found(ada.create("one"))
    site.house.pass_time(timedelta(seconds=1))
    is_as_found(ada.create("one"), replayed=True)
    site.house.chain.is_down = True
    site.work_until_done(1)
    is_as_found(ada.create("one"), replayed=True)
    site.house.chain.is_down = False
    site.work_until_done()
    assert ada.create("one").json()["waiting"] is None
    token = ada.issue("one")
    is_as_found(ada.order(token, "mint", {"amount": "5", "to": token["owner"]}))
    site.house.chain.refuses = "no"
    failed = ada.deploy("two")
    site.work_until_done()
    again = {"Idempotency-Key": "again"}
    for replayed in (False, True):
        retried = ada.post(f"{failed['links']['self']}/retry", headers=again)
        is_as_found(retried, replayed=replayed)
        site.house.pass_time(timedelta(seconds=1))


def test_the_order_of_fields_is_no_difference(site, ada):
    ada.create("one")
    backwards = dict(reversed(site.body().items()))
    again = ada.post("/v1/deployments", backwards, headers={"Idempotency-Key": "one"})
    assert again.headers["Idempotent-Replayed"] == "true"


def test_another_body_under_the_same_key_is_refused(ada):
    first = ada.create("one")
    other = ada.create("one", client_reference="other")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert [each["id"] for each in ada.get("/v1/deployments").json()["data"]] == [
        first.json()["id"]
    ]


def test_a_key_belongs_to_its_organisation(site, ada):
    bob = site.register("bob@example.org")
    assert ada.deploy("one")["id"] != bob.deploy("one")["id"]


def test_a_refusal_repeats_until_a_new_key(site, ada):
    """The remedy says so: repeat with a new key."""
    for number in range(5):
        ada.deploy(f"key-{number}")
    site.house.set_tariff(_organisation(ada), UNLIMITED, "upgraded")
    refused = ada.create("late")
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_credits")
    assert "new Idempotency-Key" in refused.json()["remediation"]
    grant(site, ada, 5)
    assert ada.create("late").json()["code"] == "insufficient_credits"
    assert ada.create("later").status_code == 202


def test_the_months_number_is_a_limit(site, ada):
    grant(site, ada, 100)
    for number in range(5):
        ada.deploy(f"key-{number}")
    refused = ada.create("sixth")
    assert (refused.status_code, refused.json()["code"]) == (403, "monthly_quota_exceeded")


def test_a_key_says_the_version_of_the_api_in_which_it_was_made(ada):
    key = ada.key()
    assert key.registered["api_version"] == "2026-11-01"
    (listed,) = ada.get("/v1/api_keys").json()["data"]
    assert listed["api_version"] == "2026-11-01"


def test_a_key_of_before_an_upgrade_repeats_what_it_has_asked_for_before(site, ada, monkeypatch):
    """After it, too; and in another version the same words are another request."""
    old = ada.key()
    first = old.create("one")
    monkeypatch.setattr("application.access.api_keys.API_VERSION", "2027-02-01")
    new = ada.key()
    assert new.registered["api_version"] == "2027-02-01"
    assert old.registered["api_version"] == "2026-11-01"
    again = old.create("one")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    other = new.create("one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert old.create("one").json()["id"] == first.json()["id"]


def test_faulty_requests_use_up_no_key(ada):
    assert ada.create("one", kind="nonsense").status_code == 400
    assert ada.create("one").status_code == 202


def test_a_repeat_while_the_first_is_being_worked_on_is_told_to_wait(site, ada):
    """The first one stops inside its transaction, with the key in its hand."""
    inside, go_on = threading.Event(), threading.Event()
    chain = site.house.chain
    steps = chain.steps

    def slow_steps(*about):
        inside.set()
        go_on.wait(10)
        return steps(*about)

    chain.steps = slow_steps
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ada.create, "one")
        assert inside.wait(10)
        second = ada.create("one")
        go_on.set()
        answered = first.result(10)
    assert (second.status_code, second.json()["code"]) == (409, "request_in_flight")
    assert (second.headers["Retry-After"], second.json()["retry"]) == ("1", "after_delay")
    assert answered.status_code == 202
    assert ada.create("one").json()["id"] == answered.json()["id"]


def test_fifty_at_once_start_one(ada):
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ada.create("one"), range(50)))
    assert {answered.status_code for answered in answers} <= {202, 409}
    for answered in answers:
        if answered.status_code == 409:
            assert answered.json()["code"] == "request_in_flight"
    (id,) = {answered.json()["id"] for answered in answers if answered.status_code == 202}
    assert ada.create("one").json()["id"] == id
    assert ada.balance == (20, 5)


def _organisation(person):
    id = parse_id(Prefix.ORGANISATION, person.organisation)
    assert id is not None
    return OrganisationId(id)


def grant(site, person, amount):
    site.grant_credits(_organisation(person), amount, "for the test", None)
