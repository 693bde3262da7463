import pytest

from tests.adapters.algorand.on_devnet.world import a_world


@pytest.fixture
def world():
    with a_world() as made:
        yield made
