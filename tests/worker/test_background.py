"""What a worker does beside deployments: nothing that was committed is forgotten."""

import os
import threading
from datetime import timedelta

import pytest

from adapters.memory.tasks import MemoryTasks
from application.accounts.create_key import CreateAccountKey
from application.exports.request import ExportRequest, RequestExport
from application.operator.dispatch import Dispatch
from application.operator.sweep import Sweep
from application.people.gifts import TOPIC, DeliverGift, GiftRequest, SendGift
from application.ports.files import FilesUnavailableError
from application.ports.tasks import TasksUnavailableError
from domain.account import AccountState
from domain.export import ExportFormat, ExportState
from domain.identifiers import Prefix, public_id
from domain.ledger import Granted, Lot, Source
from domain.network import Family
from entrypoints.worker.background import Periodic, handlers
from tests.application.house import FINGERPRINT, House


def the_account(house):
    with house.store.begin(house.scope) as work:
        return work.accounts.find(Family.EVM, live=False)


def run_tasks(house, tasks):
    create = CreateAccountKey(
        store=house.store,
        custodians={"memory": house.custodian},
        chains={house.network: house.chain},
        clock=house.clock,
        identifiers=house.identifiers,
    )
    deliver = DeliverGift(store=house.store, clock=house.clock, identifiers=house.identifiers)
    make = house.make_export()
    send = house.send_letter()
    for topic, organisation, key in tasks.deferred:
        handlers(create, deliver, make, send)[topic](organisation, key)


def test_a_registration_brings_its_account_a_key():
    house, tasks = House(is_account_ready=False), MemoryTasks()
    assert Dispatch(store=house.store, tasks=tasks)() == 1
    account = the_account(house)
    expected = ("account.requested", account.organisation, public_id(Prefix.ACCOUNT, account.id))
    assert tasks.deferred == [expected]
    run_tasks(house, tasks)
    assert the_account(house).state is AccountState.READY
    assert Dispatch(store=house.store, tasks=tasks)() == 0


def test_what_the_queue_refused_stays_in_the_outbox():
    house, tasks = House(is_account_ready=False), MemoryTasks(is_down=True)
    dispatch = Dispatch(store=house.store, tasks=tasks)
    with pytest.raises(TasksUnavailableError):
        dispatch()
    tasks.is_down = False
    assert dispatch() == 1


def test_a_lost_task_is_made_again_from_its_row():
    house, tasks = House(is_account_ready=False), MemoryTasks()
    sweep = Sweep(store=house.store, tasks=tasks, clock=house.clock)
    Dispatch(store=house.store, tasks=MemoryTasks())()
    assert sweep() == 1
    run_tasks(house, tasks)
    assert the_account(house).state is AccountState.READY
    assert sweep() == 0


def test_a_task_that_runs_twice_gives_one_key():
    house, tasks = House(is_account_ready=False), MemoryTasks()
    Dispatch(store=house.store, tasks=tasks)()
    run_tasks(house, tasks)
    key = the_account(house).key
    run_tasks(house, tasks)
    assert the_account(house).key == key


def test_a_custodian_that_is_down_leaves_the_account_to_the_sweep():
    house, tasks = House(is_account_ready=False), MemoryTasks()
    Dispatch(store=house.store, tasks=tasks)()
    house.custodian.is_down = True
    run_tasks(house, tasks)
    assert the_account(house).state is AccountState.REQUESTED
    house.custodian.is_down = False
    sweep = Sweep(store=house.store, tasks=tasks, clock=house.clock)
    assert sweep() == 1


def test_a_periodic_act_survives_whatever_it_meets():
    stop, seen = threading.Event(), []

    def act():
        seen.append(len(seen))
        if len(seen) == 1:
            raise RuntimeError("once")
        stop.set()

    periodic = Periodic(name="test", interval=timedelta(milliseconds=1), act=act)
    periodic.run(stop)
    assert seen == [0, 1]


@pytest.mark.parametrize("more", [0, 3])
def test_what_nobody_waits_for_leaves_the_processor_to_others(more):
    stop, seen = threading.Event(), []
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def act():
        seen.append(os.getpriority(os.PRIO_PROCESS, 0))
        stop.set()

    periodic = Periodic(
        name="test", interval=timedelta(seconds=1), act=act, niceness=before + more
    )
    thread = periodic.thread(stop)
    thread.start()
    thread.join(20)
    assert seen == [before + more]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.parametrize("quiet", [timedelta(milliseconds=500), None])
def test_what_found_nothing_for_a_while_acts_less_often_where_that_was_said(quiet):
    often, waited = timedelta(milliseconds=200), []

    class Stop:
        def is_set(self):
            return len(waited) == 55

        def wait(self, seconds):
            waited.append(seconds)

    def act():
        return len(waited) in {0, 53}

    Periodic(name="test", interval=often, quiet=quiet, act=act).run(Stop())
    seldom = 0.5 if quiet else 0.2
    assert waited == [0.0] + [0.2] * 49 + [seldom] * 3 + [0.0, 0.2]


def test_what_is_done_in_batches_waits_though_there_was_something_to_do():
    """Ten seconds without anything are as many looks as fit into them."""
    often, found, waited = timedelta(seconds=4), [True, True] + [False] * 4 + [True, False], []

    class Stop:
        def is_set(self):
            return len(waited) == len(found)

        def wait(self, seconds):
            waited.append(seconds)

    Periodic(
        name="test",
        interval=often,
        soon=timedelta(seconds=1),
        quiet=timedelta(minutes=1),
        act=lambda: found[len(waited)],
    ).run(Stop())
    assert waited == [1, 1, 4, 4, 60, 60, 1, 4]


def test_a_gift_is_delivered_and_a_task_that_names_none_is_let_go(caplog):
    house, tasks = House(), MemoryTasks()
    neighbour = house.neighbour()
    pack = Lot(
        id=house.identifiers.next(),
        source=Source.PACK,
        priority=40,
        amount=10,
        remaining=10,
        effective_at=house.clock.now(),
        fact="pack:pi_1",
    )
    with house.store.begin(house.scope) as work:
        wallet = work.ledger.lock()
        work.ledger.record(wallet, [Granted(lot=pack)], house.clock.now(), "worker")
    send = SendGift(store=house.store, clock=house.clock, identifiers=house.identifiers)
    request = GiftRequest(to=neighbour.registered.organisation.id, amount=10)
    assert send(house.caller, request, house.key("one"), FINGERPRINT).value.amount == 10
    Dispatch(store=house.store, tasks=tasks)()
    tasks.deferred.append((TOPIC, house.registered.organisation.id, "gift_none"))
    run_tasks(house, tasks)
    with neighbour.store.begin(neighbour.scope) as work:
        assert Source.GIFT in {lot.source for lot in work.ledger.balance().lots}
    assert "names no gift: gift_none" in caplog.text


def test_an_export_is_made_by_its_task_and_asked_for_again_while_it_cannot_be():
    house, tasks = House(), MemoryTasks()
    request = RequestExport(
        store=house.store, clock=house.clock, identifiers=house.identifiers, has_place=True
    )
    wish = ExportRequest(format=ExportFormat.CSV)
    asked = request(house.caller, wish, house.key("one"), FINGERPRINT).value
    Dispatch(store=house.store, tasks=tasks)()
    assert ("export.requested", asked.organisation, asked.name) in tasks.deferred
    house.files.failure = FilesUnavailableError("no space left")
    run_tasks(house, tasks)
    house.files.failure = None
    tasks.deferred.clear()
    assert Sweep(store=house.store, tasks=tasks, clock=house.clock)() >= 1
    run_tasks(house, tasks)
    with house.store.begin(house.scope) as work:
        assert work.exports.get(asked.id).state is ExportState.FINISHED
