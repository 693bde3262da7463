"""One worker process: starts the threads, and stops them in order."""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

from application.ports.files import FilesUnavailableError
from application.ports.payments import PaymentsRefusedError, PaymentsUnavailableError
from domain.identifiers import NetworkId
from entrypoints.container import Container
from entrypoints.readiness import await_database, tell_of_clock, tell_of_tariffs
from entrypoints.worker import niceness
from entrypoints.worker.background import Periodic, handlers, watched
from entrypoints.worker.clock import followed
from entrypoints.worker.keys import key_changes
from entrypoints.worker.loop import DeploymentLoop
from entrypoints.worker.sealing import seal_in_development
from entrypoints.worker.webhooks import WebhookLoop

log = logging.getLogger(__name__)

WATCH_EVERY = timedelta(seconds=2)
DISPATCH_EVERY = timedelta(milliseconds=200)
DISPATCH_QUIETLY_EVERY = timedelta(milliseconds=500)
SWEEP_EVERY = timedelta(seconds=30)
#: How often it is seen whether tokens are due to be looked at, and whether one is forgotten.
LOOK_EVERY = timedelta(seconds=2)
FORGOTTEN_EVERY = timedelta(minutes=10)
#: How often it is seen whether a month has begun for somebody; nobody waits for it.
ALLOWANCES_EVERY = timedelta(minutes=10)
#: How often it is seen whose licence changes by time; what begins asks the facts itself.
LICENCES_EVERY = timedelta(seconds=30)
ENDED_EVERY = timedelta(minutes=1)
CHARGE_EVERY = timedelta(minutes=10)
RECONCILE_EVERY = timedelta(days=1)
#: How often it is seen whether a checkpoint is due to be put on chain.
ANCHOR_EVERY = timedelta(seconds=10)
#: How often it is seen whether a rate has become known that fees wait for.
FEES_EVERY = timedelta(minutes=1)
EXPIRE_EVERY = timedelta(minutes=10)
#: How often the log of webhooks is cut at its old end.
FORGET_EVERY = timedelta(hours=1)
#: How often it is seen whether events are sealed and signed for.
SEALS_EVERY = timedelta(minutes=1)
#: How often a development installation seals once there was nothing for a while: each round is a
#: connection of its own, and two dozen statements.
SEAL_QUIETLY_EVERY = timedelta(seconds=4)
#: Messages that are on their way when a worker is stopped; none takes longer.
_ARRIVE_WITHIN = timedelta(seconds=16)
_STOP_WITHIN = timedelta(seconds=9)


class WrongDatabaseError(Exception):
    """The database is not one that this worker may work on."""


def run(container: Container, started: Callable[[], None] = lambda: None) -> None:
    """Work until SIGTERM or SIGINT, then finish what is in hand: under 30 s.

    Raises: WrongDatabaseError, SettingsError.
    """
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    niceness.of_this_session(container.settings().worker_niceness)
    store, tasks = container.store(), container.tasks()
    # Built first: what the configuration has wrong is said before anything is waited for.
    container.advance()
    container.create_account_key()
    store.open()
    try:
        problem = await_database(container, stop)
        if problem is not None:
            raise WrongDatabaseError(f"the database {problem}")
        if stop.is_set():
            return
        tell_of_clock(container)
        tell_of_tariffs(container)
        tasks.open()
        threads = [
            periodic.watched(container.telemetry()).thread(stop)
            for periodic in periodics(container, stop)
        ]
        telling = threading.Thread(
            target=webhooks(container).run, args=(stop,), name="webhooks", daemon=True
        )
        with followed(container.clock().follow):
            for thread in (telling, *threads):
                thread.start()
            started()
            deployments(container).run(stop)
            telling.join(timeout=_ARRIVE_WITHIN.total_seconds())
            for thread in threads:
                thread.join(timeout=_STOP_WITHIN.total_seconds() / len(threads))
    finally:
        tasks.close()
        store.close()


def deployments(container: Container) -> DeploymentLoop:
    """What carries deployments on."""
    return DeploymentLoop(
        store=container.store(),
        clock=container.clock(),
        advance=container.advance(),
        full=container.full_lines(),
        telemetry=container.telemetry(),
        worker=container.identifiers().next(),
        threads=container.settings().worker_threads,
        niceness=container.settings().worker_niceness,
    )


def webhooks(container: Container) -> WebhookLoop:
    """What tells members at their endpoints."""
    return WebhookLoop(
        fan_out=container.fan_out(),
        deliver=container.deliver_webhooks(),
        threads=container.settings().webhook_threads,
    )


def periodics(container: Container, stop: threading.Event) -> list[Periodic]:
    """What a worker does beside deployments; *stop* ends the tasks that it is at."""
    tasks = container.tasks()
    todo = handlers(
        container.create_account_key(),
        container.deliver_gift(),
        container.make_export(),
        container.send_letter(),
    )

    def run_tasks() -> None:
        tasks.run(watched(todo, container.telemetry()), stop)

    def watch(id: NetworkId) -> Callable[[], None]:
        def look() -> None:
            status = container.watch_network()(id)
            if status.halted is not None:
                log.error("network %s is halted: %s", id, status.halted)

        return look

    nice = container.settings().worker_niceness
    watches = [
        Periodic(name=f"watch {id}", interval=WATCH_EVERY, act=watch(id))
        for id in container.chains()
    ]
    return [
        *watches,
        Periodic(
            name="dispatch",
            interval=DISPATCH_EVERY,
            quiet=DISPATCH_QUIETLY_EVERY,
            act=container.dispatch(),
        ),
        Periodic(name="sweep", interval=SWEEP_EVERY, act=_always_pause(container.sweep())),
        Periodic(name="key changes", interval=LOOK_EVERY, act=key_changes(container)),
        Periodic(name="tokens", interval=LOOK_EVERY, act=container.watch_tokens(), niceness=nice),
        Periodic(
            name="forgotten tokens",
            interval=FORGOTTEN_EVERY,
            act=container.watch_forgotten(),
            niceness=nice,
        ),
        Periodic(
            name="treasuries",
            interval=container.settings().treasury_check,
            act=_always_pause(container.watch_treasuries()),
        ),
        Periodic(
            name="allowances",
            interval=ALLOWANCES_EVERY,
            act=_always_pause(container.give_allowances()),
        ),
        Periodic(name="licences", interval=LICENCES_EVERY, act=container.follow_licences()),
        Periodic(name="ended subscriptions", interval=ENDED_EVERY, act=container.leave_ended()),
        *_expiring(container),
        *_anchoring(container),
        *_reconciling(container),
        Periodic(
            name="old deliveries",
            interval=FORGET_EVERY,
            act=_always_pause(container.deliver_webhooks().forget),
        ),
        Periodic(name="fees", interval=FEES_EVERY, act=_always_pause(container.price_fees())),
        Periodic(name="tasks", interval=timedelta(seconds=1), act=run_tasks, is_endless=True),
        Periodic(
            name="seals watched", interval=SEALS_EVERY, act=_always_pause(container.watch_seals())
        ),
        *_sealing(container, stop),
    ]


def _sealing(container: Container, stop: threading.Event) -> list[Periodic]:
    """In development only: elsewhere the sealer is a process with a role and a disk of its own."""
    settings = container.settings()
    if settings.environment != "development" or settings.seal is None:
        return []
    every = settings.seal.every
    return [
        Periodic(
            name="sealing",
            interval=every,
            soon=every,
            quiet=max(every, SEAL_QUIETLY_EVERY),
            act=seal_in_development(container, stop),
            niceness=settings.worker_niceness,
        )
    ]


def _expiring(container: Container) -> list[Periodic]:
    """Only where there is a place for exports."""
    if container.settings().exports.folder is None:
        return []
    expire = container.expire_exports()

    def act() -> int:
        try:
            return expire()
        except FilesUnavailableError as error:
            log.warning("exports that are over stay for now: %s", error)
            return 0

    return [Periodic(name="expired exports", interval=EXPIRE_EVERY, act=act)]


def _anchoring(container: Container) -> list[Periodic]:
    """Only where checkpoints are to be put on chain."""
    if not container.settings().anchor_networks:
        return []
    act = _always_pause(container.anchor_when_due())
    return [Periodic(name="anchors", interval=ANCHOR_EVERY, act=act)]


def _reconciling(container: Container) -> list[Periodic]:
    """Only where money is taken.  What the provider does not answer now, it does tomorrow."""
    if container.settings().stripe is None:
        return []
    reconcile, charge = container.reconcile(), container.charge_fees()

    def charge_fees() -> None:
        try:
            charge()
        except PaymentsUnavailableError as error:
            log.warning("fees wait to be charged: %s", error)

    def compare() -> None:
        try:
            compared = reconcile()
        except (PaymentsRefusedError, PaymentsUnavailableError) as error:
            log.warning("the payment provider's books were not compared: %s", error)
            return
        log.info(
            "compared with the payment provider: %d events and %d payments were missing here, "
            "%d could not be settled",
            compared.events,
            compared.payments,
            len(compared.unsettled),
        )

    return [
        Periodic(name="fees charged", interval=CHARGE_EVERY, act=charge_fees),
        Periodic(name="reconciliation", interval=RECONCILE_EVERY, act=compare),
    ]


def _always_pause(act: Callable[[], object]) -> Callable[[], None]:
    """A sweep that found something is not swept again at once."""

    def once() -> None:
        act()

    return once
