"""Exports of the trail, as members see them."""

import hashlib
import json
from datetime import timedelta

import pytest

from application.exports.expire import ExpireExports
from application.exports.request import MOST_UNDER_WAY
from application.ports.files import FilesUnavailableError
from application.ports.storage.work import Scope
from domain.identifiers import Prefix, parse_id
from domain.organisation import PERMISSIONS, Permission, Role

PATH = "/v1/audit/exports"


def code_of(answered):
    return answered.status_code, answered.json()["code"]


def ask(person, key="key-1", **body):
    return person.post(PATH, {"format": "jsonl"} | body, headers={"Idempotency-Key": key})


def make(site, answered, **changes):
    """What a worker does, once the export is asked for."""
    with site.house.store.begin(Scope.installation()) as work:
        waiting = work.exports.waiting(100)
    id = parse_id(Prefix.EXPORT, answered.json()["id"])
    for organisation, export in waiting:
        if export == id:
            site.house.make_export(**changes)(organisation, export)


def test_a_trail_is_asked_for_made_and_taken_away(site, ada):
    ada.deploy("one")
    site.work_until_done()
    asked = ask(ada)
    assert asked.status_code == 202
    shown = asked.json()
    assert asked.headers["Location"] == f"{PATH}/{shown['id']}"
    assert (shown["state"], shown["events_total"], shown["parts"]) == ("under_way", None, [])
    assert code_of(ada.get(f"{PATH}/{shown['id']}/manifest")) == (409, "export_not_ready")
    make(site, asked, part_limit=6_000)
    ready = ada.get(f"{PATH}/{shown['id']}").json()
    assert ready["state"] == "finished"
    assert ready["events_written"] == ready["events_total"] == shown["last_sequence"]
    assert len(ready["parts"]) > 1
    lines = []
    for part in ready["parts"]:
        got = ada.get(part["url"])
        assert got.headers["Content-Length"] == str(part["bytes"])
        assert got.headers["Content-Disposition"].endswith(f'{shown["id"]}-{part["name"]}"')
        assert hashlib.sha256(got.content).hexdigest() == part["sha256"]
        lines += [json.loads(line) for line in got.content.splitlines()]
    assert [line["body"]["sequence"] for line in lines] == [*range(1, len(lines) + 1)]
    manifest = ada.get(f"{PATH}/{shown['id']}/manifest")
    assert hashlib.sha256(manifest.content).hexdigest() == ready["digest"]
    assert [part["sha256"] for part in manifest.json()["parts"]] == [
        part["sha256"] for part in ready["parts"]
    ]
    assert ready["event"].startswith("evt_")


def test_a_repeat_is_the_same_export(site, ada):
    first, second = ask(ada), ask(ada)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json() == second.json()
    assert code_of(ask(ada, format="csv")) == (422, "idempotency_key_reused")


def test_what_is_wrong_with_it_is_said(ada):
    body = {
        "format": "xlsx",
        "since": "yesterday",
        "actor": "",
        "action": "é",
        "live": "yes",
        "colour": "red",
    }
    answered = ask(ada, **body)
    faults = {fault["pointer"] for fault in answered.json()["errors"]}
    assert faults == {"/format", "/since", "/actor", "/action", "/live", "/colour"}
    late = {"since": "2026-02-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    (fault,) = ask(ada, **late).json()["errors"]
    assert fault["pointer"] == "/until"


def test_filters_are_what_was_asked_for(site, ada):
    ada.deploy("one")
    site.work_until_done()
    filters = {
        "since": "2020-01-01T00:00:00.000000Z",
        "until": "2099-01-01T00:00:00.000000Z",
        "actor": "worker",
        "action": "deployment",
        "live": False,
    }
    asked = ask(ada, **filters)
    assert asked.json()["filters"] == filters | {"subject": None, "correlation_id": None}
    make(site, asked)
    (part,) = ada.get(f"{PATH}/{asked.json()['id']}").json()["parts"]
    bodies = [json.loads(line)["body"] for line in ada.get(part["url"]).content.splitlines()]
    assert bodies
    assert {body["actor"]["kind"] for body in bodies} == {"worker"}
    assert {body["action"].split(".")[0] for body in bodies} == {"deployment"}


def test_whoever_may_read_the_trail_may_take_it_along(site, ada):
    may = {role for role in Role if Permission.READ_AUDIT in PERMISSIONS[role]}
    assert may == {Role.OWNER, Role.COMPLIANCE, Role.AUDITOR}
    made = ask(ada).json()["id"]
    poor = ada.key(scopes=["deployments:read", "organisation:read"])
    for path in (PATH, f"{PATH}/{made}", f"{PATH}/{made}/manifest", f"{PATH}/{made}/parts/1"):
        assert code_of(poor.get(path)) == (403, "forbidden")
    assert code_of(ask(poor)) == (403, "forbidden")


def test_a_key_takes_away_events_of_its_mode_only(site, ada):
    everything = ask(ada, "everything")
    key = ada.key(scopes=["audit:read"])
    own = ask(key, "own")
    assert own.json()["filters"]["live"] is False
    make(site, own)
    make(site, everything)
    assert key.get(f"{PATH}/{own.json()['id']}/manifest").status_code == 200
    theirs = everything.json()["id"]
    for path in ("", "/manifest", "/parts/1"):
        assert code_of(key.get(f"{PATH}/{theirs}{path}")) == (403, "mode_mismatch")
    assert code_of(ask(key, "other", live=True)) == (403, "mode_mismatch")


def test_they_are_listed_newest_first_without_parts(site, ada):
    made = [ask(ada, str(number)) for number in range(3)]
    make(site, made[0])
    listed = ada.get(PATH, params={"limit": 2}).json()
    assert [each["id"] for each in listed["data"]] == [made[2].json()["id"], made[1].json()["id"]]
    rest = ada.get(PATH, params={"cursor": listed["next_cursor"]}).json()
    assert [(each["state"], each["parts"]) for each in rest["data"]] == [("finished", [])]


def test_there_is_an_end_to_how_many(site, ada):
    for number in range(MOST_UNDER_WAY):
        assert ask(ada, str(number)).status_code == 202
    refused = ask(ada, "one more")
    assert code_of(refused) == (429, "too_many_exports")
    assert refused.headers["Retry-After"] == "60"


def test_what_is_over_is_gone(site, ada):
    made = ask(ada)
    make(site, made)
    house = site.house
    house.pass_time(timedelta(days=8))
    ada.token = site.log_in()
    expire = ExpireExports(
        store=house.store, files=house.files, clock=house.clock, identifiers=house.identifiers
    )
    (part,) = ada.get(f"{PATH}/{made.json()['id']}").json()["parts"]
    assert expire() == 1
    assert ada.get(f"{PATH}/{made.json()['id']}").json()["state"] == "expired"
    for path in (part["url"], f"{PATH}/{made.json()['id']}/manifest"):
        assert code_of(ada.get(path)) == (410, "export_expired")


def test_files_that_do_not_answer_are_a_moments_trouble(site, ada):
    made = ask(ada)
    make(site, made)
    site.house.files.failure = FilesUnavailableError("/var/secret/place is gone")
    answered = ada.get(f"{PATH}/{made.json()['id']}/manifest")
    assert code_of(answered) == (503, "files_unavailable")
    assert "secret" not in answered.text


@pytest.mark.parametrize("number", ["0", "2", "01", "x", "-1"])
def test_there_is_no_such_part(site, ada, number):
    made = ask(ada)
    make(site, made)
    answered = ada.get(f"{PATH}/{made.json()['id']}/parts/{number}")
    assert code_of(answered) == (404, "not_found")
