"""Telling members, on a virtual clock: outages, deaths, and what happens meanwhile."""

import json
from datetime import timedelta

import pytest
from attrs import evolve

from application.audit.trail import Trail
from application.notifications.again import SendAgain
from application.notifications.deliver import BATCH, LEASE
from application.notifications.endpoints import (
    ChangeEndpoints,
    Changes,
    EndpointRequest,
    RegisterEndpoint,
)
from application.notifications.fan_out import FanOut
from application.once import Answered
from application.ports.custody import CustodyUnavailableError
from application.ports.egress import EgressUnavailableError, Reply
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import LeaseLostError, Scope
from domain.audit import WORKER
from domain.webhook import Cause, DeliveryState
from tests.application.house import FINGERPRINT, House

URL = "https://hooks.example.com/"
QUEUED = frozenset({"deployment.queued"})


@pytest.fixture
def house():
    return House()


class Receiver:
    """Answers as *answer* says; remembers what it took."""

    def __init__(self, house, answer=lambda _: Reply(status=200), url=URL):
        self.answer, self.taken, self.asked = answer, [], 0
        house.egress.receivers[url] = self

    def __call__(self, request):
        self.asked += 1
        reply = self.answer(request)
        if reply.status < 300:
            self.taken.append(json.loads(request.body))
        return reply

    @property
    def sequences(self):
        return [each["sequence"] for each in self.taken]


def common(house):
    return {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}


def register(house, url=URL, types=QUEUED, key="hook"):
    use_case = RegisterEndpoint(
        **common(house), egress=house.egress, secrets=house.webhook_secrets
    )
    wish = EndpointRequest(url=url, live=False, event_types=types)
    made = use_case(house.caller, wish, house.key(key), FINGERPRINT)
    assert isinstance(made, Answered), made
    return made.value.endpoint


def fan_out(house):
    act = FanOut(**common(house))
    return sum(act(organisation) for organisation in act.behind())


def changing(house):
    return ChangeEndpoints(**common(house), egress=house.egress)


def now_of(house, endpoint):
    with house.store.begin(house.scope) as work:
        return work.webhooks.get(endpoint.id)


def log_of(house, endpoint):
    with house.store.begin(house.scope) as work:
        return work.webhooks.deliveries(endpoint.id, PageRequest(limit=100)).items[::-1]


def pass_time(house, by, step=timedelta(minutes=1)):
    """Let a worker look every *step*."""
    until = house.clock.now() + by
    while house.clock.now() < until:
        house.clock.advance(step)
        house.tell()


def down(_):
    raise EgressUnavailableError("not_connected", "nobody answers there")


def test_who_was_away_for_three_days_hears_of_everything_in_its_order(house):
    endpoint, receiver = register(house), Receiver(house, down)
    for day in range(3):
        for number in range(4):
            _queued(house, f"{day}_{number}")
            pass_time(house, timedelta(hours=6), timedelta(minutes=7))
    assert receiver.taken == []
    assert now_of(house, endpoint).is_enabled
    assert receiver.asked == 9, "one message is tried, and the others wait behind it"
    receiver.answer = lambda _: Reply(status=200)
    pass_time(house, timedelta(hours=24), timedelta(minutes=7))
    wanted = [f"dep_{day}_{number}" for day in range(3) for number in range(4)]
    assert [each["data"]["id"] for each in receiver.taken] == wanted
    assert receiver.sequences == sorted(receiver.sequences)
    assert {each.state for each in log_of(house, endpoint)} == {DeliveryState.DELIVERED}
    assert [each.attempts for each in log_of(house, endpoint)] == [10, *[1] * 11]


def test_who_does_not_come_back_is_left_alone_and_can_be_called_again(house):
    endpoint, receiver = register(house), Receiver(house, down)
    house.deploy(key="one")
    house.deploy(key="two")
    pass_time(house, timedelta(days=4), timedelta(minutes=11))
    assert receiver.asked == 10
    known = now_of(house, endpoint)
    assert (known.is_enabled, known.disabled_because) == (False, Cause.EXHAUSTED)
    house.deploy(key="three")
    pass_time(house, timedelta(days=1), timedelta(hours=1))
    assert receiver.asked == 10
    receiver.answer = lambda _: Reply(status=200)
    changing(house).enable(house.caller, endpoint.id)
    house.tell()
    first, *rest = log_of(house, endpoint)
    assert first.state is DeliveryState.FAILED
    assert [each.sequence for each in rest] == receiver.sequences
    assert len(rest) == 2
    with house.store.begin(house.scope) as work:
        told = [event.action for event in work.audit.of_subject(endpoint.name)]
    assert told == [f"webhook_endpoint.{each}" for each in ("created", "disabled", "enabled")]


def test_a_dead_endpoint_starves_nobody(house):
    dead = [register(house, f"https://dead{n}.example/", key=f"dead {n}") for n in range(8)]
    for each in dead:
        Receiver(house, down, each.url)
    good, receiver = register(house, key="good"), Receiver(house)
    for number in range(3):
        house.deploy(key=f"key {number}")
        house.tell()
    assert len(receiver.taken) == 3
    assert all(each.state is DeliveryState.DELIVERED for each in log_of(house, good))
    assert all(now_of(house, each).failures == 1 for each in dead)


def test_only_a_share_of_the_turns_goes_to_the_slow(house):
    for number in range(6):
        Receiver(house, down, register(house, f"https://d{number}.example/", key=f"{number}").url)
    house.deploy(key="one")
    house.tell()
    house.clock.advance(timedelta(seconds=6))
    claims = house.deliver_webhooks.take(10, slow=2)
    assert [claim.is_slow for claim in claims] == [True, True]


def test_who_says_when_is_asked_then(house):
    register(house)
    busy = Reply(status=429, headers={"retry-after": "1800"})
    receiver = Receiver(house, lambda _: busy)
    house.deploy(key="one")
    house.tell()
    pass_time(house, timedelta(minutes=29))
    assert receiver.asked == 1
    pass_time(house, timedelta(minutes=2))
    assert receiver.asked == 2


def test_an_instant_is_an_answer_to_when(house):
    register(house)
    at = house.clock.now() + timedelta(hours=3)
    text = at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver = Receiver(house, lambda _: Reply(status=503, headers={"retry-after": text}))
    house.deploy(key="one")
    house.tell()
    pass_time(house, timedelta(hours=2, minutes=58), timedelta(minutes=2))
    assert receiver.asked == 1
    pass_time(house, timedelta(minutes=6), timedelta(minutes=2))
    assert receiver.asked == 2


@pytest.mark.parametrize("text", ["soon", "-5", "1e9", "9" * 30, "", "²"])
def test_what_is_no_answer_to_when_is_ignored(house, text):
    register(house)
    receiver = Receiver(house, lambda _: Reply(status=503, headers={"retry-after": text}))
    house.deploy(key="one")
    house.tell()
    pass_time(house, timedelta(minutes=1))
    assert receiver.asked == 2


def test_a_worker_that_dies_after_sending_leaves_a_repeat_and_no_gap(house):
    register(house)
    receiver = Receiver(house)
    for number in range(3):
        house.deploy(key=f"key {number}")
    fan_out(house)
    deliver = house.deliver_webhooks
    (claim,) = deliver.take(1, slow=1)

    class DyingError(Exception):
        pass

    dying = evolve(deliver, store=_dying_at_the_second(house.store, DyingError))
    with pytest.raises(DyingError):
        dying(claim)
    assert len(receiver.taken) == 3
    assert deliver.take(1, slow=1) == [], "its lease is not over"
    house.clock.advance(LEASE + timedelta(seconds=1))
    house.tell()
    assert receiver.sequences == sorted(set(receiver.sequences)) * 2


def _dying_at_the_second(store, error):
    """The store, whose second transaction never begins: what was sent is not recorded."""

    class Dying:
        count = 0

        def begin(self, scope):
            self.count += 1
            if self.count == 2:
                raise error
            return store.begin(scope)

    return Dying()


def test_whoever_lost_the_lease_records_nothing(house):
    endpoint = register(house)
    Receiver(house)
    house.deploy(key="one")
    fan_out(house)
    deliver = house.deliver_webhooks
    (stale,) = deliver.take(1, slow=1)
    house.clock.advance(LEASE + timedelta(seconds=1))
    (fresh,) = deliver.take(1, slow=1)
    with pytest.raises(LeaseLostError):
        deliver(stale)
    assert [each.attempts for each in log_of(house, endpoint)] == [0]
    deliver(fresh)
    assert [each.state for each in log_of(house, endpoint)] == [DeliveryState.DELIVERED]


def test_what_is_deleted_while_it_is_sent_to_gets_nothing_more(house):
    endpoint = register(house)

    def answer(_):
        changing(house).delete(house.caller, endpoint.id)
        return Reply(status=200)

    receiver = Receiver(house, answer)
    for number in range(3):
        house.deploy(key=f"key {number}")
    fan_out(house)
    deliver = house.deliver_webhooks
    (claim,) = deliver.take(1, slow=1)
    # The first is on its way when the endpoint is deleted; the turn it is in ends with it.
    deliver(claim)
    house.tell()
    assert len(receiver.taken) <= 3
    states = [each.state for each in log_of(house, endpoint)]
    assert states == [DeliveryState.SKIPPED] * 3
    house.deploy(key="later")
    house.tell()
    assert len(log_of(house, endpoint)) == 3


def test_a_new_address_gets_what_waits(house):
    endpoint = register(house)
    Receiver(house, down)
    house.deploy(key="one")
    house.tell()
    receiver = Receiver(house, url="https://new.example/")
    changing(house).update(house.caller, endpoint.id, Changes(url="https://new.example/"))
    pass_time(house, timedelta(minutes=1))
    assert len(receiver.taken) == 1


def test_many_come_in_turns_and_none_twice(house):
    endpoint, receiver = register(house), Receiver(house)
    for number in range(BATCH + 20):
        _queued(house, number)
    house.tell()
    assert len(receiver.taken) == BATCH + 20
    assert receiver.sequences == sorted(set(receiver.sequences))
    assert now_of(house, endpoint).due_at is None


def _queued(house, number):
    """One more event in the trail, without all that a deployment costs."""
    trail = Trail(
        identifiers=house.identifiers,
        organisation=house.registered.organisation.id,
        actor=WORKER,
    )
    trail.add("deployment.queued", f"dep_{number}", house.clock.now())
    with house.store.begin(house.scope) as work:
        trail.write(work)


def test_whoever_writes_an_event_writes_nothing_else(house):
    """The request path pays nothing: no delivery is there before a worker has looked."""
    endpoint = register(house)
    house.deploy(key="one")
    assert log_of(house, endpoint) == ()
    with house.store.begin(Scope()) as work:
        assert work.webhooks.behind(10) == [house.registered.organisation.id]
    assert fan_out(house) == 1
    assert fan_out(house) == 0


def test_secrets_that_cannot_be_read_are_waited_for(house):
    register(house)
    receiver = Receiver(house)
    house.webhook_secrets.wrapping.is_down = True
    house.deploy(key="one")
    with pytest.raises(CustodyUnavailableError):
        house.tell()
    house.webhook_secrets.wrapping.is_down = False
    house.clock.advance(LEASE + timedelta(seconds=1))
    house.tell()
    assert len(receiver.taken) == 1


def test_what_is_asked_for_by_hand_does_not_wait_behind_a_line_that_is_held(house):
    endpoint, receiver = register(house), Receiver(house, down)
    house.deploy(key="one")
    pass_time(house, timedelta(hours=1))
    asked = receiver.asked
    again = SendAgain(**common(house))
    again.test(house.caller, endpoint.id, house.key("test"), FINGERPRINT)
    house.tell()
    assert receiver.asked == asked + 1, "the line itself is not tried before its time"
    first, test = log_of(house, endpoint)
    assert first.is_pending
    assert test.state is DeliveryState.FAILED
    assert now_of(house, endpoint).is_enabled


def test_the_log_is_cut_at_its_old_end(house):
    endpoint = register(house)
    Receiver(house)
    house.deploy(key="one")
    house.tell()
    house.clock.advance(timedelta(days=29))
    assert house.deliver_webhooks.forget() == 0
    house.clock.advance(timedelta(days=2))
    assert house.deliver_webhooks.forget() == 1
    assert log_of(house, endpoint) == ()


def test_what_is_replayed_while_the_line_is_held_comes_once_and_in_its_order(house):
    endpoint, receiver = register(house), Receiver(house)
    for number in range(3):
        _queued(house, number)
    house.tell()
    receiver.answer = down
    for number in range(3, 6):
        _queued(house, number)
    house.tell()
    receiver.taken.clear()
    receiver.answer = lambda _: Reply(status=200)
    again = SendAgain(**common(house))
    since = house.clock.now() - timedelta(minutes=1)
    again.replay(house.caller, endpoint.id, since, house.key("replay"), FINGERPRINT)
    house.tell()
    assert [each["data"]["id"] for each in receiver.taken] == [f"dep_{n}" for n in range(6)]


def test_a_long_trail_is_told_in_parts(house, monkeypatch):
    monkeypatch.setattr("application.notifications.fan_out.BATCH", 4)
    register(house)
    receiver = Receiver(house)
    for number in range(10):
        _queued(house, number)
    assert [fan_out(house) for _ in range(4)] == [4, 4, 2, 0]
    house.tell()
    assert [each["data"]["id"] for each in receiver.taken] == [f"dep_{n}" for n in range(10)]


def test_who_comes_later_is_not_told_of_what_was_before(house):
    register(house)
    early, late = Receiver(house), Receiver(house, url="https://late.example/")
    _queued(house, "old")
    register(house, "https://late.example/", key="late")
    _queued(house, "new")
    house.tell()
    assert [len(each.taken) for each in (early, late)] == [2, 1]
    assert [each["data"]["id"] for each in late.taken] == ["dep_new"]


def test_a_neighbour_hears_nothing(house):
    register(house)
    receiver = Receiver(house)
    house.neighbour().deploy(key="theirs")
    house.tell()
    assert receiver.asked == 0
