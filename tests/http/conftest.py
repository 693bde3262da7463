import pytest
from litestar.testing import TestClient

from tests.application.house import House
from tests.http.prepared import app_of
from tests.http.site import Site, services_of


@pytest.fixture
def house():
    return House()


@pytest.fixture
def services(house):
    """What the API is made of; tests that need other limits or hooks override it."""
    return services_of(house)


@pytest.fixture
def site(house, services):
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        yield Site(house, services, client)


@pytest.fixture
def ada(site):
    """The owner of an organisation that can issue."""
    return site.register()
