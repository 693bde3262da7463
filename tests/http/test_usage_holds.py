"""Another service spends an organisation's credits: hold, renew, capture, release."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve
from litestar.testing import TestClient

from adapters.system.group_commit import GroupCommit
from application.metered.spend import SpendCredits
from application.ports.storage.work import Scope
from domain.identifiers import OrganisationId, Prefix, parse_id
from entrypoints.http.services import Limits
from tests.catalogue import PROFESSIONAL
from tests.http.prepared import app_of
from tests.http.site import Site, services_of

HOLDS = "/v1/usage/holds"


@pytest.fixture
def pro(site, ada):
    """The owner of an organisation whose tariff includes premium calls, with 2,525 credits."""
    house = site.house
    house.set_tariff(
        OrganisationId(parse_id(Prefix.ORGANISATION, ada.organisation)),
        PROFESSIONAL,
        "for the test",
    )
    return ada


def hold(person, key="key-1", **body):
    asked = {"operation": "report"} | body
    return person.post(HOLDS, asked, headers={"Idempotency-Key": key})


def held(person, key="key-1", **body):
    answered = hold(person, key, **body)
    assert answered.status_code == 201, answered.text
    return answered.json()


def end(person, document, what, **body):
    return person.post(f"{HOLDS}/{document['id']}/{what}", body)


def code_of(answered):
    return answered.status_code, answered.json()["code"]


def test_what_is_captured_is_spent(ada):
    document = held(ada)
    assert (document["state"], document["credits"], document["operation"]) == ("held", 2, "report")
    assert ada.balance == (23, 2)
    captured = end(ada, document, "capture")
    assert captured.status_code == 200
    assert (captured.json()["state"], captured.json()["captured"]) == ("captured", 2)
    assert ada.balance == (23, 0)
    assert ada.get(f"{HOLDS}/{document['id']}").json() == captured.json()


def test_units_multiply_the_price_and_a_part_may_be_captured(ada):
    document = held(ada, units=4)
    assert document["credits"] == 8
    captured = end(ada, document, "capture", amount=3).json()
    assert captured["captured"] == 3
    assert ada.balance == (22, 0)


def test_what_is_released_is_given_back(ada):
    document = held(ada)
    assert end(ada, document, "release", failed=True).json()["state"] == "released"
    assert ada.balance == (25, 0)
    assert code_of(end(ada, document, "capture")) == (409, "hold_closed")


def test_a_hold_frees_itself_without_anybody_doing_anything(site, ada):
    document = held(ada, lease_seconds=5)
    site.house.pass_time(timedelta(seconds=5))
    assert ada.balance == (25, 0)
    assert ada.get(f"{HOLDS}/{document['id']}").json()["state"] == "expired"
    assert code_of(end(ada, document, "capture")) == (409, "hold_expired")
    assert code_of(end(ada, document, "renew")) == (409, "hold_expired")
    assert ada.balance == (25, 0)


def test_a_renewed_hold_lives_on_and_is_never_shortened(site, ada):
    document = held(ada, lease_seconds=5)
    site.house.pass_time(timedelta(seconds=4))
    renewed = end(ada, document, "renew", lease_seconds=60).json()
    assert end(ada, document, "renew", lease_seconds=1).json() == renewed
    site.house.pass_time(timedelta(seconds=59))
    assert end(ada, document, "capture").status_code == 200


def test_the_same_key_is_the_same_hold(ada):
    first = hold(ada)
    again = hold(ada)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert ada.balance == (23, 2)
    assert code_of(hold(ada, units=2)) == (422, "idempotency_key_reused")
    assert ada.balance == (23, 2)
    end(ada, first.json(), "capture")
    assert hold(ada).json()["state"] == "captured"
    assert ada.balance == (23, 0)


def test_a_refusal_repeats_to_its_key_for_a_day(site, ada):
    for number in range(2):
        held(ada, f"key {number}", units=5)
    assert code_of(hold(ada, "refused", units=5)) == (402, "insufficient_credits")
    end(ada, held(ada, "key 0", units=5), "release")
    assert code_of(hold(ada, "refused", units=5)) == (402, "insufficient_credits")
    assert code_of(hold(ada, "refused", units=4)) == (422, "idempotency_key_reused")
    assert hold(ada, "another", units=5).status_code == 201
    site.house.pass_time(timedelta(hours=24, seconds=1))
    ada.token = site.log_in()
    assert hold(ada, "refused", units=5).status_code == 201


def test_premium_calls_need_a_tariff_that_includes_them(ada):
    assert code_of(hold(ada, operation="premium_call")) == (403, "tariff_too_low")


def test_a_tariff_with_premium_includes_them(pro):
    assert held(pro, operation="premium_call")["credits"] == 3


@pytest.mark.parametrize("operation", ["deployment", "token_operation", "tea"])
def test_only_metered_operations_are_held_for(ada, operation):
    assert code_of(hold(ada, operation=operation)) == (422, "unknown_operation")


def test_the_hold_of_a_deployment_is_not_to_be_touched(site, ada):
    document = ada.deploy()
    for what in ("renew", "capture", "release"):
        assert code_of(end(ada, document["hold"], what)) == (404, "hold_not_found")
    assert code_of(ada.get(f"{HOLDS}/{document['hold']['id']}")) == (404, "hold_not_found")
    assert ada.balance == (20, 5)


def test_holds_of_others_do_not_exist(site, ada):
    document = held(ada)
    eve = site.register("eve@example.org")
    assert code_of(eve.get(f"{HOLDS}/{document['id']}")) == (404, "hold_not_found")
    for what in ("renew", "capture", "release"):
        assert code_of(end(eve, document, what)) == (404, "hold_not_found")
    # The same key is another hold with another organisation, and in the other mode.
    assert held(eve)["id"] != document["id"]
    live = ada.key(live=True, scopes=["usage:write"])
    assert held(live)["id"] != document["id"]


def test_a_key_of_the_other_mode_neither_reads_nor_ends_a_hold(site, ada):
    scopes = ["usage:write", "credits:read"]
    live, test = ada.key(live=True, scopes=scopes), ada.key(scopes=scopes)
    for owner, other in ((live, test), (test, live)):
        document = held(owner)
        path = f"{HOLDS}/{document['id']}"
        assert code_of(other.get(path)) == (403, "mode_mismatch")
        for what in ("renew", "capture", "release"):
            assert code_of(end(other, document, what)) == (403, "mode_mismatch")
        assert owner.get(path).json() == document
    # A session acts in both; what it ends stays in its mode in the trail.
    document = held(live)
    assert end(ada, document, "capture").status_code == 200
    organisation = OrganisationId(parse_id(Prefix.ORGANISATION, ada.organisation))
    with site.house.store.begin(Scope(organisation=organisation)) as work:
        told = [each.live for each in work.audit.all(limit=100) if "captured" in each.action]
    assert told == [True]


def test_a_key_needs_the_scope(ada):
    reader = ada.key(scopes=["credits:read"])
    assert code_of(hold(reader)) == (403, "forbidden")
    writer = ada.key(scopes=["usage:write"])
    document = held(writer)
    assert code_of(writer.get(f"{HOLDS}/{document['id']}")) == (403, "forbidden")
    assert reader.get(f"{HOLDS}/{document['id']}").status_code == 200
    assert document["requested_by"] == writer.registered["id"]


@pytest.mark.parametrize(
    "body",
    [
        {"operation": "report", "units": 0},
        {"operation": "report", "units": True},
        {"operation": "report", "units": 1.5},
        {"operation": "report", "lease_seconds": 301},
        {"operation": "report", "lease_seconds": 0},
        {"operation": "report", "output_units": -1},
        {"operation": "report", "tea": 1},
        {},
    ],
)
def test_malformed_requests_hold_nothing(ada, body):
    answered = ada.post(HOLDS, body, headers={"Idempotency-Key": "k"})
    assert code_of(answered) == (400, "validation_failed")
    assert ada.balance == (25, 0)


def test_a_hold_needs_a_key(ada):
    assert code_of(ada.post(HOLDS, {"operation": "report"})) == (400, "idempotency_key_missing")


def test_no_more_than_was_held_is_captured(ada):
    document = held(ada)
    assert code_of(end(ada, document, "capture", amount=3)) == (422, "exceeds_hold")
    assert end(ada, document, "capture", amount=0).json()["captured"] == 0
    assert ada.balance == (25, 0)


def test_capturing_again_is_the_same_capture(ada):
    document = held(ada)
    first = end(ada, document, "capture")
    assert end(ada, document, "capture").json() == first.json()
    assert code_of(end(ada, document, "capture", amount=1)) == (409, "hold_closed")
    assert code_of(end(ada, document, "release")) == (409, "hold_closed")
    assert ada.balance == (23, 0)


def test_every_posting_is_in_the_journal_and_the_trail(site, ada):
    document = held(ada, units=2)
    end(ada, document, "capture", amount=1)
    lines = ada.get("/v1/credits/journal").json()["data"][:3]
    assert [(line["action"], line["amount"]) for line in lines] == [
        ("credits.released", 3),
        ("credits.captured", 1),
        ("credits.held", 4),
    ]
    assert {line["hold"] for line in lines} == {document["id"]}


# The limits of metered calls.


def test_premium_calls_of_one_member_are_seconds_apart(site, pro):
    held(pro, "first", operation="premium_call")
    refused = hold(pro, "second", operation="premium_call")
    assert code_of(refused) == (429, "too_soon")
    assert refused.headers["Retry-After"] == "3"
    # What was asked before is no second call; nor is one of another class.
    assert hold(pro, "first", operation="premium_call").status_code == 201
    held(pro, "report")
    # A key is its maker's.
    by_key = hold(pro.key(scopes=["usage:write"]), operation="premium_call")
    assert code_of(by_key) == (429, "too_soon")
    site.house.pass_time(timedelta(seconds=3))
    held(pro, "second", operation="premium_call")


def test_one_request_has_a_most_of_credits_and_of_output(ada):
    assert code_of(hold(ada, "a", units=6)) == (422, "too_many_credits")
    assert code_of(hold(ada, "b", output_units=2_001)) == (422, "too_much_output")
    assert hold(ada, "c", units=5, output_units=2_000).status_code == 201
    assert ada.balance == (15, 10)


def test_five_overdrawn_spends_block_for_a_quarter_of_an_hour(site, ada):
    for number in range(2):
        held(ada, f"key {number}", units=5)
    held(ada, "key 2", units=2)
    for number in range(5):
        assert code_of(hold(ada, f"over {number}")) == (402, "insufficient_credits")
    blocked = hold(ada, "blocked")
    assert code_of(blocked) == (423, "spending_blocked")
    assert blocked.headers["Retry-After"] == "900"
    # The same refusal to the same key is no new attempt; and 423 is not kept.
    assert code_of(hold(ada, "over 0")) == (402, "insufficient_credits")
    site.house.pass_time(timedelta(minutes=15))
    ada.token = site.log_in()
    assert hold(ada, "blocked").status_code == 201


def test_each_rule_that_bites_is_told_once_a_minute(site, pro):
    held(pro, "first", operation="premium_call")
    for number in range(3):
        hold(pro, f"soon {number}", operation="premium_call")
    house = site.house
    scope = Scope(organisation=OrganisationId(parse_id(Prefix.ORGANISATION, pro.organisation)))
    with house.store.begin(scope) as work:
        told = [event for event in work.audit.all(limit=1_000) if event.action == "abuse.gap"]
    assert [event.subject for event in told] == [pro.registered["member"]["id"]]


def test_who_waits_for_a_turn_keeps_nobody_else_from_a_thread(house):
    """One thread for all requests, and eight that wait for a commit which takes its time."""
    is_free = threading.Event()
    services = services_of(house, limits=Limits(threads=1))
    serve = services.spend.together.commit

    def commit(turn):
        assert is_free.wait(30)
        return serve(turn)

    services = evolve(services, spend=SpendCredits(together=GroupCommit(commit)))
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        ada = Site(house, services, client).register()
        with ThreadPoolExecutor(8) as callers:
            asked = [callers.submit(hold, ada, f"key {number}") for number in range(8)]
            assert ada.balance == (25, 0)
            assert not any(each.done() for each in asked)
            is_free.set()
            assert [each.result().status_code for each in asked] == [201] * 8
        assert ada.balance == (9, 16)
