import pytest

from adapters.postgres import connect, seal_store
from application.ports.storage.seals import Log
from domain.identifiers import KeyRef
from domain.signing import Curve, PublicKey
from tests.adapters.postgres.residents import NOW, Resident
from tests.contract.subjects.postgres import application_url, database, sealer_url


@pytest.fixture(scope="module")
def url(server_url):
    """The superuser's URL of a migrated database of this module's own."""
    with database() as url:
        yield url


@pytest.fixture(scope="module")
def store(url):
    """The store as the application opens it: as a role that is subject to everything."""
    store = connect(application_url(url), min_size=2, max_size=40)
    store.open()
    yield store
    store.close()


@pytest.fixture
def another(url):
    """Another process's store of the same database: it keeps what it has read itself."""
    store = connect(application_url(url), min_size=1, max_size=8)
    store.open()
    yield store
    store.close()


@pytest.fixture
def single(url):
    """A store of one connection."""
    store = connect(application_url(url), min_size=1, max_size=1)
    store.open()
    yield store
    store.close()


@pytest.fixture(scope="module")
def ada(url, store):
    """An organisation with a row in every table."""
    ada = Resident.move_in(store, "ada@example.com")
    seal(url, 1)
    return ada


@pytest.fixture(scope="module")
def eve(url, store):
    """Another one, likewise."""
    eve = Resident.move_in(store, "eve@example.com")
    seal(url, 2)
    return eve


def seal(url, number):
    """All there is so far, into a log of that number."""
    log = Log(
        number=number,
        origin=f"example.com/audit/{number}",
        key=KeyRef("memory:1"),
        public_key=PublicKey(Curve.ED25519, bytes(32)),
        cluster=None,
        opened_at=NOW,
    )
    with seal_store(sealer_url(url)).session() as session:
        session.open_log(log)
        # Transactions of other tests on the same server hold the horizon back for a while.
        while session.backlog(number).events:
            for each in session.unsealed(number, batch=1_000, takes_restored=False):
                size = session.size(number)
                session.append(number, [event.at(size + n) for n, event in enumerate(each)], ())
        session.close_log(number, NOW, "it has what the tests look for")
