"""A stranger's id answers exactly like an unknown one, wherever an id can stand.

The cases are made from the router and from the shapes of requests: a new route with an id in its
path, body or query is tested from the day it exists, or this file fails until it knows how.
"""

import re

import pytest

from application.ports.storage.work import Scope
from domain.identifiers import IdentityId, Prefix, UserId, parse_id, public_id
from domain.sign_in import Identity
from entrypoints.http.answers import write_cursor
from entrypoints.http.app import create_app
from entrypoints.http.openapi import operations
from entrypoints.http.rules import PublicId
from entrypoints.http.short_lists import SHORT
from tests.application.house import House
from tests.http.site import PASSWORD, services_of, without_request_id

#: Ids that name nobody's things: every member may read them, and the last ones everybody.
COMMON = {
    "/v1/networks/{id}",
    "/v1/networks/{id}/status",
    "/v1/token_kinds/{kind}",
    "/m/{digest}",
}

ROUTES = [
    (re.sub(r":\w+}", "}", path), method, operation)
    for path, method, operation in operations(create_app(services_of(House())).routes)
]
WITH_ID = [
    (path, method, operation)
    for path, method, operation in ROUTES
    if "{" in path and path not in COMMON
]
WITH_BODY_ID = [
    (path, field.name, operation)
    for path, _, operation in ROUTES
    if operation.body is not None
    for field in operation.body.fields
    if isinstance(field.rule, PublicId)
]
WITH_CURSOR = [
    path
    for path, _, operation in ROUTES
    if operation.query is not None and "cursor" in {field.name for field in operation.query.fields}
]
#: Lists whose cursor is a place in the list's order.
PLACED = [
    path
    for path, _, operation in ROUTES
    if operation.query is not None and operation.query.name == SHORT.name
]
#: Lists that the payment provider keeps, of the caller's own customer (tests/billing).
FOREIGN = {"/v1/billing/invoices"}
#: Lists whose cursor is a place in the caller's own numbering, not an id.
NUMBERED = {
    "/v1/credits/journal",
    "/v1/deployments/{id}/audit_events",
    "/v1/operations/{id}/audit_events",
    "/v1/audit/events",
    "/v1/audit/checkpoints",
    "/v1/events",
}


KEY = {"Idempotency-Key": "key-1"}
GUEST = {"email": "guest@example.org", "role": "auditor"}


@pytest.fixture
def bob(site):
    return site.register("bob@example.org")


@pytest.fixture
def things(site, bob):
    """One of everything that Bob has, by the start of its path."""
    deployment = bob.deploy(client_reference="bob's")
    site.work_until_done()
    token = bob.issued(deployment)
    operation = bob.mint(token)
    key = bob.key().registered
    (account,) = bob.get("/v1/accounts").json()["data"]
    site.sell(bob, 10)
    given = {"to": public_id(Prefix.ORGANISATION, site.house.identifiers.next()), "credits": 1}
    hook = bob.post("/v1/webhook_endpoints", {"url": "https://hooks.example.com"}, headers=KEY)
    hook = hook.json()["id"]
    wish, changes = {"action": "rotate"}, f"/v1/accounts/{account['id']}/key_changes"
    changed = bob.post(changes, wish, headers=KEY).json()["id"]
    sent = bob.post(f"/v1/webhook_endpoints/{hook}/test", headers=KEY).json()["id"]
    gift = bob.post("/v1/credits/gifts", given, headers=KEY).json()["id"]
    return {
        "deployments": deployment["id"],
        "tokens": token["id"],
        "operations": operation["id"],
        "api_keys": key["id"],
        "accounts": account["id"],
        "key_changes": changed,
        "organisations": bob.organisation,
        "webhook_endpoints": hook,
        "deliveries": sent,
        "teams": bob.post("/v1/teams", {"name": "Ops"}, headers=KEY).json()["id"],
        "quotas": bob.registered["member"]["id"],
        "credits": gift,
        "gifts": gift,
        "events": bob.get("/v1/audit/events").json()["data"][0]["event"]["id"],
        "usage": bob.post("/v1/usage/holds", {"operation": "report"}, headers=KEY).json()["id"],
        "exports": bob.post("/v1/audit/exports", {"format": "csv"}, headers=KEY).json()["id"],
        "sessions": bob.registered["tokens"]["session"],
        "members": bob.registered["member"]["id"],
        "identities": an_identity(site, bob),
        "invitations": bob.post("/v1/members/invitations", GUEST).json()["id"],
        "grants": bob.get("/v1/credits/grants").json()["data"][0]["id"],
    }


def an_identity(site, person):
    """Of theirs, at a provider."""
    user = UserId(parse_id(Prefix.USER, person.registered["user"]["id"]))
    linked = Identity(
        user=user,
        id=IdentityId(site.house.identifiers.next()),
        issuer="https://login.example.com",
        subject_hash=bytes(32),
        linked_at=site.house.clock.now(),
    )
    with site.house.store.begin(Scope(user=user)) as work:
        assert work.identities.add(linked)
    return public_id(Prefix.IDENTITY, linked.id)


def _resource(path):
    """What the id in *path* is of: /v1/audit and /v1/auth are houses with several rooms."""
    words = path.split("/")
    if words[-1] == "policy":
        return "organisations"
    return words[3] if words[2] in {"audit", "auth"} or words[3] == "invitations" else words[2]


def unknown(site, id):
    """An id of the same kind that nobody has."""
    return public_id(Prefix(id.rpartition("_")[0]), site.house.identifiers.next())


def test_there_is_something_to_test():
    assert len(WITH_ID) >= 9
    assert len(WITH_BODY_ID) >= 4
    assert len(WITH_CURSOR) >= 4


@pytest.mark.parametrize(("path", "method", "operation"), WITH_ID, ids=lambda v: str(v)[:40])
def test_an_id_in_a_path(site, ada, things, path, method, operation):
    theirs = things[_resource(path)]
    headers = {"Idempotency-Key": "k", "Last-Event-ID": "0"}
    options = {"json": {}} if operation.body is not None else {}

    def ask(id):
        answered = ada.call(
            method.upper(),
            path.replace("{id}", id)
            .replace("{window}", "day")
            .replace("{number}", "1")
            .replace("{delivery}", things["deliveries"]),
            headers=headers,
            **options,
        )
        is_a_hold = path.startswith("/v1/usage/holds/")
        code = "hold_not_found" if is_a_hold else "not_found"
        assert (answered.status_code, answered.json()["code"]) == (404, code)
        return without_request_id(answered)

    assert ask(theirs) == ask(unknown(site, theirs)) == ask("nonsense") == ask("dep_%00é")


@pytest.mark.parametrize(("path", "name", "operation"), WITH_BODY_ID, ids=lambda v: str(v)[:40])
def test_an_id_in_a_body(site, ada, things, path, name, operation):
    theirs = things[{"account": "accounts", "deployment_id": "deployments"}.get(name, name + "s")]
    body = {
        "Credentials": {"email": "ada@example.org", "password": PASSWORD},
    }.get(operation.body.name, site.body())

    def ask(id, key):
        answered = ada.post(path, body | {name: id}, headers={"Idempotency-Key": key})
        compared = without_request_id(answered)
        # An id tells when it was made, to anybody.
        without_ids = re.sub(r"_[0-7][0-9a-z]{25}|'created_at': '[^']+'", "_ID", str(compared))
        return answered.status_code, without_ids

    assert ask(theirs, "one") == ask(unknown(site, theirs), "two")


@pytest.mark.parametrize(
    "path", [path for path in WITH_CURSOR if path not in {*NUMBERED, *FOREIGN, *PLACED}]
)
def test_an_id_in_a_cursor(site, ada, things, path):
    theirs = things[path.rpartition("/")[2]]
    if "webhook_endpoints" in path:
        hook = {"url": "https://hooks.example.com"}
        own = ada.post("/v1/webhook_endpoints", hook, headers=KEY).json()["id"]
        path = path.replace("{id}", own)
    elif "accounts" in path:
        (account,) = ada.get("/v1/accounts").json()["data"]
        path = path.replace("{id}", account["id"])
    elif "{id}" in path:
        deployment = ada.deploy("own")
        site.work_until_done()
        path = path.replace("{id}", ada.issued(deployment)["id"])

    def ask(id):
        answered = ada.get(path, params={"cursor": write_cursor(id)})
        assert answered.status_code == 400
        return without_request_id(answered)

    assert ask(theirs) == ask(unknown(site, theirs)) == ask("nonsense")


@pytest.mark.parametrize("path", sorted(NUMBERED))
def test_a_number_in_a_cursor_counts_ones_own(site, ada, bob, things, path):
    for number in range(3):
        bob.deploy(f"key {number}")
    own = ada.deploy("own")
    site.work_until_done()
    operation = ada.mint(ada.issued(own))["id"]
    path = path.replace("{id}", operation if "operations" in path else own["id"])
    everything = ada.get(path, params={"limit": 100}).json()["data"]
    for sequence in (3, 5, 1000):
        part = ada.get(path, params={"limit": 100, "cursor": write_cursor(str(sequence))})
        assert [each for each in part.json()["data"] if each not in everything] == []


@pytest.mark.parametrize("path", PLACED)
def test_a_place_in_a_cursor_is_one_in_ones_own_list(site, ada, bob, things, path):
    own = ada.deploy("own")
    site.work_until_done()
    operation = ada.mint(ada.issued(own))["id"]
    (account,) = ada.get("/v1/accounts").json()["data"]
    of = {"accounts": account["id"], "operations": operation, "deployments": own["id"]}
    path = path.replace("{id}", of.get(path.split("/")[2], ""))
    everything = ada.get(path).json()["data"]
    for place in ("", "~", "2026-11-21", bob.organisation, things["deployments"]):
        part = ada.get(path, params={"cursor": write_cursor(place)} if place else {})
        assert [each for each in part.json()["data"] if each not in everything] == []


def test_a_stream_is_continued_with_ones_own_events_only(site, ada, bob, things):
    own = ada.deploy("own")["id"]
    site.work_until_done()
    path = f"/v1/deployments/{own}/events"
    history = ada.get(f"/v1/deployments/{own}/history").json()["data"]
    theirs = bob.get(f"/v1/deployments/{things['deployments']}/history").json()["data"]
    for entry in theirs:
        told = ada.get(path, headers={"Last-Event-ID": str(entry["sequence"])}).text
        told_sequences = [int(id) for id in re.findall(r"^id: (\d+)$", told, re.MULTILINE)]
        assert told_sequences == [
            each["sequence"] for each in history if each["sequence"] > entry["sequence"]
        ]


def test_lists_show_ones_own(ada, things):
    for path in ("/v1/deployments", "/v1/api_keys"):
        assert ada.get(path).json()["data"] == []
    for path, count in (("/v1/accounts", 1), ("/v1/organisations", 1), ("/v1/credits/journal", 1)):
        answered = ada.get(path)
        assert len(answered.json()["data"]) == count
        assert not [id for id in things.values() if id in answered.text]


def test_a_strangers_client_reference_is_free(ada, things):
    found = ada.get("/v1/deployments", params={"client_reference": "bob's"}).json()
    assert found["data"] == []
    assert ada.create(client_reference="bob's").status_code == 202
