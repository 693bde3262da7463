"""The worker's loop: one bad deployment stops nobody, and stopping leaves nothing leased."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from attrs import define, field

from application.deployments.full_lines import MOMENT
from application.ports.storage.work import LeaseLostError, Scope, StoreUnavailableError
from domain.deployment import State
from domain.operation import WaitReason
from entrypoints.worker.loop import IDLE, LEASE, QUIET, SOON, DeploymentLoop
from tests.application.house import WORKER_ID, House


@define
class Erratic:
    """Advances, except where it was told to fail."""

    advance: object
    failures: list[Exception] = field(factory=list)
    calls: int = 0

    def __call__(self, claim):
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.advance(claim)


def a_loop(house, advance, **options):
    return DeploymentLoop(
        **{
            "store": house.store,
            "clock": house.clock,
            "advance": advance,
            "full": house.full,
            "telemetry": house.telemetry,
            "worker": WORKER_ID,
            "threads": 2,
            **options,
        }
    )


def running(house, advance, **options):
    stop, loop = threading.Event(), a_loop(house, advance, **options)
    thread = threading.Thread(target=loop.run, args=(stop,), name="loop", daemon=True)
    thread.start()
    return thread, stop


def until(condition, house, *, step=timedelta(seconds=1)):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited for 20 s"
        house.clock.advance(step)
        time.sleep(0.02)


def finish(thread, stop):
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_deployments_are_carried_on_until_they_are_done():
    house = House()
    ids = [house.deploy().id for _ in range(4)]
    thread, stop = running(house, house.advance())
    until(lambda: not house.open_deployments(), house)
    finish(thread, stop)
    assert [house.get(id).state for id in ids] == [State.COMPLETED] * 4
    assert [house.tokens(id) for id in ids] == [1] * 4


def test_a_queue_in_which_nothing_was_due_for_ten_seconds_is_looked_at_less_often():
    house = House()
    loop = a_loop(house, house.advance())
    with ThreadPoolExecutor(1) as pool:
        pauses = [loop._round(pool) for _ in range(52)]
        house.deploy()
        again = [loop._round(pool), loop._round(pool)]
    assert pauses == [IDLE] * 49 + [QUIET] * 3
    assert again[0] == SOON
    assert again[1] in {SOON, IDLE}


def test_what_is_finished_is_given_back_with_what_is_taken_and_may_be_taken_again():
    house, begun, carried = House(), [], []

    class Counting:
        def begin(self, scope):
            begun.append(scope)
            return house.store.begin(scope)

    house.deploy()
    loop = a_loop(house, carried.append, store=Counting())
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            assert loop._round(pool) == SOON
    assert len(begun) == 2
    assert [claim.operation for claim in carried] == [carried[0].operation] * 2
    assert carried[0].token != carried[1].token


def test_what_is_under_way_is_taken_first_and_what_is_queued_each_fourth_time():
    """So that it ends, though it comes late; and none of the two keeps the other from its turn."""
    house, carried = House(), []
    for _ in range(4):
        house.deploy()
    under_way = {each.id for each in house.open_deployments()[:2]}
    for id in under_way:
        with house.store.begin(house.scope) as work:
            waiting = work.deployments.lock(id).awaiting(
                WaitReason.SIGNER_UNAVAILABLE, house.clock.now()
            )
            work.deployments.put(waiting, due_at=house.clock.now(), claim=None)

    def gives_back(claim):
        carried.append(claim.operation in under_way)

    loop = a_loop(house, gives_back, threads=1)
    for _ in range(8):
        with ThreadPoolExecutor(1) as pool:
            loop._round(pool)
    assert carried == [True, True] * 3 + [False, False] + [True, True] * 3 + [False, False]


def test_what_cannot_begin_for_a_moment_is_left_where_it_is():
    house, carried = House(), []
    house.deploy()
    loop = a_loop(house, carried.append)
    house.full.tell(house.network)
    with ThreadPoolExecutor(1) as pool:
        assert [loop._round(pool) for _ in range(5)] == [IDLE] * 5
        house.pass_time(MOMENT)
        assert loop._round(pool) == SOON
    assert len(carried) == 1


def test_whatever_goes_wrong_is_tried_again_when_the_lease_is_over():
    house = House()
    id = house.deploy().id
    failures = [
        RuntimeError("a bug"),
        StoreUnavailableError("gone"),
        LeaseLostError("another worker"),
    ]
    erratic = Erratic(house.advance(), failures)
    thread, stop = running(house, erratic)
    until(lambda: house.get(id).state is State.COMPLETED, house, step=LEASE / 4)
    finish(thread, stop)
    assert erratic.calls >= 4
    assert house.tokens(id) == 1


def test_a_stopped_worker_leaves_nothing_leased():
    house = House(instant=False)
    for _ in range(3):
        house.deploy()
    thread, stop = running(house, house.advance())
    until(lambda: all(d.state is State.PENDING for d in house.open_deployments()), house)
    finish(thread, stop)
    house.clock.advance(timedelta(seconds=6))
    with house.store.begin(Scope()) as work:
        again = work.claims.take(house.clock.now(), 10, LEASE, UUID(int=9))
    assert len(again) == 3


def test_leases_go_on_being_renewed_whatever_one_renewal_met():
    house, renewed = House(), threading.Event()
    house.deploy()
    blocked = threading.Event()

    def slow(claim):
        del claim
        blocked.wait(20)

    class Trouble:
        """The store, whose first renewal meets a bug."""

        met = False

        def begin(self, scope):
            if threading.current_thread().name == "renew":
                if not Trouble.met:
                    Trouble.met = True
                    raise RuntimeError("a bug")
                renewed.set()
            return house.store.begin(scope)

    often = timedelta(milliseconds=20)
    thread, stop = running(house, slow, store=Trouble(), renew_every=often)
    assert renewed.wait(10)
    blocked.set()
    finish(thread, stop)


def test_who_carries_on_leaves_the_processor_to_others_and_who_renews_leases_does_not():
    house = House()
    id = house.deploy().id
    advance, niceness = house.advance(), {}
    before = os.getpriority(os.PRIO_PROCESS, 0)

    class Seen:
        """The store, which is asked by each thread at its own priority."""

        def begin(self, scope):
            name = threading.current_thread().name
            niceness[name.partition("_")[0]] = os.getpriority(os.PRIO_PROCESS, 0)
            return house.store.begin(scope)

    held = threading.Event()

    def held_back(claim):
        held.wait(20)
        niceness["advance"] = os.getpriority(os.PRIO_PROCESS, 0)
        return advance(claim)

    often = timedelta(milliseconds=20)
    thread, stop = running(house, held_back, store=Seen(), niceness=before + 3, renew_every=often)
    until(lambda: "renew" in niceness, house, step=timedelta(0))
    held.set()
    until(lambda: house.get(id).state is State.COMPLETED, house)
    finish(thread, stop)
    assert niceness["advance"] == niceness["loop"] == before + 3
    assert niceness["renew"] == before
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_nobody_is_made_less_nice_than_they_were_started():
    house, met = House(), []
    house.deploy()

    def carry(claim):
        del claim
        met.append(os.getpriority(os.PRIO_PROCESS, 0))

    stop, loop = threading.Event(), a_loop(house, carry, niceness=4)

    def started_nice():
        os.setpriority(os.PRIO_PROCESS, 0, 9)
        loop.run(stop)

    thread = threading.Thread(target=started_nice, daemon=True)
    thread.start()
    until(lambda: met, house)
    finish(thread, stop)
    assert set(met) == {9}
