"""The loop that tells members: what goes wrong with one keeps nobody else waiting."""

import threading
import time

import pytest
from attrs import evolve

from application.notifications.endpoints import EndpointRequest, RegisterEndpoint
from application.notifications.fan_out import FanOut
from application.ports.egress import Reply
from application.ports.storage.work import StoreUnavailableError
from entrypoints.worker.webhooks import WebhookLoop
from tests.application.house import FINGERPRINT, House

PATIENCE_SECONDS = 10.0


def register(house, url):
    use_case = RegisterEndpoint(
        store=house.store, clock=house.clock, identifiers=house.identifiers,
        egress=house.egress, secrets=house.webhook_secrets,
    )  # fmt: skip
    wish = EndpointRequest(url=url, live=False, event_types=frozenset({"deployment.queued"}))
    use_case(house.caller, wish, house.key(url), FINGERPRINT)
    taken = []
    house.egress.receivers[url] = lambda request: taken.append(request) or Reply(status=200)
    return taken


def happen(house):
    trail = house.caller.trail(house.identifiers)
    trail.add("deployment.queued", "dep_1", house.clock.now())
    with house.store.begin(house.scope) as work:
        trail.write(work)


@pytest.fixture
def house():
    return House()


@pytest.fixture
def at_work(house):
    stop, threads = threading.Event(), []

    def start(fan_out=None, deliver=None):
        common = {
            "store": house.store, "clock": house.clock, "identifiers": house.identifiers,
        }  # fmt: skip
        loop = WebhookLoop(
            fan_out=(fan_out or FanOut)(**common),
            deliver=deliver or house.deliver_webhooks,
            threads=2,
        )
        threads.append(threading.Thread(target=loop.run, args=(stop,)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_trail_that_cannot_be_told_keeps_nobody_else_waiting(house, at_work):
    # Made before there are two houses: they have the same receivers.
    assert house.egress.received == []
    assert house.webhook_secrets.identifiers is house.identifiers
    other = house.neighbour()
    bad = house.registered.organisation.id
    taken = {
        each: register(each, f"https://{n}.example/") for n, each in enumerate((house, other))
    }

    class Choking(FanOut):
        def __call__(self, organisation):
            if organisation == bad:
                raise ValueError("nobody knows why")
            return FanOut.__call__(self, organisation)

    happen(house)
    happen(other)
    at_work(Choking)
    eventually(lambda: taken[other])
    assert not taken[house]


def test_the_slow_never_have_all_the_hands(house, at_work):
    """Four who hang, and two threads: one of these stays free for whoever answers."""
    hung, over = [], threading.Event()

    def hang(request):
        hung.append(request.url)
        over.wait(PATIENCE_SECONDS)
        return Reply(status=200)

    for number in range(4):
        register(house, f"https://slow{number}.example/")
        house.egress.receivers[f"https://slow{number}.example/"] = hang
    with house.store.begin(house.scope) as work:
        for each in sorted(work.webhooks.all(), key=lambda each: each.id):
            work.webhooks.lock(each.id)
            work.webhooks.put(evolve(each, is_slow=True))
    happen(house)
    at_work()
    try:
        eventually(lambda: hung)
        taken = register(house, "https://good.example/")
        happen(house)
        eventually(lambda: taken)
        assert len(hung) == 1
    finally:
        over.set()


def test_a_store_that_is_away_is_waited_for(house, at_work, monkeypatch):
    taken = register(house, "https://hooks.example/")
    failures = [StoreUnavailableError("no connection")]
    behind = FanOut.behind

    def sometimes(self):
        if failures:
            raise failures.pop()
        return behind(self)

    monkeypatch.setattr(FanOut, "behind", sometimes)
    happen(house)
    at_work()
    eventually(lambda: taken)


def test_a_stop_ends_it_between_two_messages(house, at_work):
    taken = register(house, "https://hooks.example/")
    stopping = threading.Event()
    for _ in range(5):
        happen(house)
    FanOut(store=house.store, clock=house.clock, identifiers=house.identifiers)(
        house.registered.organisation.id
    )
    (claim,) = house.deliver_webhooks.take(1, slow=1)
    stopping.set()
    assert house.deliver_webhooks(claim, stopping.is_set) == 1
    assert len(taken) == 1
    (again,) = house.deliver_webhooks.take(1, slow=1)
    assert house.deliver_webhooks(again) == 4, "what is left is due at once, and nobody's"
