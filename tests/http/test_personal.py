"""Who did it, as auditors are told; and what is left of whoever was erased."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from application.operator.erase import EraseSubject
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.http.site import PASSWORD

ADDRESS = "ada@example.org"


@pytest.fixture
def erase(site, monkeypatch):
    house = site.house

    @contextmanager
    def container(_ctx):
        use_case = EraseSubject(
            store=house.store, clock=house.clock, identifiers=house.identifiers
        )
        yield SimpleNamespace(erase_subject=lambda: use_case)

    monkeypatch.setattr(setting_up, "container", container)
    return lambda *asked: CliRunner().invoke(main, ["users", "erase", *asked])


def told(ada, action):
    records = ada.get("/v1/audit/events", params={"action": action}).json()["data"]
    return [record["personal"] for record in records]


def test_events_tell_auditors_who_it_was(site, ada):
    site.log_in()
    (registered,), (logged_in,) = told(ada, "member.added"), told(ada, "session.opened")
    assert registered["fields"]["email"] == logged_in["fields"]["email"] == ADDRESS
    assert registered["fields"]["source"] == logged_in["fields"]["source"]
    assert not registered["erased"]
    assert told(ada, "organisation.created") == [None]
    (record,) = ada.get("/v1/audit/events", params={"action": "member.added"}).json()["data"]
    assert ADDRESS not in str(record["event"])
    one = ada.get(f"/v1/audit/events/{record['event']['id']}").json()
    assert one == record


def test_whoever_was_erased_is_told_of_no_more(site, ada, erase):
    key = ada.key(scopes=["audit:read"])
    done = erase(" Ada@Example.org", "--reason", "asked for", "--json")
    assert done.exit_code == 0, done.output
    assert '"api_keys_revoked": 1' in done.stdout
    id = json.loads(done.stdout)["user"]
    assert f"erasing {id}; should this be interrupted, repeat it with that id" in done.stderr
    again = json.loads(erase(id, "--reason", "asked for", "--json").stdout)
    assert (again["user"], again["was_erased_before"]) == (id, True)
    answered = ada.get("/v1/audit/events")
    assert answered.json()["code"] == "invalid_token"
    assert key.get("/v1/audit/events").json()["code"] == "invalid_api_key"
    answered = site.call("POST", "/v1/auth/login", json={"email": ADDRESS, "password": PASSWORD})
    assert answered.json()["code"] == "invalid_credentials"


def test_nobody_is_erased_whom_nobody_knows(erase):
    done = erase("nobody@example.org", "--reason", "asked for")
    assert done.exit_code == 1
    assert "there is no user" in done.stderr
