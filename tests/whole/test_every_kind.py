"""Every token kind, and all that can be done with it afterwards, over HTTP on the whole product.

What is on chain is read by raw JSON-RPC and raw algod HTTP: nothing of ours, no SDK.
"""

import base64
import hashlib
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from attrs import frozen

from entrypoints.demo.parts import ALGORAND, EVM, Parts, running
from tests.whole.processes import Client, sign_up

NAMED = {"name": "Hazel", "symbol": "HZL", "decimals": 2}
ASSET = {"name": "Hazel", "unit_name": "HZL"}
METADATA = {"metadata": {"description": "A stick of hazel", "properties": {"split": "yes"}}}
SUPPLY = 1_000


@frozen(kw_only=True)
class Kind:
    network: str
    token: dict[str, object]
    #: In base units.
    supply: int = SUPPLY
    has_actions: bool = False
    steps: tuple[str, ...] = ("create",)


KINDS = {
    "erc20_mintable": Kind(
        network=EVM,
        token=NAMED | {"initial_supply": "1000", "cap": "5000"},
        has_actions=True,
    ),
    "erc20_preminted": Kind(network=EVM, token=NAMED | {"supply": "1000"}),
    "asa_ft": Kind(network=ALGORAND, token=ASSET | {"total": "1000", "decimals": 2}),
    "asa_nft": Kind(network=ALGORAND, token=ASSET, supply=1),
    "asa_fnft": Kind(network=ALGORAND, token=ASSET | {"decimals": 3}),
    "arc3_ft": Kind(network=ALGORAND, token=ASSET | METADATA | {"total": "1000", "decimals": 2}),
    "arc3_nft": Kind(network=ALGORAND, token=ASSET | METADATA, supply=1),
    "arc3_fnft": Kind(network=ALGORAND, token=ASSET | METADATA | {"decimals": 3}),
    "arc200_mintable": Kind(
        network=ALGORAND,
        token=NAMED | {"initial_supply": "1000", "cap": "5000"},
        has_actions=True,
        steps=("create", "bootstrap"),
    ),
    "arc200_preminted": Kind(
        network=ALGORAND, token=NAMED | {"supply": "1000"}, steps=("create", "bootstrap")
    ),
    "arc1400_mintable": Kind(
        network=ALGORAND,
        token=NAMED | {"initial_supply": "1000"},
        has_actions=True,
        steps=("create", "bootstrap"),
    ),
}
WITH_ACTIONS = [name for name, kind in KINDS.items() if kind.has_actions]


@frozen(kw_only=True)
class World:
    parts: Parts
    client: Client
    #: Deployments by kind, completed.
    issued: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def world():
    """One of each kind, issued side by side."""
    # Short windows: what fails is not given back before that in which the worker began is over.
    with running(request_limit=100_000, window=60, idle_seconds=0.25) as parts:
        organisation, key = sign_up(parts)
        parts.command("tariff", "set", organisation, "enterprise", "--reason", "all kinds")
        parts.command("credits", "grant", organisation, "1000", "--reason", "all kinds")
        client = Client(api=parts.api, key=key)
        asked = {
            name: client.post(
                "/v1/deployments",
                {"kind": name, "network": kind.network, "token": kind.token},
                f"issue {name}",
            )
            for name, kind in KINDS.items()
        }
        issued = {
            name: ended(client, f"/v1/deployments/{each['id']}") for name, each in asked.items()
        }
        yield World(parts=parts, client=client, issued=issued)


def ended(client: Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        found = client.get(path)
        if found["state"] in {"Completed", "Failed", "Cancelled"}:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_these_are_all_kinds_that_are_offered(world):
    offered = world.client.get("/v1/token_kinds")["data"]
    assert {each["kind"] for each in offered} == set(KINDS)
    for each in offered:
        assert each["networks"] == [KINDS[each["kind"]].network]
        assert set(each["actions"]) == (
            {"mint", "burn", "pause", "unpause"} if KINDS[each["kind"]].has_actions else set()
        )


@pytest.mark.parametrize("name", list(KINDS))
def test_a_kind_is_issued_as_it_was_asked_for(world, name):
    kind, deployment = KINDS[name], world.issued[name]
    assert deployment["state"] == "Completed", deployment
    assert tuple(step["name"] for step in deployment["steps"]) == kind.steps
    assert all(step["final"] for step in deployment["steps"])
    assert supply_on_chain(world, name) == kind.supply


@pytest.mark.parametrize("name", list(KINDS))
def test_a_token_is_read_back_and_agrees_with_its_plan(world, name):
    kind = KINDS[name]
    token = world.client.get(f"/v1/tokens/{token_id(world, name)}")
    assert (token["kind"], token["address"]) == (name, world.issued[name]["address"])
    assert token["differences"] == []
    assert token["state"]["supply"] == str(kind.supply)
    assert token["state"]["name"] == "Hazel"
    told = world.client.get(f"/v1/tokens/{token_id(world, name)}/compliance-indicators")
    assert told["is_mintable"] is kind.has_actions
    assert told["is_pausable"] is kind.has_actions
    assert told["is_paused"] is False


@pytest.mark.parametrize("name", ["arc3_ft", "arc3_nft", "arc3_fnft"])
def test_the_metadata_is_served_as_the_bytes_that_the_asset_names(world, name):
    params = algod(world, f"/v2/assets/{world.issued[name]['address']}")["params"]
    url, fragment = params["url"].split("#")
    assert fragment == "arc3"
    answer = httpx.get(url, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert hashlib.sha256(answer.content).digest() == base64.b64decode(params["metadata-hash"])
    assert answer.json()["name"] == "Hazel"
    assert answer.json()["decimals"] == params["decimals"]


@pytest.mark.parametrize("name", WITH_ACTIONS)
def test_what_is_ordered_happens_once_and_costs_one_credit(world, name):
    before = world.client.get("/v1/credits/balance")["available"]
    minted = ordered(world, name, "mint", {"amount": "70"})
    again = world.client.post(
        f"/v1/tokens/{token_id(world, name)}/operations",
        {"action": "mint", "parameters": {"amount": "70"}},
        f"{name} mint {{'amount': '70'}}",
    )
    assert again["id"] == minted["id"]
    assert supply_on_chain(world, name) == SUPPLY + 70
    ordered(world, name, "burn", {"amount": "20"})
    assert supply_on_chain(world, name) == SUPPLY + 50
    ordered(world, name, "pause", {})
    refused = ordered(world, name, "mint", {"amount": "5"}, state="Failed")
    assert refused["failure"]["reason_code"] == "DEPLOYMENT_VALIDATION_FAILED"
    # In the contract's own words: ``paused``, ``EnforcedPause()``.
    assert "pause" in refused["failure"]["detail"].lower()
    told = world.client.get(f"/v1/tokens/{token_id(world, name)}/compliance-indicators")
    assert told["is_paused"] is True
    ordered(world, name, "unpause", {})
    ordered(world, name, "mint", {"amount": "5"}, again=True)
    assert supply_on_chain(world, name) == SUPPLY + 55
    token = world.client.get(f"/v1/tokens/{token_id(world, name)}")
    assert token["differences"] == []
    assert token["state"]["supply"] == str(SUPPLY + 55)
    # Five that were carried out; the one that was refused is given back.
    assert world.client.get("/v1/credits/balance")["available"] == before - 5


@pytest.mark.parametrize("name", [name for name in KINDS if name not in WITH_ACTIONS])
def test_a_kind_without_actions_says_so(world, name):
    path = f"/v1/tokens/{token_id(world, name)}/operations"
    headers = {"Authorization": f"Bearer {world.client.key}", "Idempotency-Key": f"no {name}"}
    with httpx.Client(base_url=world.parts.api, headers=headers, timeout=10) as client:
        answer = client.post(path, json={"action": "mint", "parameters": {"amount": "1"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "action_not_offered")


def ordered(
    world: World,
    name: str,
    action: str,
    parameters: dict[str, object],
    *,
    state: str = "Completed",
    again: bool = False,
) -> dict[str, Any]:
    asked = world.client.post(
        f"/v1/tokens/{token_id(world, name)}/operations",
        {"action": action, "parameters": parameters},
        f"{name} {action} {parameters}{' again' if again else ''}",
    )
    found = ended(world.client, f"/v1/operations/{asked['id']}")
    assert found["state"] == state, found
    return found


def token_id(world: World, name: str) -> str:
    id: str = world.issued[name]["id"]
    return id.replace("dep_", "tok_", 1)


def supply_on_chain(world: World, name: str) -> int:
    place = world.issued[name]["address"]
    by_standard: dict[str, Callable[[World, str], int]] = {
        "erc20": erc20_supply,
        "asa": asset_total,
        "arc3": asset_total,
        "arc200": application_total,
        "arc1400": application_total,
    }
    return by_standard[name.partition("_")[0]](world, place)


def erc20_supply(world: World, place: str) -> int:
    """totalSupply(), by its selector."""
    call = {"to": place, "data": "0x18160ddd"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
    answer = httpx.post(world.parts.anvil, json=body, timeout=10).json()
    return int(answer["result"], 16)


def asset_total(world: World, place: str) -> int:
    total: int = algod(world, f"/v2/assets/{place}")["params"]["total"]
    return total


def application_total(world: World, place: str) -> int:
    """The global state's ``t``: uint256, big endian."""
    entries = algod(world, f"/v2/applications/{place}")["params"]["global-state"]
    (total,) = [each["value"]["bytes"] for each in entries if each["key"] == "dA=="]
    return int.from_bytes(base64.b64decode(total), "big")


def algod(world: World, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{world.parts.algod[0]}{path}", timeout=10) as answer:  # noqa: S310 - ours
        found: dict[str, Any] = json.load(answer)
    return found
