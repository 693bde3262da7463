"""The queue for what is rare, on a real server: at least once, by anybody, under its own role."""

import contextlib
import threading
import time
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres.migrate import Login, migrate
from adapters.procrastinate import connect, install, is_installed
from application.ports.tasks import TasksUnavailableError
from domain.identifiers import InstallationId, OrganisationId

ORGANISATION = OrganisationId(uuid4())


@pytest.fixture(scope="module")
def queue_url(module_database):
    """As the application logs in."""
    login = Login(name=f"app_{uuid4().hex[:8]}", password="pw", group="tallystick_app")
    migrate(
        module_database,
        installation=InstallationId(uuid4()),
        environment="test",
        logins=[login],
    )
    assert install(module_database)
    at = module_database.rpartition("@")[2]
    yield f"postgresql://{login.name}:pw@{at}"
    with psycopg.connect(module_database, autocommit=True) as administrator:
        administrator.execute(f'DROP OWNED BY "{login.name}"')
        administrator.execute(f'DROP ROLE "{login.name}"')


@pytest.fixture
def tasks(queue_url):
    queue = connect(queue_url)
    queue.open()
    yield queue
    queue.close()


def until(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "waited for 15 s"
        time.sleep(0.05)


def working(tasks, handlers):
    stop = threading.Event()
    worker = threading.Thread(target=tasks.run, args=(handlers, stop), daemon=True)
    worker.start()
    return worker, stop


def test_installing_twice_changes_nothing(module_database, queue_url):
    del queue_url
    assert not install(module_database)
    assert is_installed(module_database)


def test_a_deferred_task_runs_with_what_it_was_given(tasks):
    seen = []
    tasks.defer("account.requested", ORGANISATION, "acct_1")
    worker, stop = working(
        tasks, {"account.requested": lambda organisation, key: seen.append((organisation, key))}
    )
    until(lambda: seen)
    stop.set()
    worker.join(15)
    assert not worker.is_alive()
    assert seen == [(ORGANISATION, "acct_1")]


def test_a_task_that_fails_is_tried_again(tasks):
    tries = []

    def fail_once(organisation, key):
        del organisation
        tries.append(key)
        if len(tries) == 1:
            raise RuntimeError("not yet")

    tasks.defer("flaky", ORGANISATION, "k")
    worker, stop = working(tasks, {"flaky": fail_once})
    until(lambda: len(tries) == 2)
    stop.set()
    worker.join(15)


def test_a_queue_that_does_not_answer_says_so():
    queue = connect("postgresql://nobody:x@127.0.0.1:1/none?connect_timeout=1")
    with contextlib.suppress(TasksUnavailableError):
        queue.open()  # may find out now, or when it is used
    with pytest.raises(TasksUnavailableError):
        queue.defer("t", ORGANISATION, "k")
    queue.close()
