"""Lists are pages of at most 100; pages of one make the whole list, whatever goes meanwhile."""

import pytest

from entrypoints.http import openapi
from entrypoints.http.answers import write_cursor
from entrypoints.http.app import RESOURCES
from entrypoints.http.schemas import SCHEMAS
from entrypoints.http.short_lists import SHORT

ROUTES = [
    (path.replace(":str}", "}"), operation)
    for path, method, operation in openapi.operations_of(
        handler for resource in RESOURCES for handler in resource.HANDLERS
    )
    if method == "get"
]
#: What has `data` and is no list: a report that is about one thing.
REPORTS = {"/v1/credits/usage"}


def is_list(operation):
    fields = SCHEMAS.get(operation.answers, {}).get("properties", {})
    return fields.get("data", {}).get("type") == "array"


def fields_of(operation):
    return {field.name: field for field in operation.query.fields} if operation.query else {}


@pytest.mark.parametrize(
    ("path", "operation"),
    [(path, operation) for path, operation in ROUTES if is_list(operation)],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_list_is_pages(path, operation):
    if path in REPORTS:
        return
    fields = fields_of(operation)
    assert {"limit", "cursor"} <= set(fields)
    assert fields["limit"].rule.schema()["maximum"] == 100
    assert {"has_more", "next_cursor"} <= set(SCHEMAS[operation.answers]["properties"])


def test_there_are_lists():
    assert sum(is_list(operation) for _, operation in ROUTES) > 25


#: Of which the house has one, or none.
FEW = {
    "/v1/networks", "/v1/organisations", "/v1/accounts", "/v1/audit/keys", "/v1/members",
    "/v1/auth/identities", "/v1/accounts/{id}/balances",
}  # fmt: skip


def key(number):
    return {"Idempotency-Key": f"key {number}"}


@pytest.fixture
def lively(site, ada):
    """Two or more of everything that is listed."""
    member = ada.registered["member"]["id"]
    for number in range(3):
        made = ada.post("/v1/teams", {"name": f"Team {number}"}, headers=key(number))
        team = made.json()["id"]
        ada.call("PUT", f"/v1/quotas/{team}/day", json={"limit": 10})
        hook = {"url": f"https://hooks.example.com/{number}"}
        ada.post("/v1/webhook_endpoints", hook, headers=key(number))
        email = f"guest-{number}@example.org"
        ada.post("/v1/members/invitations", {"email": email, "role": "auditor"})
        site.log_in()
    ada.call("PUT", f"/v1/quotas/{member}/month", json={"limit": 10})
    deployment = ada.deploy()
    site.work_until_done()
    ada.mint(ada.issued(deployment))
    site.work_until_done()
    return ada, deployment["id"]


def in_pages(person, path, limit=1):
    """All of a list's items, by following its cursors."""
    items, query = [], {"limit": limit}
    while True:
        answered = person.get(path, params=query)
        assert answered.status_code == 200, answered.text
        told = answered.json()
        assert len(told["data"]) <= limit
        items += told["data"]
        if not told["has_more"]:
            assert told["next_cursor"] is None
            return items
        assert told["next_cursor"] != query.get("cursor"), "it does not go on"
        query["cursor"] = told["next_cursor"]


@pytest.mark.parametrize("template", [path for path, each in ROUTES if each.query is SHORT])
def test_pages_of_one_make_the_whole_list(site, lively, template):
    person, deployment = lively
    path = template
    if "operations" in path:
        token = deployment.replace("dep_", "tok_")
        id = person.get(f"/v1/tokens/{token}/operations").json()["data"][0]["id"]
        path = path.replace("{id}", id)
    account = person.get("/v1/accounts").json()["data"][0]["id"]
    path = path.replace("{id}", account if "accounts" in path else deployment)
    whole = person.get(path).json()
    assert whole["has_more"] is False
    assert in_pages(person, path) == whole["data"]
    assert in_pages(person, path, 2) == whole["data"]
    assert template in FEW or len(whole["data"]) > 1


def test_what_is_taken_away_between_two_pages_takes_nothing_else_along(lively):
    person, _ = lively
    path = "/v1/webhook_endpoints"
    first, second, third = person.get(path).json()["data"]
    begun = person.get(path, params={"limit": 1}).json()
    assert begun["data"] == [first]
    for gone in (first, second):
        person.call("DELETE", f"{path}/{gone['id']}")
    left = person.get(path, params={"cursor": begun["next_cursor"]}).json()
    assert [each["id"] for each in left["data"]] == [third["id"]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 101}, "out_of_range"),
        ({"limit": 0}, "out_of_range"),
        ({"cursor": "é"}, "invalid_cursor"),
        ({"offset": 3}, "unknown_field"),
    ],
)
def test_a_page_that_there_is_not(ada, query, code):
    answered = ada.get("/v1/teams", params=query)
    assert answered.status_code == 400
    assert [fault["code"] for fault in answered.json()["errors"]] == [code]


def test_a_place_behind_the_last_is_an_empty_page(lively):
    person, _ = lively
    told = person.get("/v1/teams", params={"cursor": write_cursor("~")}).json()
    assert told == {"data": [], "has_more": False, "next_cursor": None}
