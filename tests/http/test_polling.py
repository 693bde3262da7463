"""Whoever asks again is told when nothing has changed: ETag, If-None-Match, 304."""

import pytest

from entrypoints.http import openapi
from entrypoints.http.app import RESOURCES
from tests.http.test_audit import seal  # noqa: F401 - a fixture

KEY = {"Idempotency-Key": "key-1"}
HANDLERS = [handler for resource in RESOURCES for handler in resource.HANDLERS]
POLLED = {
    operation.id: path
    for path, _, operation in openapi.operations_of(HANDLERS)
    if operation.is_polled
}


@pytest.fixture
def places(site, ada, seal):  # noqa: F811 - the fixture of that name
    """Where each of them is, for Ada."""
    deployment = ada.deploy()
    site.work_until_done()
    token = ada.issued(deployment)
    operation = ada.mint(token)["id"]
    hook = ada.post("/v1/webhook_endpoints", {"url": "https://hooks.example.com"}, headers=KEY)
    hook = hook.json()["id"]
    sent = ada.post(f"/v1/webhook_endpoints/{hook}/test", headers=KEY).json()["id"]
    export = ada.post("/v1/audit/exports", {"format": "csv"}, headers=KEY).json()["id"]
    ada.get(deployment["links"]["evidence"])
    seal()
    event = ada.get("/v1/audit/events").json()["data"][0]["event"]["id"]
    (account,) = ada.get("/v1/accounts").json()["data"]
    change = ada.post(
        f"/v1/accounts/{account['id']}/key_changes", {"action": "rotate"}, headers=KEY
    )
    ids = {
        "get_key_change": change.json()["id"],
        "get_deployment": deployment["id"], "get_evidence": deployment["id"],
        "get_operation": operation, "list_operations": token["id"],
        "get_organisation": ada.organisation, "get_account": account["id"],
        "get_webhook_endpoint": hook, "get_webhook_delivery": hook, "get_export": export,
        "prove_audit_event": event,
    }  # fmt: skip
    return {
        name: path.replace("{id:str}", ids.get(name, "")).replace("{delivery:str}", sent)
        for name, path in POLLED.items()
        if name != "get_approval"  # below
    }


def test_what_members_poll_carries_a_tag():
    assert {
        "get_deployment", "list_deployments", "get_operation", "list_operations", "list_tokens",
        "get_webhook_endpoint", "list_webhook_endpoints", "get_organisation", "get_export",
    } <= set(POLLED)  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(POLLED) - {"get_approval"}))
def test_what_has_not_changed_is_not_sent_again(ada, places, name):
    first = ada.get(places[name])
    assert first.status_code == 200, first.text
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Authorization"
    tag = first.headers["ETag"]
    assert tag.startswith('"'), "strong: it is of exactly these bytes"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = ada.get(places[name], headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        for header in ("ETag", "Cache-Control", "Vary", "X-Request-Id"):
            assert header in again.headers
    assert ada.get(places[name], headers={"If-None-Match": '"other"'}).content == first.content


@pytest.mark.parametrize("name", sorted(set(POLLED) - {"get_approval"}))
def test_a_tag_is_of_no_use_to_another_organisation(site, ada, places, name):
    """Who knows what somebody else has been answered is answered as if they did not."""
    bob = site.register("bob@example.org")
    tag = {"If-None-Match": ada.get(places[name]).headers["ETag"]}
    with_it, without = bob.get(places[name], headers=tag), bob.get(places[name])
    assert with_it.status_code == without.status_code != 304 or "audit/checkpoints" in places[name]
    stranger = site.call("GET", places[name], headers=tag)
    assert stranger.status_code == 401


def test_a_change_has_another_tag(site, ada):
    deployment = ada.deploy()
    path = f"/v1/deployments/{deployment['id']}"
    before = {each: ada.get(each).headers["ETag"] for each in (path, "/v1/deployments")}
    site.work_until_done()
    for each, tag in before.items():
        answered = ada.get(each, headers={"If-None-Match": tag})
        assert (answered.status_code, answered.headers["ETag"] == tag) == (200, False)


def test_what_is_not_polled_is_not_kept(ada):
    for path in ("/v1/credits/balance", "/v1/networks"):
        headers = ada.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "ETag" not in headers
