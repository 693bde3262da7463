"""The audit over HTTP: events, proofs, checkpoints, and evidence."""

import json
from base64 import b64decode
from hashlib import sha256

import pytest
from attrs import evolve

from adapters.memory.chain.node import Anchoring
from adapters.memory.signatures import MemoryVerification
from application.anchors.request import RequestAnchor
from application.audit.trail import Trail
from application.ports.storage.work import Scope
from domain.audit import OPERATOR
from domain.identifiers import INSTALLATION, Prefix, parse_id, public_id
from domain.organisation import PERMISSIONS, Permission, Role
from domain.retention import Archive, Month
from tallystick_verifier import Given, NamedKey, verify
from tests.application.sealing import Sealing
from tests.http.site import INSTALLATION_ID

ORIGIN = f"issue.example.com/audit/{public_id(Prefix.INSTALLATION, INSTALLATION_ID)}/1"
TEXT = {"Accept": "text/plain"}


@pytest.fixture
def seal(site):
    return Sealing(
        house=site.house, seals=site.house.store.seal_store(), installation=INSTALLATION_ID
    )


@pytest.fixture
def issued(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    return ada.get(deployment["links"]["self"]).json()


def test_evidence_is_awaited_and_then_convinces_a_stranger(ada, issued, seal):
    link = issued["links"]["evidence"]
    awaited = ada.get(link)
    assert awaited.status_code == 202
    assert awaited.headers["Retry-After"] == "5"
    receipt = awaited.json()
    assert ada.get(link).json() == receipt
    seal()
    answered = ada.get(link)
    assert answered.status_code == 200
    assert answered.headers["Content-Type"] == "application/json"
    assert answered.headers["Content-Disposition"] == (
        f'attachment; filename="{issued["id"]}.evidence.json"'
    )
    report = verify(answered.content, Given(keys=[NamedKey(sha256(seal.key.raw).hexdigest())]))
    assert report.refused is None, report
    last = json.loads(answered.content)["events"][-1]
    leaf = b"tallystick.audit.v1\0" + b64decode(last["salt"]) + b64decode(last["body"])
    assert receipt["leaf_hash"] == sha256(b"\0" + leaf).hexdigest()
    known = {"If-None-Match": answered.headers["ETag"]}
    assert ada.get(link, headers=known).status_code == 304


def test_what_is_not_over_has_no_evidence_yet(ada):
    answered = ada.get(ada.deploy()["links"]["evidence"])
    assert (answered.status_code, answered.json()["code"]) == (409, "evidence_not_ready")
    assert answered.json()["retry"] == "after_delay"
    assert answered.headers["Retry-After"] == "5"


def test_events_are_pages_oldest_first(ada, issued):
    path, found = "/v1/audit/events", []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = ada.get(path, params=params).json()
        found += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    sequences = [each["event"]["sequence"] for each in found]
    assert sequences == [*range(1, len(sequences) + 1)]
    assert len(sequences) > 10
    for each in found:
        body, salt = b64decode(each["body"]), b64decode(each["salt"])
        assert json.loads(body) == each["event"]
        hashed = sha256(b"\0tallystick.audit.v1\0" + salt + body).hexdigest()
        assert each["leaf_hash"] == hashed


def test_events_are_filtered(ada, issued):
    def actions(**params):
        answered = ada.get("/v1/audit/events", params={"limit": 100, **params})
        assert answered.status_code == 200, answered.text
        return [each["event"]["action"] for each in answered.json()["data"]]

    assert actions(action="deployment.completed") == ["deployment.completed"]
    assert {each.partition(".")[0] for each in actions(action="credits")} == {"credits"}
    about = actions(subject=issued["id"])
    assert about[0] == "deployment.queued"
    assert {each.partition(".")[0] for each in about} == {"deployment"}
    assert "account.ready" in actions(actor="worker")
    assert actions(actor=issued["requested_by"], action="deployment") == ["deployment.queued"]
    completed = ada.get("/v1/audit/events", params={"action": "deployment.completed"}).json()
    at = completed["data"][0]["event"]["at"]
    late = actions(**{"from": at, "action": "deployment"})
    assert late[-1] == "deployment.completed"
    assert "deployment.queued" not in late
    assert "deployment.completed" not in actions(to=at)
    assert actions(live=True) == []
    assert actions(subject="dep_nobody") == []


def test_a_fault_in_a_filter_is_told(ada):
    answered = ada.get("/v1/audit/events", params={"from": "yesterday", "limit": 1000, "x": 1})
    assert answered.status_code == 400
    pointers = {fault["pointer"] for fault in answered.json()["errors"]}
    assert pointers == {"/from", "/limit", "/x"}


def test_an_event_is_proved_in_two_forms(ada, issued, seal):
    event = ada.get("/v1/audit/events").json()["data"][2]
    path = f"/v1/audit/events/{event['event']['id']}"
    assert ada.get(path).json() == event
    awaited = ada.get(f"{path}/proof")
    assert awaited.status_code == 202
    assert awaited.json() == {
        "event": event["event"]["id"],
        "leaf_hash": event["leaf_hash"],
    }
    assert ada.get(f"{path}/proof", headers=TEXT).status_code == 202
    signed = seal()
    proof = ada.get(f"{path}/proof").json()
    assert proof["leaf_hash"] == event["leaf_hash"]
    assert proof["checkpoint"]["note"] == signed.note
    assert proof["anchors"] == []
    text = ada.get(f"{path}/proof", headers=TEXT)
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    hashes = "".join(f"{node}\n" for node in proof["path"])
    assert text.text == (
        f"c2sp.org/tlog-proof@v1\nextra {proof['leaf']}\nindex {proof['index']}\n{hashes}\n"
        f"{signed.note}"
    )


def test_checkpoints_are_told_and_lead_from_one_to_the_next(ada, issued, seal, site):
    assert ada.get("/v1/audit/checkpoints").json()["data"] == []
    assert ada.get("/v1/audit/checkpoints/latest").status_code == 404
    first = seal()
    ada.deploy("another")
    site.work_until_done()
    second = seal()
    listed = ada.get("/v1/audit/checkpoints").json()["data"]
    assert [each["note"] for each in listed] == [first.note, second.note]
    page = ada.get("/v1/audit/checkpoints", params={"limit": 1}).json()
    then = ada.get("/v1/audit/checkpoints", params={"cursor": page["next_cursor"]}).json()
    assert [each["note"] for each in (*page["data"], *then["data"])] == [first.note, second.note]
    latest = ada.get("/v1/audit/checkpoints/latest")
    assert latest.json() == listed[1]
    assert ada.get("/v1/audit/checkpoints/latest", headers=TEXT).text == second.note
    known = {"If-None-Match": latest.headers["ETag"]}
    assert ada.get("/v1/audit/checkpoints/latest", headers=known).status_code == 304
    sizes = {"from": first.checkpoint.size, "to": second.checkpoint.size}
    proof = ada.get("/v1/audit/consistency", params=sizes).json()
    assert (proof["from"], proof["to"]) == tuple(listed)
    assert proof["path"]
    assert ada.get("/v1/audit/consistency", params={"from": 1, "to": 2}).status_code == 404
    assert ada.get("/v1/audit/consistency").status_code == 400


def test_a_proof_tells_on_which_chain_its_event_is_fixed(ada, issued, seal, site):
    house = site.house
    early = seal().checkpoint
    first = ada.get("/v1/audit/events").json()["data"][0]["event"]["id"]
    for _ in range(2):
        anchor_now(house)
        late = seal().checkpoint
    (anchor,) = ada.get(f"/v1/audit/events/{first}/proof").json()["anchors"]
    assert (anchor["network"], anchor["size"]) == (house.network, early.size)
    assert b64decode(anchor["root"]) == early.root
    mined = house.chain.node.mined[anchor["transaction_id"]]
    assert mined.block.number == anchor["block"]
    assert mined.sent.act.content.endswith(early.root.hex())
    sizes = {"from": anchor["size"], "to": late.size}
    proof = ada.get("/v1/audit/consistency", params=sizes).json()
    assert proof["from"]["root"] == anchor["root"]


def test_evidence_has_the_anchor_and_the_chain_says_the_same(ada, issued, seal, site):
    """Bytes off the chain, a file, and the verifier: nobody of ours is asked."""
    ada.get(issued["links"]["evidence"])
    seal()
    anchor_now(site.house)
    seal()
    content = ada.get(issued["links"]["evidence"]).content
    acts = [each.sent.act for each in site.house.chain.node.mined.values()]
    (note,) = [bytes.fromhex(act.content) for act in acts if isinstance(act, Anchoring)]
    report = verify(content, Given(anchor_notes=[note]))
    assert report.refused is None, report
    assert "What you read off a chain is the root of this log" in str(report)
    forged = note[:-1] + bytes([note[-1] ^ 1])
    assert verify(content, Given(anchor_notes=[forged])).refused.code == "two_histories"


def anchor_now(house):
    """The newest checkpoint is put on chain, by a worker."""
    ask = RequestAnchor(
        store=house.store,
        chains=house.chains,
        verifies=MemoryVerification(),
        alarms=house.alarms,
        clock=house.clock,
        identifiers=house.identifiers,
    )
    ask(house.network)
    house.work(4)


def test_an_older_checkpoint_and_the_proof_are_what_the_verifier_takes(ada, issued, seal, site):
    older = seal()
    link = issued["links"]["evidence"]
    ada.get(link)
    seal()
    pack = ada.get(link).content
    size = int(json.loads(pack)["checkpoint"].split("\n")[1])
    sizes = {"from": older.checkpoint.size, "to": size}
    path = ada.get("/v1/audit/consistency", params=sizes).json()["path"]
    given = Given(checkpoint=older.note, consistency=[b64decode(node) for node in path])
    report = verify(pack, given)
    assert report.refused is None
    assert "is of the same history as this one" in str(report)


def test_keys_are_told_as_c2sp_writes_them(ada, seal):
    assert ada.get("/v1/audit/keys").json()["data"] == []
    seal()
    (key,) = ada.get("/v1/audit/keys").json()["data"]
    raw = seal.key.raw
    assert key["fingerprint"] == sha256(raw).hexdigest()
    name, id, encoded = key["verifier_key"].split("+", 2)
    assert (name, b64decode(encoded)) == (ORIGIN, b"\x01" + raw)
    assert id == sha256(ORIGIN.encode() + b"\n\x01" + raw).hexdigest()[:8]
    assert key["closed_at"] is None


ROUTES = (
    "/v1/audit/events",
    "/v1/audit/checkpoints",
    "/v1/audit/checkpoints/latest",
    "/v1/audit/consistency?from=1&to=1",
    "/v1/audit/keys",
)


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_not_read_the_audit_may_read_none_of_it(ada, route):
    """No role without the right has fewer scopes than this key."""
    key = ada.key(scopes=["deployments:read"])
    assert key.get(route).json()["code"] == "forbidden"
    reader = ada.key(scopes=["audit:read"])
    assert reader.get(route).json().get("code") != "forbidden"


def test_the_roles_that_read_the_audit():
    may = {role for role in Role if Permission.READ_AUDIT in PERMISSIONS[role]}
    assert may == {Role.OWNER, Role.COMPLIANCE, Role.AUDITOR}


def test_a_key_sees_the_events_of_its_mode_only(ada, issued):
    test, live = ada.key(), ada.key(live=True)
    assert test.get("/v1/audit/events").json()["data"]
    seen = live.get("/v1/audit/events").json()["data"]
    assert [each["event"]["action"] for each in seen] == ["api_key.created"]
    assert live.get("/v1/audit/events?live=false").json()["code"] == "mode_mismatch"
    id = test.get("/v1/audit/events").json()["data"][0]["event"]["id"]
    assert live.get(f"/v1/audit/events/{id}").json()["code"] == "mode_mismatch"
    assert live.get(f"/v1/audit/events/{id}/proof").json()["code"] == "mode_mismatch"
    assert live.get(issued["links"]["evidence"]).json()["code"] == "mode_mismatch"


def test_a_stranger_finds_nothing_by_a_subject_of_somebody_elses(site, ada, issued):
    eve = site.register("eve@example.org")
    found = eve.get("/v1/audit/events", params={"subject": issued["id"]}).json()["data"]
    assert found == []


def test_an_event_that_has_left_the_database_is_told_from_one_that_never_was(
    site, ada, issued, seal
):
    event = ada.get("/v1/audit/events").json()["data"][2]["event"]
    path = f"/v1/audit/events/{event['id']}"
    rows = site.house.store._audit.events.rows
    id = parse_id(Prefix.EVENT, event["id"])
    (place,) = [place for place, each in rows.items() if each.id == id]
    month = Month.of(rows[place].at)
    del rows[place]
    del site.house.store._audit.ids.rows[id]
    assert ada.get(path).status_code == 404
    now = site.house.clock.now()
    archive = Archive(month=month, manifest=b"{}", events=1, lines=0, event=id, archived_at=now)
    site.house.store._retention.gone.add(month)
    site.house.store._retention.archives.rows[month] = archive.dropped(now)
    # A row alone is nobody's word.
    assert ada.get(path).status_code == 404
    told = {"digest": archive.digest.hex(), "month": str(month)}
    trail = Trail(identifiers=site.house.identifiers, organisation=INSTALLATION, actor=OPERATOR)
    archived = trail.add("partition.archived", "ins_1", now, details=told)
    trail.add("partition.dropped", "ins_1", now, details=told)
    with site.house.store.begin(Scope.installation()) as work:
        trail.write(work)
    rows = site.house.store._retention.archives.rows
    rows[month] = evolve(rows[month], event=archived)
    for answered in (ada.get(path), ada.get(f"{path}/proof")):
        assert answered.status_code == 410
        assert answered.json()["code"] == "event_archived"
        assert str(month) in answered.json()["detail"]
