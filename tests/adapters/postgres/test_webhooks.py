"""The whole way on a real database and real sockets: threads that work, receivers with moods."""

import json
import threading
import time
from collections import defaultdict
from datetime import timedelta

import psycopg
import pytest
from attrs import evolve

from adapters.egress import Guard, Rules
from adapters.local_keys import LocalKeyWrapping, SeedSigning
from adapters.postgres.outlines import KeptOutlines
from adapters.postgres.signed import KeptBytes
from adapters.postgres.storage import PostgresWork
from adapters.system import SystemClock, SystemIdentifiers
from adapters.telemetry import Tracing
from application.audit.trail import Trail
from application.notifications.deliver import DeliverWebhooks
from application.notifications.fan_out import FanOut
from application.notifications.secrets import EndpointSecrets
from application.ports.storage.paging import PageRequest
from domain.audit import WORKER
from domain.identifiers import EndpointId
from domain.webhook import Cause, DeliveryState, Endpoint, EndpointState
from entrypoints.worker.webhooks import WebhookLoop
from tests.adapters.egress.receivers import OK, keeping_open, receiving, saying, status
from tests.contract.subjects.postgres import store as a_store
from tests.contract.tenants import a_tenant

RULES = Rules(allows_plain=True, allows_loopback=True, connect_seconds=0.5, total_seconds=0.8)
PATIENCE_SECONDS = 20.0


class World:
    """What a worker has, over one store."""

    def __init__(self, store):
        self.store, self.clock = store, SystemClock()
        self.identifiers = SystemIdentifiers(self.clock)
        self.common = {
            "store": store, "clock": self.clock, "identifiers": self.identifiers,
        }  # fmt: skip
        self.secrets = EndpointSecrets(
            wrapping=LocalKeyWrapping({1: bytes(32)}),
            seeds=SeedSigning(),
            identifiers=self.identifiers,
        )

    def endpoint(self, tenant, url):
        id = EndpointId(self.identifiers.next())
        now = self.clock.now()
        secret, _ = self.secrets.new(tenant.organisation, id, 1, now)
        with self.store.begin(tenant.scope) as work:
            endpoint = Endpoint(
                organisation=tenant.organisation, id=id, url=url, live=False, created_by="mem_1",
                created_at=now, cursor=work.audit.head(),
            )  # fmt: skip
            work.webhooks.add(endpoint, secret)
        return endpoint

    def happen(self, tenant, *names):
        trail = Trail(identifiers=self.identifiers, organisation=tenant.organisation, actor=WORKER)
        for name in names:
            trail.add("deployment.queued", f"dep_{name}", self.clock.now())
        with self.store.begin(tenant.scope) as work:
            trail.write(work)

    def loop(self, threads=4):
        deliver = DeliverWebhooks(
            **self.common, egress=Guard(RULES), secrets=self.secrets, telemetry=Tracing()
        )
        return WebhookLoop(fan_out=FanOut(**self.common), deliver=deliver, threads=threads)

    def log(self, tenant, endpoint):
        with self.store.begin(tenant.scope) as work:
            return work.webhooks.deliveries(endpoint.id, PageRequest(limit=100)).items[::-1]

    def now_of(self, tenant, endpoint):
        with self.store.begin(tenant.scope) as work:
            return work.webhooks.get(endpoint.id)


@pytest.fixture(scope="module")
def store():
    with a_store() as opened:
        yield opened


@pytest.fixture
def world(store):
    return World(store)


@pytest.fixture
def at_work():
    """Starts loops; ends them with the test."""
    stop, threads = threading.Event(), []

    def start(*loops):
        for loop in loops:
            threads.append(threading.Thread(target=loop.run, args=(stop,)))
            threads[-1].start()
        return stop

    yield start
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def eventually(condition, why):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.02)


def bodies(receiver):
    return [json.loads(each.partition(b"\r\n\r\n")[2]) for each in receiver.requests]


def test_two_workers_tell_each_of_everything_in_its_order(world, at_work):
    """Threads, a database, sockets; and a receiver that fails now and then."""
    tenants = [a_tenant(world.store) for _ in range(3)]
    moods = defaultdict(int)
    lock = threading.Lock()

    def moody(connection, request):
        with lock:
            moods[request[:40]] += 1
            is_bad = sum(moods.values()) % 17 == 0
        connection.sendall(status(500) if is_bad else OK)

    with receiving(moody) as receiver:
        endpoints = [
            (tenant, world.endpoint(tenant, receiver.url(path=f"/{number}/{n}")))
            for number, tenant in enumerate(tenants)
            for n in range(2)
        ]
        at_work(world.loop(), world.loop())
        for batch in range(5):
            for number, tenant in enumerate(tenants):
                world.happen(tenant, *(f"{number}_{batch}_{n}" for n in range(8)))

        def all_told():
            # Five seconds is long to wait: whoever failed is called again by hand.
            for tenant, endpoint in endpoints:
                with world.store.begin(tenant.scope) as work:
                    known = work.webhooks.lock(endpoint.id)
                    if known.held_until is not None:
                        work.webhooks.put(known.enabled(world.clock.now()))
            return all(
                [each.state for each in world.log(*each_of)] == [DeliveryState.DELIVERED] * 40
                for each_of in endpoints
            )

        eventually(all_told, "somebody was not told of everything")
        told = bodies(receiver)
        paths = [each.split(b" ")[1].decode() for each in receiver.requests]
    for number, _ in enumerate(tenants):
        wanted = [f"dep_{number}_{batch}_{n}" for batch in range(5) for n in range(8)]
        for n in range(2):
            seen = [
                body["data"]["id"]
                for path, body in zip(paths, told, strict=True)
                if path == f"/{number}/{n}"
            ]
            # A repeat is of what failed; without them it is the order of the trail.
            assert list(dict.fromkeys(seen)) == wanted


MOODS = {
    "silent": (lambda *_: time.sleep(5), None, "timeout"),
    "closes": (saying(b""), None, "no_answer"),
    "no http": (saying(b"SSH-2.0\r\n"), None, "no_answer"),
    "moved": (saying(status(307, "Location: http://127.0.0.1:1/")), 307, None),
    "broken": (saying(status(500, body=b"stack trace")), 500, None),
    "busy": (saying(status(429, "Retry-After: 3600")), 429, None),
    "refuses": (saying(status(404)), 404, None),
}


@pytest.mark.parametrize("mood", MOODS)
def test_what_was_not_taken_waits_and_is_logged(world, at_work, mood):
    answer, code, error = MOODS[mood]
    tenant = a_tenant(world.store)
    with receiving(answer) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, "one", "two")
        at_work(world.loop())
        eventually(lambda: world.now_of(tenant, endpoint).failures == 1, "nothing was tried")
    first, second = world.log(tenant, endpoint)
    assert (first.state, first.last_status, first.last_error) == (
        DeliveryState.PENDING, code, error,
    )  # fmt: skip
    assert (second.attempts, len(receiver.requests)) == (0, 1)
    known = world.now_of(tenant, endpoint)
    pause = known.held_until - world.clock.now()
    least, most = (50, 61) if mood == "busy" else (0, 0.1)
    assert timedelta(minutes=least) < pause < timedelta(minutes=most)
    assert known.is_slow


def test_an_answer_without_end_counts_by_its_status(world, at_work):
    tenant = a_tenant(world.store)
    huge = saying(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5_000_000)
    with receiving(huge) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, "one", "two")
        at_work(world.loop())
        eventually(
            lambda: (
                [each.state for each in world.log(tenant, endpoint)]
                == [DeliveryState.DELIVERED] * 2
            ),
            "they were not told",
        )
    with world.store.begin(tenant.scope) as work:
        (attempt,) = work.webhooks.attempts(world.log(tenant, endpoint)[0].id)
    assert len(attempt.excerpt) == 1024


NASTY = {
    "NUL in a header": status(200, "Content-Type: text/\x00plain", "Retry-After: \x1b[2J"),
    "NUL in a body": status(200, body=b"\x00\xff\xfe\xed\xa0\x80"),
    "no letters at all": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    "a status beyond": status(999),
    "a long header": status(500, "Content-Type: " + "x" * 30_000),
}


@pytest.mark.parametrize("answer", NASTY)
def test_no_answer_keeps_itself_from_being_recorded(world, at_work, answer):
    """Else it would be asked for again and again, every minute, for ever."""
    tenant = a_tenant(world.store)
    with receiving(saying(NASTY[answer])) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, "one")
        at_work(world.loop())
        eventually(lambda: world.log(tenant, endpoint)[:1], "nothing was made of it")
        eventually(lambda: world.log(tenant, endpoint)[0].attempts == 1, "nothing was recorded")


def test_whoever_is_gone_is_disabled(world, at_work):
    tenant = a_tenant(world.store)
    with receiving(saying(status(410))) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, "one", "two")
        at_work(world.loop())
        eventually(lambda: not world.now_of(tenant, endpoint).is_enabled, "it is still called")
    assert world.now_of(tenant, endpoint).disabled_because is Cause.GONE
    assert len(receiver.requests) == 1


def test_who_hangs_keeps_nobody_waiting(world, at_work):
    tenant = a_tenant(world.store)
    with receiving(lambda *_: time.sleep(5)) as hanging, receiving(keeping_open) as good:
        for n in range(6):
            world.endpoint(tenant, hanging.url(path=f"/{n}"))
        world.endpoint(tenant, good.url())
        at_work(world.loop(threads=4))
        for number in range(3):
            world.happen(tenant, number)
            begun = time.monotonic()
            eventually(lambda n=number: len(good.requests) == n + 1, "it is kept waiting")
            assert time.monotonic() - begun < 4


def test_what_was_let_in_in_development_is_refused_where_it_is_not_allowed(world, at_work):
    """SSRF at delivery: an address that became private, or a setting that was taken back."""
    tenant = a_tenant(world.store)
    with receiving(saying(OK)) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, "one")
        deliver = DeliverWebhooks(
            **world.common,
            egress=Guard(Rules(allows_plain=True)),
            secrets=world.secrets,
            telemetry=Tracing(),
        )
        at_work(WebhookLoop(fan_out=FanOut(**world.common), deliver=deliver, threads=2))
        eventually(lambda: world.now_of(tenant, endpoint).failures == 1, "nothing was tried")
    assert receiver.connections == 0
    (delivery,) = world.log(tenant, endpoint)
    assert delivery.last_error == "address_refused"


def test_a_deleted_endpoint_is_let_go_while_it_hangs(world, at_work):
    tenant = a_tenant(world.store)
    came = threading.Event()

    def answer(connection, _):
        came.set()
        time.sleep(0.4)
        connection.sendall(OK)

    with receiving(answer) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, *range(5))
        stop = at_work(world.loop())
        assert came.wait(PATIENCE_SECONDS)
        with world.store.begin(tenant.scope) as work:
            known = work.webhooks.lock(endpoint.id)
            work.webhooks.skip(endpoint.id, world.clock.now())
            work.webhooks.put(evolve(known, state=EndpointState.DELETED, due_at=None))
        stop.set()
        time.sleep(0.6)
        world.happen(tenant, "later")
    assert {each.state for each in world.log(tenant, endpoint)} == {DeliveryState.SKIPPED}
    assert len(receiver.requests) < 5


def test_an_event_costs_its_transaction_one_row_and_no_more(world):
    """The request path: with endpoints or without, the same statements write the same rows."""
    tenant, plain = a_tenant(world.store), a_tenant(world.store)
    for n in range(3):
        world.endpoint(tenant, f"https://hooks.example.com/{n}")

    def so_far(transaction):
        rows = transaction.rows(
            "SELECT relname, n_tup_ins + n_tup_upd AS written FROM pg_stat_xact_user_tables"
        )
        return {row["relname"]: row["written"] for row in rows}

    def written(by):
        with world.store.transaction(by.scope) as transaction:
            trail = Trail(
                identifiers=world.identifiers, organisation=by.organisation, actor=WORKER
            )
            trail.add("deployment.queued", "dep_1", world.clock.now())
            before = so_far(transaction)
            trail.write(PostgresWork(transaction, KeptBytes(), KeptOutlines()))
            after = so_far(transaction)
        return {
            name.rstrip("0123456789_"): count - before.get(name, 0)
            for name, count in after.items()
            if count > before.get(name, 0)
        }

    assert written(tenant) == written(plain)
    assert sum(written(tenant).values()) == 2, "the head and the event"


def test_a_turn_under_a_dead_database_is_taken_again(world, monkeypatch):
    """What was sent and not recorded is sent again, with the same id."""
    tenant = a_tenant(world.store)
    with receiving(saying(OK)) as receiver:
        endpoint = world.endpoint(tenant, receiver.url())
        world.happen(tenant, "one")
        loop = world.loop()
        loop.fan_out(tenant.organisation)
        (claim,) = [
            each for each in loop.deliver.take(100, slow=100) if each.endpoint == endpoint.id
        ]
        monkeypatch.setattr(
            DeliverWebhooks, "_record", lambda *_: (_ for _ in ()).throw(psycopg.Error("gone"))
        )
        with pytest.raises(psycopg.Error):
            loop.deliver(claim)
        monkeypatch.undo()
        loop.deliver(claim)
        ids = [
            next(line for line in each.split(b"\r\n") if line.startswith(b"webhook-id"))
            for each in receiver.requests
        ]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert [each.state for each in world.log(tenant, endpoint)] == [DeliveryState.DELIVERED]
