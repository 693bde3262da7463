"""Endpoints and deliveries: the schedule, the verdicts, the signatures."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import Actor, AuditDraft
from domain.deployment import ACTIONS
from domain.errors import MisuseError
from domain.identifiers import DeliveryId, EndpointId, EventId, OrganisationId
from domain.notification import NAMES, TYPES, Notification, actions_of, notifications
from domain.webhook import (
    SCHEDULE,
    Attempt,
    Cause,
    Delivery,
    DeliveryState,
    Endpoint,
    Secret,
    Way,
    headers_of,
    judge,
    pause_after,
    read,
    written,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECONDS, MINUTES, HOURS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1))
#: By hand, from what is promised.
PAUSES = [
    5 * SECONDS, 5 * MINUTES, 30 * MINUTES, 2 * HOURS, 5 * HOURS, 10 * HOURS, 14 * HOURS,
    20 * HOURS, 24 * HOURS,
]  # fmt: skip
#: What the specification promises, in its own words.
PROMISED = {
    "deployment.queued", "deployment.submitted", "deployment.pending", "deployment.confirmed",
    "deployment.indexed", "deployment.completed", "deployment.failed", "deployment.cancelled",
    "credits.low", "credits.exhausted", "licence.changed", "audit.export_ready",
    "account.balance_low",
}  # fmt: skip


def a_delivery(**changes):
    delivery = Delivery(
        organisation=OrganisationId(UUID(int=1)),
        endpoint=EndpointId(UUID(int=2)),
        id=DeliveryId(UUID(int=3)),
        number=1,
        event=EventId(UUID(int=4)),
        sequence=1,
        event_type="deployment.completed",
        subject="dep_1",
        body=b"{}",
        created_at=NOW,
    )
    return evolve(delivery, **changes)


def an_endpoint(**changes):
    endpoint = Endpoint(
        organisation=OrganisationId(UUID(int=1)),
        id=EndpointId(UUID(int=2)),
        url="https://example.com/",
        live=False,
        created_by="mem_1",
        created_at=NOW,
        cursor=0,
    )
    return evolve(endpoint, **changes)


def answered(status=None, **changes):
    error = None if status else "timeout"
    return Attempt(
        url="https://example.com/", at=NOW, took=SECONDS, status=status, error=error, **changes
    )


def test_the_schedule_is_the_one_that_is_promised():
    assert [pause_after(number, 0) for number in range(1, 10)] == PAUSES
    assert pause_after(10, 0) is None
    assert sum(PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert SCHEDULE[0] == timedelta(0)


@given(attempts=st.integers(1, 9), chance=st.integers(0, 2**16 - 1))
def test_jitter_is_up_to_a_tenth_and_never_less(attempts, chance):
    pause, least = pause_after(attempts, chance), PAUSES[attempts - 1]
    assert least <= pause < least * 11 / 10


def test_another_chance_is_another_pause():
    assert len({pause_after(4, chance) for chance in range(0, 2**16, 1024)}) == 64


@given(asked=st.timedeltas(timedelta(0), timedelta(days=400)), attempts=st.integers(1, 9))
def test_who_asks_for_time_gets_it_and_not_for_ever(asked, attempts):
    pause = pause_after(attempts, 0, asked)
    assert pause >= PAUSES[attempts - 1]
    assert pause >= min(asked, 24 * HOURS)
    assert pause <= max(PAUSES[attempts - 1], 24 * HOURS)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_is_answered_well_is_delivered(status):
    verdict = judge(a_delivery(), answered(status), 0)
    assert verdict.goes_on
    assert verdict.disables is None
    assert verdict.delivery.state is DeliveryState.DELIVERED
    assert verdict.delivery.finished_at == NOW + SECONDS


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 307, 400, 404, 409, 429, 500, 503])
def test_whatever_else_comes_back_is_tried_again_and_holds_the_line(status):
    verdict = judge(a_delivery(), answered(status), 0)
    assert not verdict.goes_on
    assert verdict.delivery.is_pending
    assert verdict.delivery.attempts == 1
    assert verdict.again_at == NOW + SECONDS + 5 * SECONDS


def test_gone_ends_the_endpoint_at_once():
    for way in Way:
        verdict = judge(a_delivery(way=way), answered(410), 0)
        assert verdict.disables is Cause.GONE
        assert verdict.delivery.state is DeliveryState.FAILED


def test_the_tenth_failure_is_the_last():
    delivery = a_delivery()
    for number in range(1, 11):
        verdict = judge(delivery, answered(500), 0)
        delivery = verdict.delivery
        assert verdict.disables is (Cause.EXHAUSTED if number == 10 else None)
    assert (delivery.attempts, delivery.state) == (10, DeliveryState.FAILED)
    with pytest.raises(MisuseError):
        judge(delivery, answered(200), 0)


@pytest.mark.parametrize("way", [Way.TEST, Way.RESEND])
def test_what_is_sent_by_hand_is_tried_once_and_holds_nobody_up(way):
    verdict = judge(a_delivery(way=way), answered(500), 0)
    assert verdict.goes_on
    assert verdict.delivery.state is DeliveryState.FAILED
    assert verdict.disables is None


def test_a_signature_is_the_one_of_the_specifications_own_example():
    # standard-webhooks/standard-webhooks, libraries: the example that all of them are held to.
    secret = read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(secrets=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3),
       body=st.binary(max_size=200))  # fmt: skip
def test_each_secret_has_its_signature(secrets, body):
    signature = headers_of("evt_1", NOW, body, secrets)["webhook-signature"]
    signed = f"evt_1.{int(NOW.timestamp())}.".encode() + body
    assert signature.split(" ") == [
        "v1," + b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        for secret in secrets
    ]


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_read_as_it_was_written(secret):
    assert read(written(secret)) == secret
    assert b64decode(written(secret).removeprefix("whsec_")) == secret


@pytest.mark.parametrize("text", ["whsec_%", "whsec_abc", "no secret"])
def test_what_is_no_secret(text):
    with pytest.raises(ValueError, match="no secret"):
        read(text)


def test_an_old_secret_signs_until_it_is_over():
    secret = Secret(number=1, wrapping="w", ciphertext=b"", created_at=NOW)
    assert secret.signs(NOW + 10_000 * HOURS)
    old = evolve(secret, expires_at=NOW)
    assert old.signs(NOW - timedelta(microseconds=1))
    assert not old.signs(NOW)


def test_the_names_are_those_that_are_promised():
    assert set(NAMES) == PROMISED
    assert actions_of(frozenset()) == set(TYPES)
    assert actions_of(frozenset({"credits.low"})) == {"balance.low"}


def test_what_the_trail_calls_deployments_is_what_it_calls_them():
    told = {action for action in TYPES if action.startswith("deployment.")}
    assert told <= set(ACTIONS.values())


def an_event(action, details, **changes):
    draft = AuditDraft(
        id=EventId(UUID(int=9)),
        organisation=OrganisationId(UUID(int=1)),
        at=NOW,
        actor=Actor("worker"),
        action=action,
        subject="dep_1",
        live=True,
        correlation="dep_1",
        request_id=None,
        details=details,
        salt=bytes(16),
    )
    return evolve(draft, **changes).numbered(7)


def test_a_notification_is_thin():
    details = {"state": "Failed", "state_before": "Queued", "reason": "X", "personal": "secret",
               "raw": "0x00", "without_effect": True}  # fmt: skip
    (told,) = notifications([an_event("deployment.failed", details)])
    assert json.loads(told.body) == {
        "api_version": "2026-11-01",
        "data": {"id": "dep_1", "object": "deployment", "state": "Failed",
                 "state_before": "Queued", "reason": "X", "without_effect": True},
        "id": "evt_00000000000000000000000009",
        "live": True,
        "organisation": "org_00000000000000000000000001",
        "sequence": 7,
        "timestamp": "2026-11-21T12:00:00.000000Z",
        "type": "deployment.failed",
    }  # fmt: skip
    assert told.name == "evt_00000000000000000000000009"
    assert notifications([an_event("session.opened", {})]) == []


def test_a_mode_hears_of_its_own_and_of_what_has_none():
    test, live = an_endpoint(), an_endpoint(live=True)
    deployment, low = TYPES["deployment.queued"], TYPES["balance.low"]
    assert (test.wants(deployment, live=False), test.wants(deployment, live=True)) == (True, False)
    assert (live.wants(deployment, live=False), live.wants(deployment, live=True)) == (False, True)
    assert all(each.wants(low, live=False) for each in (test, live))
    choosy = an_endpoint(event_types=frozenset({"credits.low"}))
    assert choosy.wants(low, live=False)
    assert not choosy.wants(deployment, live=False)


def test_what_comes_into_a_line_that_is_held_waits_with_it():
    held = an_endpoint(held_until=NOW + HOURS, due_at=NOW + HOURS)
    assert held.with_more(2, NOW).due_at == NOW + HOURS
    assert an_endpoint().with_more(2, NOW).due_at == NOW
    assert an_endpoint().with_more(0, NOW).due_at is None
    assert an_endpoint(held_until=NOW + HOURS).with_more(1, NOW).due_at == NOW + HOURS
    assert held.with_more(2, NOW).next_number == 3


def test_bodies_are_the_same_each_time():
    event = an_event("deployment.queued", {"state": "Queued"})
    kind = TYPES["deployment.queued"]
    assert Notification.of(event, kind).body == Notification.of(event, kind).body
