"""Mint, burn, pause: one order, one effect, and an exact bill."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.evm.standards import kinds
from domain.operation import OperationKind
from domain.token import Action, Order
from entrypoints.http import timeline
from tests.http.test_events import NEVER_SAID, events


@pytest.fixture
def token(ada):
    return ada.issue()


def now(person, thing):
    return person.get(thing["links"]["self"]).json()


def same(id, prefix):
    """The same UUID under another prefix."""
    return f"{prefix}_{id.rpartition('_')[2]}"


def test_more_of_a_token_from_the_order_to_the_bill(site, ada, token):
    operation = ada.mint(token, "500", client_reference="more", metadata={"why": "demand"})
    assert operation["id"].startswith("op_")
    assert (operation["state"], operation["action"]) == ("Queued", "mint")
    assert operation["parameters"] == {"amount": "500", "to": token["owner"]}
    assert (operation["token"], operation["links"]["token"]) == (
        token["id"],
        token["links"]["self"],
    )
    assert ada.balance == (19, 1)

    site.work_until_done()

    done = now(ada, operation)
    assert (done["state"], done["waiting"], done["address"]) == (
        "Completed",
        None,
        token["address"],
    )
    assert [(step["name"], step["final"]) for step in done["steps"]] == [
        ("fund", True),
        ("mint", True),
    ]
    assert ada.balance == (19, 0)
    shown = now(ada, token)
    assert (shown["state"]["supply"], shown["differences"]) == ("1500", [])
    journal = ada.get("/v1/credits/journal").json()["data"]
    assert [(line["operation"], line["deployment"]) for line in journal[:3]] == [
        (done["id"], None),
        (done["id"], None),
        (None, token["deployment"]),
    ]
    trail = ada.get(operation["links"]["audit_events"]).json()["data"]
    assert (trail[0]["action"], trail[-1]["action"]) == ("mint.queued", "mint.completed")
    assert {event["subject"] for event in trail} == {operation["id"]}


def test_what_is_done_shows_in_the_token(site, ada, token):
    for number, (action, parameters) in enumerate(
        [("pause", {}), ("burn", {"amount": "1"}), ("unpause", {}), ("burn", {"amount": "100"})]
    ):
        ada.operate(token, action, parameters, key=f"order {number}")
        site.work_until_done()
        shown = now(ada, token)
        if action == "pause":
            assert shown["state"]["paused"] is True
        assert shown["differences"] == []
    assert shown["state"]["paused"] is False
    listed = ada.get(token["links"]["operations"]).json()["data"]
    assert [each["action"] for each in listed] == ["burn", "unpause", "burn", "pause"]


def test_operations_are_listed_for_their_token_page_by_page(site, ada, token):
    other = ada.issue("another")
    ids = [ada.mint(token, key=f"k{n}", client_reference=f"r{n}")["id"] for n in range(3)]
    elsewhere = ada.mint(other, key="other", client_reference="other")
    path = token["links"]["operations"]
    first = ada.get(f"{path}?limit=2").json()
    rest = ada.get(f"{path}?limit=2&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in first["data"] + rest["data"]] == ids[::-1]
    for query, wanted in [
        ("state=Queued", ids[::-1]),
        ("state=Completed", []),
        ("client_reference=r1", [ids[1]]),
        ("client_reference=other", []),
    ]:
        found = ada.get(f"{path}?{query}").json()["data"]
        assert [each["id"] for each in found] == wanted, query
    listed = ada.get(other["links"]["operations"]).json()["data"]
    assert [each["id"] for each in listed] == [elsewhere["id"]]


def test_a_repeated_order_is_one_order(site, ada, token):
    order = token, "mint", {"amount": "5", "to": token["owner"]}
    first = ada.order(*order)
    assert (first.status_code, "Idempotent-Replayed" in first.headers) == (202, False)
    assert first.headers["Location"] == f"/v1/operations/{first.json()['id']}"
    site.work_until_done()
    again = ada.order(*order)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json()["state"] == "Completed"
    other = ada.order(token, "burn", {"amount": "5"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = ada.order(ada.issue("another"), *order[1:])
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "idempotency_key_reused")


def test_an_order_needs_a_key(ada, token):
    answered = ada.post(token["links"]["operations"], {"action": "pause"})
    assert (answered.status_code, answered.json()["code"]) == (400, "idempotency_key_missing")


def test_twenty_at_once_are_one_order(ada, token):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ada.order(token, "pause"), range(20)))
    assert {answered.status_code for answered in answers} <= {202, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 202}) == 1
    assert ada.balance == (19, 1)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"/action": "missing"}),
        ({"action": "steal"}, {"/action": "not_offered"}),
        ({"action": 1, "odd": 1}, {"/action": "wrong_type", "/odd": "unknown_field"}),
        (
            {"action": "mint"},
            {"/parameters/amount": "missing", "/parameters/to": "missing"},
        ),
        (
            {"action": "mint", "parameters": {"amount": 5, "to": "x"}, "metadata": 1},
            {
                "/metadata": "wrong_type",
                "/parameters/amount": "wrong_type",
                "/parameters/to": "not_an_address",
            },
        ),
        ({"action": "pause", "parameters": []}, {"/parameters": "wrong_type"}),
        ({"action": "pause", "parameters": None}, {"/parameters": "wrong_type"}),
        ({"action": "pause", "parameters": {"x": 1}}, {"/parameters/x": "unknown_field"}),
    ],
)
def test_every_fault_of_an_order_is_told_at_its_place(ada, token, body, faults):
    path, headers = token["links"]["operations"], {"Idempotency-Key": "k"}
    answered = ada.post(path, body, headers=headers)
    assert (answered.status_code, answered.json()["code"]) == (400, "validation_failed")
    assert {each["pointer"]: each["code"] for each in answered.json()["errors"]} == faults
    # And the key is still free.
    assert ada.post(path, {"action": "pause"}, headers=headers).status_code == 202


def test_what_a_kind_does_not_know_cannot_be_ordered(ada):
    token = ada.issue(kind="memory_fixed")
    answered = ada.order(token, "mint", {"amount": "5", "to": token["owner"]})
    assert (answered.status_code, answered.json()["code"]) == (422, "action_not_offered")
    assert ada.balance == (20, 0)


def test_nothing_is_ordered_of_a_token_that_does_not_exist_yet(ada):
    deployment = ada.deploy()
    answered = ada.order({"id": same(deployment["id"], "tok")}, "pause")
    assert (answered.status_code, answered.json()["code"]) == (409, "token_not_issued")


def test_a_reference_is_used_once_for_deployments_and_orders_alike(ada, token):
    ada.mint(token, client_reference="one")
    for answered in (
        ada.order(token, "pause", key="other", client_reference="one"),
        ada.create("another", client_reference="one"),
    ):
        assert (answered.status_code, answered.json()["code"]) == (409, "client_reference_used")
    assert ada.get("/v1/deployments?client_reference=one").json()["data"] == []


def test_without_credits_nothing_is_ordered(site, ada):
    tokens = [ada.issue(f"key-{number}") for number in range(5)]
    answered = ada.order(tokens[0], "pause")
    assert (answered.status_code, answered.json()["code"]) == (402, "insufficient_credits")


def test_deployments_and_operations_are_not_each_other(site, ada, token):
    """The same UUID under the other prefix is nothing, whoever asks and whatever for."""
    operation = ada.mint(token)
    pairs = [
        ("/v1/deployments", same(operation["id"], "dep")),
        ("/v1/operations", same(token["id"], "op")),
        ("/v1/deployments", operation["id"]),
        ("/v1/operations", token["deployment"]),
    ]
    for collection, id in pairs:
        for method, rest in [
            ("GET", ""),
            ("GET", "/history"),
            ("GET", "/events"),
            ("GET", "/audit_events"),
            ("POST", "/cancel"),
            ("POST", "/retry"),
        ]:
            path = f"{collection}/{id}{rest}"
            options = {"json": {}} if method == "POST" else {}
            answered = ada.call(method, path, headers={"Idempotency-Key": "k"}, **options)
            assert (answered.status_code, answered.json()["code"]) == (404, "not_found"), path
    assert ada.get(f"/v1/tokens/{same(operation['id'], 'tok')}").status_code == 404
    assert now(ada, operation)["state"] == "Queued"
    listed = ada.get("/v1/deployments").json()["data"]
    assert [each["id"] for each in listed] == [token["deployment"]]
    assert [each["id"] for each in ada.get("/v1/tokens").json()["data"]] == [token["id"]]


def test_an_order_is_withdrawn_before_anything_is_sent(site, ada, token):
    operation = ada.mint(token)
    cancelled = ada.post(f"{operation['links']['self']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "Cancelled")
    assert ada.balance == (20, 0)
    site.work_until_done()
    assert now(ada, token)["state"]["supply"] == "1000"


def test_what_may_take_effect_cannot_be_withdrawn(site, ada, token):
    operation = ada.mint(token)
    site.work_until_done()
    answered = ada.post(f"{operation['links']['self']}/cancel")
    assert (answered.status_code, answered.json()["code"]) == (409, "too_late_to_cancel")


def test_an_order_that_failed_without_effect_is_tried_again(site, ada, token):
    operation = ada.operate(token, "burn", {"amount": "5"})
    site.house.chain.refuses = "the token is cursed"
    site.work_until_done(1)
    failed = now(ada, operation)
    assert (failed["state"], failed["failure"]["retryable"]) == ("Failed", True)
    assert failed["failure"]["detail"].startswith("The network would refuse this order")
    told = ada.get(operation["links"]["history"]).json()["data"][-1]["message"]
    assert told.startswith("The network would refuse this order")
    assert ada.balance == (20, 0)
    site.house.chain.refuses = None
    retry = f"{operation['links']['self']}/retry"
    assert ada.post(retry).json()["code"] == "idempotency_key_missing"
    again = ada.post(retry, headers={"Idempotency-Key": "again"})
    assert (again.status_code, again.json()["state"]) == (202, "Queued")
    assert again.headers["Location"] == operation["links"]["self"]
    replayed = ada.post(retry, headers={"Idempotency-Key": "again"})
    assert replayed.headers["Idempotent-Replayed"] == "true"
    site.work_until_done()
    assert now(ada, operation)["state"] == "Completed"
    assert now(ada, token)["state"]["supply"] == "995"


def test_a_poll_without_news_costs_no_body(site, ada, token):
    path = ada.mint(token)["links"]["self"]
    tag = ada.get(path).headers["ETag"]
    assert ada.get(path, headers={"If-None-Match": tag}).status_code == 304
    site.work_until_done()
    assert ada.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_a_stream_tells_what_the_history_tells(site, ada, token):
    operation = ada.mint(token)
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(ada.get, operation["links"]["events"])
        site.work_until_done()
        told = events(streamed.result(20).text)
    history = ada.get(operation["links"]["history"]).json()["data"]
    assert [entry for _, _, entry in told] == history
    assert told[-1][1] == "mint.completed"
    again = ada.get(operation["links"]["events"], headers={"Last-Event-ID": str(told[-1][0])})
    assert (again.status_code, again.content) == (204, b"")


def test_the_history_of_an_order_in_two_steps(site, ada, token):
    operation = ada.mint(token, "1250")
    site.work_until_done()
    history = ada.get(operation["links"]["history"]).json()["data"]
    told = {entry["event"]: entry["message"] for entry in history}
    assert (
        told["mint.queued"] == "The order to create 12.5 HZL was accepted, and will cost 1 credit."
    )
    assert re.fullmatch(r"Step 1 is done, in block \d+, and .*", told["mint.step_confirmed"])
    assert told["mint.step_sent"] == "The network has taken the transaction of step 2."
    assert told["mint.completed"] == "12.5 HZL more exist; it cost 1 credit."
    assert not [each for each in told.values() if NEVER_SAID.search(each)]
    assert [e["state"] for e in history if e["reason_code"]] == [
        "Submitted", "Pending", "Confirmed", "Indexed", "Completed",
    ]  # fmt: skip
    assert {entry["token"] for entry in history} == {None, token["address"]}


def test_there_are_words_for_every_order_and_its_failures():
    assert set(timeline._ORDERS) == set(Action)
    assert {kind.value for kind in OperationKind if kind.is_on_a_token} <= timeline._NOUNS
    assert timeline._OF_ORDERS.keys() <= timeline._SENTENCES.keys()
    assert timeline._FAILED_ORDERS.keys() == timeline._FAILURES.keys()
    sentences = [*timeline._OF_ORDERS.values(), *timeline._FAILED_ORDERS.values()]
    assert not [each for each in sentences if NEVER_SAID.search(each)]


@pytest.mark.parametrize(
    ("amount", "decimals", "told"),
    [
        (0, 2, "0 X"),
        (5, 0, "5 X"),
        (500, 2, "5 X"),
        (1250, 2, "12.5 X"),
        (1, 18, "0.000000000000000001 X"),
        (10**40 + 1, 1, "1" + "0" * 39 + ".1 X"),
    ],
)
def test_amounts_are_told_as_people_read_them(amount, decimals, told):
    assert timeline.in_units(amount, decimals, "X") == told


def test_a_symbol_is_told_as_it_is(site, ada):
    """Braces in it mean nothing."""
    token = ada.issue(token={"name": "N", "symbol": "{price}", "decimals": 0, "supply": "1"})
    operation = ada.operate(token, "pause")
    (queued,) = ada.get(operation["links"]["history"]).json()["data"]
    assert queued["message"].startswith("The order to stop all transfers of {price} was")


@pytest.mark.parametrize(("scope", "may"), [("tokens:write", True), ("deployments:write", False)])
def test_orders_need_a_permission_of_their_own(site, ada, token, scope, may):
    key = ada.key(scopes=[scope])
    answered = key.order(token, "pause")
    assert answered.status_code == (202 if may else 403)
    operation = ada.mint(token, key="by a member")
    cancelled = key.post(f"{operation['links']['self']}/cancel")
    assert cancelled.status_code == (200 if may else 403)
    deployment = ada.deploy("to cancel")
    cancelled = key.post(f"{deployment['links']['self']}/cancel")
    assert cancelled.status_code == (403 if may else 200)


def test_a_live_key_orders_nothing_of_a_test_token(site, ada, token):
    answered = ada.key(live=True).order(token, "pause")
    assert (answered.status_code, answered.json()["code"]) == (403, "mode_mismatch")


def test_who_may_not_order_learns_nothing_of_what_there_is(site, ada, token):
    """Refused before the body is looked at, and before anybody's ids are."""
    faulty, headers = {"action": "steal"}, {"Idempotency-Key": "k"}
    reader = ada.key(scopes=["deployments:read"])
    for id in (token["id"], f"tok_{'0' * 26}"):
        answered = reader.post(f"/v1/tokens/{id}/operations", faulty, headers=headers)
        assert (answered.status_code, answered.json()["code"]) == (403, "forbidden")
    answered = ada.key(live=True).post(token["links"]["operations"], faulty, headers=headers)
    assert (answered.status_code, answered.json()["code"]) == (403, "mode_mismatch")


def test_the_example_of_an_order_is_one(site):
    schemas = site.client.get("/openapi.json").json()["components"]["schemas"]
    order, asked = schemas["OperationRequest"]["example"], schemas["DeploymentRequest"]["example"]
    kind = kinds()[asked["kind"]]
    made = kind.order(kind.token(asked["token"]), Action(order["action"]), order["parameters"])
    assert isinstance(made, Order)
