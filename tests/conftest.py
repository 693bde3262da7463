"""What every test may rely on.

One PostgreSQL serves a whole run; the process that starts the workers starts it.  Its superuser's
URL is in TEST_DATABASE_URL (set it beforehand to use a server of your own).  A test never writes
to that server's own database: it asks for `empty_database` or `module_database`.

With CI set, a skipped test fails the run: there every server is to be had.
"""

import contextlib
import os
import random
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import psycopg_pool.base
import pytest
from hypothesis import settings

from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.anvil import Anvil
from entrypoints.devnet.json_rpc_proxy import JsonRpcProxy
from entrypoints.devnet.processes import die_with_parent

DATABASE_URL = "TEST_DATABASE_URL"
#: Safe: tests kill servers, not machines, and what a server wrote the system still has.
SERVER_OPTIONS = [
    *("fsync=off", "full_page_writes=off", "max_connections=300"),
    # Files of the log are used again early: in memory they take room.
    *("max_wal_size=256MB", "min_wal_size=64MB"),
]
#: A file system in memory.  Each test has a database of its own, which is copied: to a disk, that
#: is most of what a test takes.
MEMORY = Path("/dev/shm")
#: Bytes that must be free there, several times what a run takes.
ROOM = 4 * 2**30
#: Reasons that may skip a test even in CI; an entry names what CI cannot have, and why.
MAY_BE_SKIPPED_IN_CI: frozenset[str] = frozenset()

PROVING = os.environ.get("TALLYSTICK_PROVE") == "1"

settings.register_profile("test", deadline=None, print_blob=True)
settings.register_profile("prove", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("prove" if PROVING else "test")

# A pool's threads draw when a connection is to be replaced.  Of the generator that all share, that
# would now and then be while Hypothesis looks whether a strategy has.
psycopg_pool.base.random = random.Random().random  # type: ignore[attr-defined]  # not exported

pytest_plugins = ["tests.seen_codes", "tests.posts_accepted"]

#: How deep a process of ours may recurse: as Python has it.
DEEPEST = sys.getrecursionlimit()

SERVERS = pytest.StashKey[contextlib.ExitStack]()


class Skips:
    """The skipped tests and modules of a run, and their reasons."""

    def __init__(self):
        self.reasons = {}

    def note(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.reasons[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")

    def forbidden(self):
        if not os.environ.get("CI"):
            return {}
        return {
            test: reason
            for test, reason in self.reasons.items()
            if reason not in MAY_BE_SKIPPED_IN_CI
        }


SKIPS = Skips()


def pytest_collection_finish():
    """Tests import web3 as it is, which lets their process recurse until its stack ends: what is
    nested too deep would end it.  No process of ours may (adapters/evm sees to that).
    """
    sys.setrecursionlimit(DEEPEST)


def pytest_addoption(parser):
    parser.addoption(
        "--without-servers", action="store_true", help="do not start PostgreSQL for this run"
    )


def pytest_configure(config):
    config.stash[SERVERS] = servers = contextlib.ExitStack()
    is_worker = hasattr(config, "workerinput")
    if is_worker:
        die_with_parent()  # else a killed run leaves workers, and they their servers
    unwanted = config.getoption("--without-servers") or config.getoption("collectonly")
    if not (is_worker or unwanted or os.environ.get(DATABASE_URL)):
        folder = servers.enter_context(server_folder())
        url = servers.enter_context(embedded_postgres.running(folder, options=SERVER_OPTIONS))
        os.environ[DATABASE_URL] = url
        servers.callback(os.environ.pop, DATABASE_URL)


def pytest_unconfigure(config):
    config.stash[SERVERS].close()


@contextlib.contextmanager
def server_folder() -> Iterator[Path]:
    """In memory where there is room, else where temporary files are."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    folder = embedded_postgres.temporary_folder(MEMORY if has_room else None)
    if has_room:
        sweep(folder.parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def sweep(ours: Path) -> None:
    """Remove what runs that were killed have left in memory; a server that starts is young."""
    for other in MEMORY.glob(f"{ours.name[: ours.name.rindex('-')]}-*"):
        is_used = (other / "cluster" / "postmaster.pid").exists()
        if other != ours and not is_used and time.time() - other.stat().st_mtime > 600:
            shutil.rmtree(other, ignore_errors=True)


@pytest.fixture(scope="session")
def proving() -> bool:
    """Whether this run is to use the full counts, not those that CI can bear."""
    return PROVING


@pytest.fixture(scope="session")
def server_url() -> str:
    """The superuser's URL of the run's PostgreSQL."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        pytest.fail(f"needs PostgreSQL: run without --without-servers, or set {DATABASE_URL}")
    return url


@pytest.fixture(scope="session")
def new_database(server_url) -> Callable[[], AbstractContextManager[str]]:
    """Makes empty databases, gone after `with new_database() as url:`, whoever is connected."""

    @contextlib.contextmanager
    def make() -> Iterator[str]:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(server_url, autocommit=True) as administrator:
            administrator.execute(f'CREATE DATABASE "{name}"')
        try:
            yield server_url.rpartition("/")[0] + f"/{name}"
        finally:
            with psycopg.connect(server_url, autocommit=True) as administrator:
                administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return make


@pytest.fixture
def empty_database(new_database):
    """The superuser's URL of a database of this test's own."""
    with new_database() as url:
        yield url


@pytest.fixture(scope="module")
def module_database(new_database):
    """The superuser's URL of a database of this module's own (one per worker that runs it)."""
    with new_database() as url:
        yield url


@pytest.fixture(scope="module")
def anvil():
    """A node in the fast profile, of this module's own (one per worker that runs it)."""
    with Anvil() as node:
        yield node


@pytest.fixture(scope="module")
def hard_anvil(tmp_path_factory):
    """A node in the hard profile, for `kill` and reorgs: a block each second, state on disk."""
    with Anvil(profile="hard", state=tmp_path_factory.mktemp("anvil") / "state.json") as node:
        yield node


@pytest.fixture
def anvil_proxy(anvil):
    """A fault proxy before `anvil`."""
    with JsonRpcProxy(anvil.url) as proxy:
        yield proxy


def pytest_runtest_logreport(report):
    SKIPS.note(report)


def pytest_collectreport(report):
    SKIPS.note(report)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A module that is skipped as a whole is known to its worker only."""
    SKIPS.reasons.update(getattr(node, "workeroutput", {}).get("skips", {}))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["skips"] = SKIPS.reasons
    elif SKIPS.forbidden() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    for test, reason in SKIPS.forbidden().items():
        terminalreporter.write_line(f"skipped, which CI forbids: {test}: {reason}", red=True)
