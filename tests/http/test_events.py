"""A deployment's history in plain words, and as it happens."""

import contextlib
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from application.access.caller import Caller
from application.ports.storage.work import StoreUnavailableError
from domain.audit import Actor
from domain.deployment import ACTIONS, Reason, State
from domain.identifiers import MemberId, OrganisationId
from domain.operation import WaitReason
from domain.organisation import Permission
from entrypoints.http import timeline
from entrypoints.http.authentication import Gatekeeper
from entrypoints.http.problems import RefusedError
from entrypoints.http.timeline import WAITING, Mover
from tests.http.test_members import GRACE, joined, switched

NEVER_SAID = re.compile(r"nonce|mempool|RPC|wei|slot|\bhash\b|lease|UUID|None", re.IGNORECASE)


def events(text):
    """Id, name and entry of every event of a stream."""
    found = re.findall(r"^id: (\d+)\nevent: (\S+)\ndata: (.+)$", text, re.MULTILINE)
    return [(int(id), name, json.loads(data)) for id, name, data in found]


def test_there_are_words_for_every_reason_to_wait():
    assert set(WAITING) == set(WaitReason)


@pytest.mark.parametrize("reason", WaitReason)
def test_a_reason_to_wait_is_told_so_that_anybody_understands(reason):
    sentence = WAITING[reason].sentence
    assert re.fullmatch(r"[A-Z].{20,}\.", sentence)
    assert not NEVER_SAID.search(sentence)


def test_who_must_act_is_what_the_reason_says():
    acts = {
        mover: {r.value for r, told in WAITING.items() if told.mover is mover} for mover in Mover
    }
    assert acts[Mover.YOU] == {"approval"}
    assert acts[Mover.OPERATOR] == {
        "signer_unavailable", "treasury_empty", "operator", "network_halted",
    }  # fmt: skip


def test_there_are_words_for_everything_that_happens():
    spoken = {*timeline._SENTENCES, "failed", "waiting"}
    # What a second signature, and a step that is not the last, are told as.
    others = {"slot_filling", "replaced", "sent_again"}
    others |= {"step_signed", "step_sent", "step_confirmed"}
    assert {action.partition(".")[2] for action in ACTIONS.values()} | others <= spoken
    assert not [told for told in timeline._SENTENCES.values() if NEVER_SAID.search(told)]


def test_there_are_words_for_every_failure_and_a_code_for_every_move():
    failures = {
        Reason.DEPLOYMENT_VALIDATION_FAILED,
        Reason.TRANSACTION_SUBMISSION_FAILED,
        Reason.TRANSACTION_REVERTED,
        Reason.POST_DEPLOYMENT_FAILED,
    }
    assert all(timeline.sentence_of(reason) for reason in failures)
    assert {*timeline._REASONS.values()} | failures == set(Reason)
    assert {*timeline._REASONS} | {State.FAILED} == set(State)


def test_the_history_of_a_good_deployment(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    history = ada.get(deployment["links"]["history"]).json()["data"]
    assert [(each["state"], each["reason_code"]) for each in history if each["reason_code"]] == [
        ("Submitted", "DEPLOYMENT_SUBMITTED"),
        ("Pending", "TRANSACTION_BROADCAST"),
        ("Confirmed", "TRANSACTION_CONFIRMED"),
        ("Indexed", "TRANSACTION_INDEXED"),
        ("Completed", "DEPLOYMENT_COMPLETED"),
    ]
    assert history[0]["message"] == "The request was accepted and 5 credits are set aside for it."
    (included,) = [each for each in history if each["event"] == "deployment.included"]
    assert included["block"]["number"] == 1
    assert included["transaction_id"].startswith("0x")
    assert "block 1" in included["message"]


def test_a_transaction_leads_to_an_explorer(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    network = site.house.chain.network
    object.__setattr__(network, "explorer_transaction", "https://explorer.example/tx/{}")
    object.__setattr__(network, "explorer_address", "https://explorer.example/address/{}")
    told = ada.get(deployment["links"]["self"]).json()
    (transaction,) = told["steps"][0]["transactions"]
    link = f"https://explorer.example/tx/{transaction['transaction_id']}"
    assert transaction["explorer_url"] == link
    assert told["address_url"] == f"https://explorer.example/address/{told['address']}"
    history = ada.get(deployment["links"]["history"]).json()["data"]
    assert {each["explorer_url"] for each in history} == {None, link}


@pytest.mark.parametrize(
    ("reason", "spoil"),
    [
        ("treasury_empty", lambda house: house.chain.node.funds.clear()),
        ("node_unavailable", lambda house: setattr(house.chain, "is_down", True)),
        ("fee_above_ceiling", lambda house: setattr(house.chain, "gas_price", 10**9)),
        ("signer_unavailable", lambda house: setattr(house.custodian, "is_down", True)),
        ("network_halted", lambda house: house.halt.network(house.network, "x", "odd")),
    ],
)
def test_a_deployment_says_why_it_waits(site, ada, reason, spoil):
    spoil(site.house)
    deployment = ada.deploy()
    site.work_until_done(1)
    waiting = ada.get(deployment["links"]["self"]).json()["waiting"]
    told = WAITING[WaitReason(reason)]
    assert (waiting["for"], waiting["sentence"]) == (reason, told.sentence)
    assert waiting["who_must_act"] == told.mover.value
    assert waiting["next_look_at"] > waiting["since"]
    last = ada.get(deployment["links"]["history"]).json()["data"][-1]
    assert (last["event"], last["waiting_for"]) == ("deployment.waiting", reason)
    assert last["message"] == told.sentence


def test_what_nodes_say_reaches_nobody(site, ada):
    deployment = ada.deploy()
    site.house.chain.refuses = "execution reverted: 0xdeadbeef"
    site.work_until_done(1)
    history = ada.get(deployment["links"]["history"])
    assert "deadbeef" not in history.text
    last = history.json()["data"][-1]
    assert (last["state"], last["reason_code"]) == ("Failed", "DEPLOYMENT_VALIDATION_FAILED")


def test_a_stream_tells_what_happens_and_ends_with_it(site, ada):
    """Opened before the worker starts; ended by the last event."""
    deployment = ada.deploy()
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(ada.get, deployment["links"]["events"])
        site.work_until_done()
        answered = streamed.result(20)
    assert answered.headers["Content-Type"].startswith("text/event-stream")
    told = events(answered.text)
    history = ada.get(deployment["links"]["history"]).json()["data"]
    assert [entry for _, _, entry in told] == history
    assert [id for id, _, _ in told] == [entry["sequence"] for entry in history]
    assert told[-1][1] == "deployment.completed"


def test_a_stream_goes_on_where_it_was_cut(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    everything = events(ada.get(deployment["links"]["events"]).text)
    for place, (id, _, _) in enumerate(everything[:-1]):
        again = ada.get(deployment["links"]["events"], headers={"Last-Event-ID": str(id)})
        assert events(again.text) == everything[place + 1 :]


def test_a_stream_that_has_told_everything_sends_nobody_back(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    last = events(ada.get(deployment["links"]["events"]).text)[-1][0]
    again = ada.get(deployment["links"]["events"], headers={"Last-Event-ID": str(last)})
    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize("id", ["-1", "x", "1.5", "9" * 17, "²"])
def test_a_place_in_a_stream_is_a_number(site, ada, id):
    deployment = ada.deploy()
    answered = ada.get(deployment["links"]["events"], headers={"Last-Event-ID": id.encode()})
    assert (answered.status_code, answered.json()["code"]) == (400, "validation_failed")
    assert re.search(described_id(site), id) is None


def test_the_largest_place_that_is_described_is_taken(site, ada):
    deployment, largest = ada.deploy(), "9" * 16
    site.work_until_done()
    answered = ada.get(deployment["links"]["events"], headers={"Last-Event-ID": largest})
    assert answered.status_code == 204
    assert re.search(described_id(site), largest)
    assert re.search(described_id(site), largest + "9") is None


def described_id(site):
    """What the description says that Last-Event-ID is."""
    paths = site.client.get("/openapi.json").json()["paths"]
    parameters = paths["/v1/deployments/{id}/events"]["get"]["parameters"]
    (header,) = [each for each in parameters if each["name"] == "Last-Event-ID"]
    return header["schema"]["pattern"]


def test_a_stream_survives_a_lost_database(site, ada):
    deployment = ada.deploy()
    store = site.house.store
    begin, is_lost, asked = store.begin, threading.Event(), threading.Event()

    def lossy(scope):
        if is_lost.is_set() and threading.current_thread() is not worker:
            asked.set()
            raise StoreUnavailableError("the connection broke")
        return begin(scope)

    worker = threading.current_thread()
    with ThreadPoolExecutor(1) as pool:
        store.begin = lossy
        streamed = pool.submit(ada.get, deployment["links"]["events"])
        site.stop.wait_for_a_stream()
        is_lost.set()
        site.work_until_done()
        assert asked.wait(10)
        is_lost.clear()
        told = events(streamed.result(20).text)
    assert told[-1][1] == "deployment.completed"


def test_a_stream_ends_when_its_token_does(site, ada, monkeypatch):
    monkeypatch.setattr("entrypoints.http.progress.CHECK_EVERY", timedelta(0))
    deployment = ada.deploy()
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(ada.get, deployment["links"]["events"])
        site.stop.wait_for_a_stream()
        site.house.pass_time(timedelta(minutes=11))
        told = events(streamed.result(20).text)
    assert [name for _, name, _ in told] == ["deployment.queued"]


def test_a_stream_ends_when_its_session_goes_to_another_organisation(site, ada, monkeypatch):
    monkeypatch.setattr("entrypoints.http.progress.CHECK_EVERY", timedelta(0))
    grace = site.register(GRACE)
    joined(ada, grace)
    deployment, home = ada.deploy(), grace.organisation
    switched(grace, ada)
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(grace.get, deployment["links"]["events"])
        site.stop.wait_for_a_stream()
        assert grace.post("/v1/auth/switch", {"organisation": home}).status_code == 200
        told = events(streamed.result(20).text)
    assert [name for _, name, _ in told] == ["deployment.queued"]


def test_a_stream_ends_when_its_key_is_revoked(site, ada, monkeypatch):
    monkeypatch.setattr("entrypoints.http.progress.CHECK_EVERY", timedelta(0))
    deployment, key = ada.deploy(), ada.key()
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(key.get, deployment["links"]["events"])
        site.stop.wait_for_a_stream()
        ada.post(f"/v1/api_keys/{key.registered['id']}/revoke")
        assert streamed.result(20).status_code == 200


def test_a_silent_stream_keeps_its_connection(site, ada, monkeypatch):
    monkeypatch.setattr("entrypoints.http.progress.KEEP_ALIVE_EVERY", timedelta(0))
    deployment = ada.deploy()
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(ada.get, deployment["links"]["events"])
        site.stop.wait_for_a_stream()
        ada.post(f"/v1/deployments/{deployment['id']}/cancel")
        answered = streamed.result(20)
    assert ": still here\n\n" in answered.text
    assert events(answered.text)[-1][1] == "deployment.cancelled"


def test_a_stream_ends_when_the_server_stops(site, ada):
    deployment = ada.deploy()
    with ThreadPoolExecutor(1) as pool:
        streamed = pool.submit(ada.get, deployment["links"]["events"])
        site.stop.wait_for_a_stream()
        site.stop.is_asked_for = True
        told = events(streamed.result(20).text)
    assert [name for _, name, _ in told] == ["deployment.queued"]


def test_a_caller_has_only_so_many_streams_at_once(site, ada, services):
    gatekeeper, caller, other = Gatekeeper.of(services), a_caller("mem_1"), a_caller("mem_2")
    with contextlib.ExitStack() as streams:
        for _ in range(services.limits.streams):
            gatekeeper.may_stream(caller)
            streams.enter_context(gatekeeper.streaming(caller))
        with pytest.raises(RefusedError) as refused:
            gatekeeper.may_stream(caller)
        assert refused.value.refusal.code == "rate_limited"
        gatekeeper.may_stream(other)
    gatekeeper.may_stream(caller)


def a_caller(name):
    return Caller(
        organisation=OrganisationId(uuid4()),
        actor=Actor("member", name),
        permissions=frozenset(Permission),
        live=None,
        request_id="req_1",
        member=MemberId(uuid4()),
    )


def test_a_stream_that_ended_gives_its_place_back(site, ada):
    deployment = ada.deploy()
    site.house.pass_time(timedelta(minutes=1))
    ada.post(f"/v1/deployments/{deployment['id']}/cancel")
    for _ in range(20):
        assert ada.get(deployment["links"]["events"]).status_code == 200
