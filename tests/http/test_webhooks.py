"""Webhook endpoints, as members see them: over HTTP, with receivers in memory."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from application.ports.egress import EgressUnavailableError, Reply
from domain.organisation import PERMISSIONS, Permission, Role

PATH = "/v1/webhook_endpoints"
URL = "https://hooks.example.com/tallystick"


def code_of(answered):
    return answered.status_code, answered.json()["code"]


def register(person, key="key-1", **body):
    return person.post(PATH, {"url": URL} | body, headers={"Idempotency-Key": key})


def do(person, endpoint, verb, key="do-1", **body):
    path = f"{PATH}/{endpoint['id']}/{verb}"
    return person.post(path, body, headers={"Idempotency-Key": key})


@pytest.fixture
def receiver(site):
    """What arrives at the one URL; `answers` is what it says to the next requests."""
    return Receiver(site.house.egress)


class Receiver:
    def __init__(self, egress):
        self.answers = []
        self.requests = []
        egress.receivers[URL] = self

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else Reply(status=answer)

    @property
    def events(self):
        return [json.loads(each.body) for each in self.requests]

    @property
    def types(self):
        return [each["type"] for each in self.events]


def is_signed(request, secret):
    """By hand, as the specification says it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


def test_what_happens_is_told_signed_and_logged(site, ada, receiver):
    made = register(ada)
    assert made.status_code == 201
    endpoint = made.json()
    assert made.headers["Location"] == f"{PATH}/{endpoint['id']}"
    deployment = ada.deploy("one")
    site.work_until_done()
    site.house.tell()
    steps = ("queued", "submitted", "pending", "confirmed", "indexed", "completed")
    assert receiver.types == [f"deployment.{step}" for step in steps]
    assert all(is_signed(each, endpoint["secret"]) for each in receiver.requests)
    last = receiver.events[-1]
    assert last["data"] == {
        "id": deployment["id"], "object": "deployment", "state_before": "Indexed",
        "state": "Completed",
    }  # fmt: skip
    assert (last["organisation"], last["live"]) == (ada.organisation, False)
    numbers = [each["sequence"] for each in receiver.events]
    assert numbers == sorted(set(numbers))
    ids = [each.headers["webhook-id"] for each in receiver.requests]
    assert ids == [each["id"] for each in receiver.events]
    log = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    assert [each["event"] for each in log] == ids[::-1]
    assert {each["state"] for each in log} == {"delivered"}
    told = ada.get(f"{PATH}/{endpoint['id']}/deliveries/{log[0]['id']}").json()
    assert told["body"] == last
    (attempt,) = told["log"]
    assert (attempt["url"], attempt["status"], attempt["error"]) == (URL, 204, None)
    assert attempt["request_headers"]["webhook-id"] == ids[-1]
    assert attempt["request_headers"]["webhook-signature"] == "v1,…"


def test_the_secret_is_shown_once(site, ada, receiver):
    made = register(ada).json()
    assert made["secret"].startswith("whsec_")
    for answered in (
        ada.get(PATH).json()["data"][0],
        ada.get(f"{PATH}/{made['id']}").json(),
    ):
        assert "secret" not in answered
        assert answered == {k: v for k, v in made.items() if k != "secret"}
    again = register(ada)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == made | {"secret": None}
    assert code_of(register(ada, description="other")) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://private.example.com/"])
def test_what_is_not_to_be_sent_to_is_refused_when_it_is_named(site, ada, url):
    site.house.egress.private.add("https://private.example.com/")
    assert code_of(register(ada, url=url)) == (422, "webhook_url_refused")
    good = register(ada).json()
    path = f"{PATH}/{good['id']}"
    assert code_of(ada.call("PATCH", path, json={"url": url})) == (422, "webhook_url_refused")
    assert ada.get(path).json()["url"] == URL


def test_what_has_become_private_since_is_not_sent_to(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    site.house.egress.private.add(URL)
    ada.deploy("one")
    site.house.tell()
    assert receiver.requests == []
    (delivery,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    assert (delivery["state"], delivery["last_error"]) == ("pending", "address_refused")


def test_faults_of_a_request_are_all_told(ada):
    body = {"url": 5, "event_types": ["deployment.exploded"], "live": "no", "colour": "red"}
    answered = ada.post(PATH, body, headers={"Idempotency-Key": "k"})
    faults = {fault["pointer"] for fault in answered.json()["errors"]}
    assert faults == {"/url", "/event_types/0", "/live", "/colour"}
    assert code_of(ada.post(PATH, {"url": URL})) == (400, "idempotency_key_missing")


def test_who_is_told_of_what(site, ada, receiver):
    may = {role for role in Role if Permission.WRITE_WEBHOOKS in PERMISSIONS[role]}
    assert may == {Role.OWNER, Role.DEVELOPER}
    endpoint = register(ada).json()
    reader = ada.key(scopes=["webhooks:read"])
    assert reader.get(f"{PATH}/{endpoint['id']}").status_code == 200
    assert code_of(register(reader)) == (403, "forbidden")
    assert code_of(do(reader, endpoint, "test")) == (403, "forbidden")
    nobody = ada.key(scopes=["deployments:read"])
    for path in (PATH, f"{PATH}/{endpoint['id']}", f"{PATH}/{endpoint['id']}/deliveries",
                 "/v1/events"):  # fmt: skip
        assert code_of(nobody.get(path)) == (403, "forbidden")


def test_a_key_sees_the_endpoints_of_its_mode(ada):
    test, live = register(ada).json(), register(ada, "key-2", live=True).json()
    key = ada.key(live=True)
    assert [each["id"] for each in key.get(PATH).json()["data"]] == [live["id"]]
    assert code_of(key.get(f"{PATH}/{test['id']}")) == (403, "mode_mismatch")
    assert code_of(key.call("DELETE", f"{PATH}/{test['id']}")) == (403, "mode_mismatch")
    assert code_of(register(key, live=False)) == (403, "mode_mismatch")
    assert register(key, "key-3").json()["live"] is True


def test_an_endpoint_of_the_other_mode_hears_of_credits_and_of_no_deployment(site, ada, receiver):
    register(ada, live=True)
    ada.deploy("one")
    site.work_until_done()
    site.house.tell()
    assert receiver.types == []


def test_both_secrets_sign_until_the_old_one_is_over(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    old = endpoint["secret"]
    rotated = do(ada, endpoint, "rotate", overlap_hours=2).json()
    new = rotated["secret"]
    assert [each["number"] for each in rotated["secrets"]] == [2, 1]
    repeat = do(ada, endpoint, "rotate", overlap_hours=2)
    assert (repeat.headers["Idempotent-Replayed"], repeat.json()["secret"]) == ("true", None)
    ada.deploy("one")
    site.house.tell()
    key = ada.key()
    site.house.clock.advance(timedelta(hours=2))
    key.deploy("two")
    site.house.tell()
    first, second = receiver.requests
    assert is_signed(first, old)
    assert is_signed(first, new)
    assert not is_signed(second, old)
    assert is_signed(second, new)


def test_a_secret_can_be_dropped_at_once(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    do(ada, endpoint, "rotate", overlap_hours=0)
    ada.deploy("one")
    site.house.tell()
    assert not is_signed(receiver.requests[0], endpoint["secret"])


def test_who_keeps_no_secret_verifies_with_a_public_key(site, ada, receiver):
    made = register(ada, signature="v1a", event_types=["deployment.queued"]).json()
    assert (made["signature"], made["secret"]) == ("v1a", None)
    rotated = do(ada, made, "rotate").json()
    assert rotated["secret"] is None
    ada.deploy("one")
    site.house.tell()
    (request,) = receiver.requests
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    signatures = headers["webhook-signature"].split(" ")
    for secret, signature in zip(rotated["secrets"], signatures, strict=True):
        assert secret["public_key"].startswith("whpk_")
        key = base64.b64decode(secret["public_key"].removeprefix("whpk_"))
        scheme, _, text = signature.partition(",")
        assert scheme == "v1a"
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(text), signed)
    (delivery,) = ada.get(f"{PATH}/{made['id']}/deliveries").json()["data"]
    (attempt,) = ada.get(f"{PATH}/{made['id']}/deliveries/{delivery['id']}").json()["log"]
    assert attempt["request_headers"]["webhook-signature"] == "v1a,…"


def test_a_test_says_whether_it_works(site, ada, receiver):
    endpoint = register(ada, event_types=["credits.low"]).json()
    asked = do(ada, endpoint, "test")
    assert asked.status_code == 202
    assert do(ada, endpoint, "test").json() == asked.json()
    site.house.tell()
    assert receiver.types == ["webhook_endpoint.test"]
    assert receiver.events[0]["data"] == {"id": endpoint["id"], "object": "webhook_endpoint"}
    told = ada.get(asked.headers["Location"]).json()
    assert (told["way"], told["state"], told["attempts"]) == ("test", "delivered", 1)


def test_one_message_is_sent_again_as_it_was(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    ada.deploy("one")
    site.house.tell()
    (first,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    again = do(ada, endpoint, f"deliveries/{first['id']}/resend")
    assert again.status_code == 202
    assert again.json()["way"] == "resend"
    site.house.tell()
    one, other = receiver.requests
    assert (one.body, one.headers["webhook-id"]) == (other.body, other.headers["webhook-id"])


def test_what_waits_is_tried_at_once_when_it_is_asked_for(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    receiver.answers = [500, 500]
    ada.deploy("one")
    site.house.tell()
    site.house.clock.advance(timedelta(seconds=6))
    site.house.tell()
    (waiting,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    assert (waiting["state"], waiting["attempts"]) == ("pending", 2)
    do(ada, endpoint, f"deliveries/{waiting['id']}/resend")
    site.house.tell()
    (delivered,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    assert (delivered["state"], delivered["attempts"]) == ("delivered", 3)


def test_everything_since_then_is_sent_again_in_its_order(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    for number in range(4):
        ada.deploy(f"key {number}")
        site.house.clock.advance(timedelta(minutes=1))
    site.house.tell()
    sequences = [each["sequence"] for each in receiver.events]
    since = receiver.events[1]["timestamp"]
    receiver.requests.clear()
    assert do(ada, endpoint, "replay", since=since).status_code == 202
    ada.deploy("later")
    site.house.tell()
    assert [each["sequence"] for each in receiver.events][:3] == sequences[1:]
    assert len(receiver.events) == 4


def test_whoever_says_gone_is_left_alone(site, ada, receiver):
    endpoint = register(ada).json()
    receiver.answers = [410]
    ada.deploy("one")
    site.house.tell()
    site.work_until_done()
    site.house.tell()
    assert len(receiver.requests) == 1
    known = ada.get(f"{PATH}/{endpoint['id']}").json()
    assert (known["state"], known["disabled_because"]) == ("disabled", "gone")
    assert code_of(do(ada, endpoint, "test")) == (409, "webhook_endpoint_disabled")
    ada.post(f"{PATH}/{endpoint['id']}/enable")
    site.house.tell()
    # The one that was answered is over; what it missed comes in its order.
    assert receiver.types[1:] == [
        f"deployment.{step}"
        for step in ("submitted", "pending", "confirmed", "indexed", "completed")
    ]


def test_what_was_missed_can_be_left_out(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    ada.post(f"{PATH}/{endpoint['id']}/disable")
    ada.deploy("one")
    site.house.tell()
    ada.post(f"{PATH}/{endpoint['id']}/enable", {"skip_missed": True})
    ada.deploy("two")
    site.house.tell()
    (event,) = receiver.events
    assert event["data"]["id"] == ada.get("/v1/deployments").json()["data"][0]["id"]


def test_a_deleted_endpoint_is_told_nothing(site, ada, receiver):
    endpoint = register(ada).json()
    ada.deploy("one")
    assert ada.call("DELETE", f"{PATH}/{endpoint['id']}").status_code == 204
    site.house.tell()
    assert receiver.requests == []
    assert ada.get(PATH).json()["data"] == []
    for answered in (
        ada.get(f"{PATH}/{endpoint['id']}"),
        ada.call("DELETE", f"{PATH}/{endpoint['id']}"),
        ada.post(f"{PATH}/{endpoint['id']}/enable"),
    ):
        assert code_of(answered) == (404, "not_found")


def test_what_a_deleted_endpoint_was_told_can_be_looked_up(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    ada.deploy("one")
    site.house.tell()
    ada.call("DELETE", f"{PATH}/{endpoint['id']}")
    (delivery,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    told = ada.get(f"{PATH}/{endpoint['id']}/deliveries/{delivery['id']}").json()
    assert [each["status"] for each in told["log"]] == [204]
    again = do(ada, endpoint, f"deliveries/{delivery['id']}/resend")
    assert code_of(again) == (404, "not_found")


def test_answers_are_kept_without_what_is_secret_or_endless(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    text = f"I have {endpoint['secret']}\x1b[31m " + "x" * 5_000
    headers = {"content-type": "text/plain", "set-cookie": "session=1"}
    receiver.answers = [Reply(status=500, headers=headers, body=text.encode())]
    ada.deploy("one")
    site.house.tell()
    (delivery,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"]
    (attempt,) = ada.get(f"{PATH}/{endpoint['id']}/deliveries/{delivery['id']}").json()["log"]
    assert attempt["response"].startswith("I have whsec_…\N{REPLACEMENT CHARACTER}[31m xx")
    assert len(attempt["response"]) == 1024
    assert attempt["response_headers"] == {"content-type": "text/plain"}


def test_what_was_sent_and_not_answered_is_sent_again(site, ada, receiver):
    register(ada, event_types=["deployment.queued"])
    receiver.answers = [EgressUnavailableError("timeout", "too late")]
    ada.deploy("one")
    site.house.tell()
    site.house.clock.advance(timedelta(seconds=6))
    site.house.tell()
    one, other = receiver.requests
    assert one.headers["webhook-id"] == other.headers["webhook-id"]
    assert one.body == other.body


def test_deliveries_come_in_pages_and_by_state(site, ada, receiver):
    endpoint = register(ada, event_types=["deployment.queued"]).json()
    for number in range(5):
        ada.deploy(f"key {number}")
    site.house.tell()
    path = f"{PATH}/{endpoint['id']}/deliveries"
    first = ada.get(path, params={"limit": 3}).json()
    rest = ada.get(path, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    numbers = [each["number"] for each in first["data"] + rest["data"]]
    assert (numbers, rest["has_more"]) == ([5, 4, 3, 2, 1], False)
    assert ada.get(path, params={"state": "failed"}).json()["data"] == []


def test_events_are_there_for_whoever_asks(site, ada, receiver):
    register(ada)
    ada.deploy("one")
    site.work_until_done()
    site.house.tell()
    everything = ada.get("/v1/events").json()
    assert everything["data"] == receiver.events
    page = ada.get("/v1/events", params={"limit": 2}).json()
    rest = ada.get("/v1/events", params={"cursor": page["next_cursor"]}).json()
    assert page["data"] + rest["data"] == receiver.events
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert ada.get("/v1/events", params={"cursor": rest["next_cursor"]}).json()["data"] == []
    (completed,) = ada.get("/v1/events", params={"type": "deployment.completed"}).json()["data"]
    assert completed == receiver.events[-1]
    assert ada.get("/v1/events", params={"live": "true"}).json()["data"] == []


def test_events_can_be_followed_from_now_on(ada):
    ada.deploy("one")
    now = ada.get("/v1/events", params={"tail": "true"}).json()
    assert (now["data"], now["has_more"]) == ([], False)
    later = ada.deploy("two")
    (event,) = ada.get("/v1/events", params={"cursor": now["next_cursor"]}).json()["data"]
    assert event["data"]["id"] == later["id"]


def test_there_is_an_end_to_endpoints(ada):
    for number in range(20):
        assert register(ada, f"key {number}").status_code == 201
    assert code_of(register(ada, "one more")) == (409, "too_many_webhook_endpoints")


def test_a_strangers_endpoint_is_not_there(site, ada, receiver):
    bob = site.register("bob@example.org")
    endpoint = register(ada).json()
    assert bob.get(PATH).json()["data"] == []
    assert code_of(bob.get(f"{PATH}/{endpoint['id']}")) == (404, "not_found")
    bob.deploy("one")
    site.house.tell()
    assert receiver.requests == []
    assert ada.get("/v1/events").json()["data"] == []
