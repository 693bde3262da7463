"""Nodes for the tests of this folder; each test has one of its own."""

import pytest

from entrypoints.devnet.json_rpc_proxy import JsonRpcProxy
from tests.adapters.evm.on_anvil.world import BY_DEPTH, BY_TAG, a_world


@pytest.fixture
def world():
    """Blocks are final five blocks down."""
    with a_world() as world:
        yield world


@pytest.fixture(params=[BY_DEPTH, BY_TAG], ids=["by depth", "by tag"])
def either_world(request):
    """Once with each rule of finality."""
    with a_world(request.param) as world:
        yield world


@pytest.fixture
def proxy(world):
    """A fault proxy before the world's node."""
    with JsonRpcProxy(world.anvil.url) as proxy:
        yield proxy
