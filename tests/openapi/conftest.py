import logging

import pytest
import structlog

from tests.openapi.world import World
from tests.openapi.world import world as lively


@pytest.fixture(scope="session")
def world(server_url) -> World:
    """One for each process of a run: it takes some seconds to settle."""
    with lively() as made:
        yield made


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """A line for each of thousands of requests is no use to anybody."""
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent, cache_logger_on_first_use=False)
    yield
    structlog.reset_defaults()
