import pytest

from tests.adapters.algorand.canned import canned


@pytest.fixture
def node():
    """A node that says what the test tells it to."""
    with canned() as made:
        yield made
