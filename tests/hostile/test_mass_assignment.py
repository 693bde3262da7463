"""Fields that nobody asked for: refused on every route that takes a body or a query.

The routes come from the router, so one that is added tomorrow is tried tomorrow.
"""

import re

import pytest

from entrypoints.http.app import create_app
from entrypoints.http.openapi import operations
from tests.application.house import House
from tests.http.site import services_of

#: What an attacker would like to set; whichever of them a route really has is left out for it.
WANTED = (
    "id", "organisation", "organisation_id", "user", "user_id", "owner", "member", "role", "roles",
    "is_admin", "admin", "permissions", "scopes", "credits", "balance", "price", "tariff", "state",
    "status", "live", "created_at", "created_by", "verified", "email_verified", "password_hash",
    "approved", "hold_id", "__proto__", "constructor", "$where", "metadata[role]",
)  # fmt: skip
#: Providers add members of their own to what they send back; what is not known is not read.
LENIENT = {("/v1/auth/sso/callback", "get")}

ROUTES = [
    (re.sub(r":\w+}", "}", path), method, operation)
    for path, method, operation in operations(create_app(services_of(House())).routes)
]
BODIES = [each for each in ROUTES if each[2].body is not None]
QUERIES = [
    each
    for each in ROUTES
    if each[2].query is not None and each[0] not in {path for path, _ in LENIENT}
]


def filled(path, person):
    """A path with ids that could be: bodies are looked at before anything is looked up, or the
    thing is not found.
    """
    return path.replace("{id}", person.organisation) if "organisations" in path else path


def test_there_is_something_to_try():
    assert len(BODIES) > 40
    assert len(QUERIES) > 15


def test_every_field_that_nobody_asked_for_is_named_and_refused_in_every_body(ada):
    """Also those that the answer to the same route has."""
    for path, method, operation in BODIES:
        known = {field.name for field in operation.body.fields}
        extra = [name for name in WANTED if name not in known]
        answered = ada.call(
            method.upper(),
            filled(path, ada),
            json=dict.fromkeys(extra, "x"),
            headers={"Idempotency-Key": f"{method} {path}"},
        )
        if answered.status_code == 404 and "{" in path:
            # Nothing to change, whatever is said of it.
            continue
        assert answered.status_code == 400, (path, answered.text)
        found = answered.json()["errors"]
        unknown = {each["pointer"][1:] for each in found if each["code"] == "unknown_field"}
        assert unknown == set(extra), path


@pytest.mark.parametrize(
    ("path", "method", "operation"), QUERIES, ids=[f"{m} {p}"[:60] for p, m, _ in QUERIES]
)
def test_nor_is_one_taken_in_a_query(ada, path, method, operation):
    known = {field.name for field in operation.query.fields}
    extra = [name for name in WANTED if name not in known]
    answered = ada.call(
        method.upper(), filled(path, ada), params=dict.fromkeys(extra, "x"), follow_redirects=False
    )
    if answered.status_code == 404 and "{" in path:
        return
    assert answered.status_code == 400, answered.text
    unknown = [e for e in answered.json()["errors"] if e["code"] == "unknown_field"]
    assert len(unknown) == len(extra)


def test_nobody_registers_with_a_role_or_credits(site):
    body = {"email": "eve@evil.example", "password": "x" * 9 + "y" * 5, "organisation": "Evil"}
    for extra in (
        {"role": "owner"},
        {"credits": 10**6},
        {"tariff": "enterprise"},
        {"id": "org_1"},
    ):
        answered = site.call("POST", "/v1/auth/register", json=body | extra)
        assert (answered.status_code, answered.json()["code"]) == (400, "validation_failed")


def test_a_role_is_not_changed_by_a_field_beside_it(site, ada):
    member = ada.registered["member"]["id"]
    answered = ada.call(
        "PATCH", f"/v1/members/{member}", json={"role": "owner", "organisation": "org_x"}
    )
    assert answered.status_code == 400
