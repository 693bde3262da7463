"""How a network and its nodes are, as members see it."""

import threading
from datetime import datetime

import pytest
from attrs import evolve

from application.ports.nodes import NodeCondition, NodeReport
from application.ports.storage.work import Scope, Store
from domain.identifiers import NetworkId
from domain.network import Block, Family, NetworkStatus
from entrypoints.http import representations
from tests.http.site import StubPool, services_of

HEALTHY, BEHIND, UNKNOWN = NodeCondition.HEALTHY, NodeCondition.BEHIND, NodeCondition.UNKNOWN
SILENT, STRANGER = NodeCondition.UNAVAILABLE, NodeCondition.WRONG_CHAIN


def node(condition=HEALTHY, number=100, name="node.example", *, archival=False):
    latest = None if number is None else Block(number=number, hash=f"0x{number}")
    return NodeReport(name=name, archival=archival, condition=condition, latest=latest)


@pytest.fixture
def pool():
    return StubPool()


@pytest.fixture
def services(house, pool):
    """A network that wants two sources."""
    # As test_events does: a frozen network of the house is given other words.
    object.__setattr__(house.chain.network, "min_sources", 2)
    return services_of(house, pools={house.network: pool})


@pytest.fixture
def status(ada, site):
    def asked(who=ada):
        answered = who.get(f"/v1/networks/{site.house.network}/status")
        assert answered.status_code == 200, answered.text
        return answered.json()

    return asked


def test_the_whole_answer(site, pool, status):
    pool.nodes = (node(archival=True), node(BEHIND, 90, "127.0.0.1:4001"))
    told = status()
    assert datetime.fromisoformat(told.pop("checked_at")) == site.house.clock.now()
    assert told == {
        "network": site.house.network,
        "status": "degraded",
        "halted": None,
        "final_block": None,
        "nodes": [
            {"name": "node.example", "archival": True, "condition": "healthy",
             "latest_block": {"number": 100, "hash": "0x100"}, "blocks_behind": 0},
            {"name": "127.0.0.1:4001", "archival": False, "condition": "behind",
             "latest_block": {"number": 90, "hash": "0x90"}, "blocks_behind": 10},
        ],
        "min_sources": 2,
        "sources_available": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "expected", "available"),
    [
        ((HEALTHY, HEALTHY), "ok", 2),
        ((HEALTHY, HEALTHY, HEALTHY), "ok", 3),
        ((HEALTHY, HEALTHY, SILENT), "degraded", 2),
        ((HEALTHY, HEALTHY, BEHIND), "degraded", 2),
        ((HEALTHY, HEALTHY, UNKNOWN), "degraded", 2),
        ((HEALTHY, HEALTHY, STRANGER), "degraded", 2),
        # Enough nodes for requests, too few for a verdict.
        ((HEALTHY,), "degraded", 1),
        ((HEALTHY, BEHIND), "degraded", 1),
        ((BEHIND, BEHIND), "degraded", 0),
        ((SILENT, BEHIND), "degraded", 0),
        ((SILENT, SILENT), "unavailable", 0),
        ((SILENT, STRANGER, UNKNOWN), "unavailable", 0),
        ((UNKNOWN,), "unavailable", 0),
    ],
)
def test_what_is_said_of_a_network_by_its_nodes(pool, status, conditions, expected, available):
    pool.nodes = tuple(node(condition) for condition in conditions)
    told = status()
    assert (told["status"], told["sources_available"]) == (expected, available)


@pytest.mark.parametrize("code", ["wrong_chain", "final_block_vanished"])
def test_a_halted_network_says_why_and_not_which_node(site, pool, status, code):
    pool.nodes = (node(SILENT, None),)
    site.house.halt.network(site.house.network, code, "node-7.internal is on chain 5")
    told = status()
    assert (told["status"], told["halted"]) == ("halted", code)
    assert "node-7" not in str(told)


def test_the_last_halt_is_told(site, status):
    house = site.house
    house.halt.network(house.network, "wrong_chain", "x")
    house.resume()
    assert status()["halted"] is None
    house.halt.network(house.network, "final_block_vanished", "y")
    assert status()["halted"] == "final_block_vanished"


def test_the_newest_final_block_is_told(site, status):
    site.house.watch(site.house.network)
    final = site.house.network_status.final
    assert status()["final_block"] == {"number": final.number, "hash": final.hash}


def test_a_node_of_another_chain_measures_nobody(pool, status):
    pool.nodes = (node(number=100), node(STRANGER, 9_000_000), node(SILENT, None))
    assert [each["blocks_behind"] for each in status()["nodes"]] == [0, None, None]


def test_who_may_not_read_the_trail_sees_no_host(site, ada, pool, status):
    pool.nodes = (node(name="my-account.provider.example"),)
    assert status()["nodes"][0]["name"] == "my-account.provider.example"
    key = ada.key(scopes=["deployments:read"])
    told = status(key)
    assert told["nodes"][0]["name"] is None
    assert "provider" not in str(told)
    assert status(ada.key(scopes=["audit:read"]))["nodes"][0]["name"] is not None


def test_a_network_that_is_not_configured_is_not_found(ada):
    answered = ada.get("/v1/networks/eip155:1/status")
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")


def test_a_stranger_is_told_nothing(site):
    answered = site.call("GET", f"/v1/networks/{site.house.network}/status")
    assert answered.status_code == 401


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ({}, None),
        ({"explorer_address": "https://x/a/{}"}, "https://x/a/{}"),
        ({"explorer_address": "https://x/a/{}", "explorer_token": "https://x/t/{}"},
         "https://x/t/{}"),
        ({"explorer_token": "https://x/t/{}", "explorer_application": "https://x/p/{}"},
         "https://x/p/{}"),
    ],
)  # fmt: skip
def test_an_application_is_looked_at_where_the_network_says(house, links, expected):
    network = evolve(house.chain.network, family=Family.ALGORAND, **links)
    told = representations.network(network, NetworkStatus(id=network.id))
    assert told["explorer"]["application"] == expected
    elsewhere = evolve(network, family=Family.EVM)
    told = representations.network(elsewhere, NetworkStatus(id=network.id))
    assert told["explorer"]["application"] is None


class CuriousPool(StubPool):
    """Finds out whether the store is free while its nodes are asked."""

    store: Store
    was_free: bool | None = None

    def report(self):
        def take_the_row():
            with self.store.begin(Scope.installation()) as work:
                work.networks.lock(NetworkId("memory:1"))

        taker = threading.Thread(target=take_the_row, daemon=True)
        taker.start()
        taker.join(2)
        self.was_free = not taker.is_alive()
        return super().report()


class TestWhileNodesAreAsked:
    @pytest.fixture
    def pool(self, house):
        pool = CuriousPool()
        pool.store = house.store
        return pool

    def test_nothing_is_held_in_the_store(self, pool, status):
        assert status()["status"] == "degraded"
        assert pool.was_free
