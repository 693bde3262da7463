import pytest

from adapters.postgres import connect
from tests.adapters.postgres.residents import Resident
from tests.contract.subjects.postgres import application_url, database


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


@pytest.fixture(scope="module")
def ada(store):
    """An organisation with a row in every table."""
    return Resident.move_in(store, "ada@example.com")


@pytest.fixture(scope="module")
def eve(store):
    """Another one, likewise."""
    return Resident.move_in(store, "eve@example.com")
