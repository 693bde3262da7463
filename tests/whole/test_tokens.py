"""Tokens of both chain families: read back, and minted and paused, by people with a key only."""

import json
import subprocess
import sys
import time

import httpx
import pytest

from entrypoints.demo.parts import ALGORAND, EVM, running
from entrypoints.demo.story import ORDERS
from entrypoints.devnet.anvil import call
from tests.whole.processes import sign_up

_SECONDS = 60.0
#: Selectors of ERC-20 (EIP-20) and of OpenZeppelin's Pausable.
TOTAL_SUPPLY, PAUSED = "0x18160ddd", "0x5c975abb"


@pytest.fixture(scope="module")
def parts():
    with running() as parts:
        yield parts


@pytest.fixture(scope="module")
def client(parts):
    _, key = sign_up(parts)
    with httpx.Client(base_url=parts.api, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def done(client, answered):
    """What was accepted, once it has ended well."""
    assert answered.status_code == 202, answered.text
    until, place = time.monotonic() + _SECONDS, answered.headers["Location"]
    while time.monotonic() < until:
        with client.stream("GET", f"{place}/events") as stream:
            stream.read()
        shown = client.get(place).json()
        if shown["state"] == "Completed":
            return shown
    raise AssertionError(f"{shown['state']}: {shown['waiting'] or shown['failure']}")


def issued(client, order):
    body = {"kind": order.kind, "network": order.network, "token": order.token}
    headers = {"Idempotency-Key": order.kind}
    deployment = done(client, client.post("/v1/deployments", json=body, headers=headers))
    return client.get(f"/v1/tokens/{deployment['id'].replace('dep_', 'tok_')}").json()


def ordered(client, token, action, key, **parameters):
    body = {"action": action, "parameters": parameters}
    path, headers = token["links"]["operations"], {"Idempotency-Key": key}
    return done(client, client.post(path, json=body, headers=headers))


def number(parts, token, selector):
    """What the contract says, asked without anything of ours."""
    shown = call(parts.anvil, "eth_call", {"to": token["address"], "data": selector}, "latest")
    return int(shown, 16)


def test_an_erc20_token_is_minted_and_paused(parts, client):
    (order,) = (each for each in ORDERS if each.network == EVM)
    token = issued(client, order)
    assert token["differences"] == []
    assert token["state"]["supply"] == order.token["initial_supply"]

    minted = ordered(client, token, "mint", "more", amount="250000000000")
    ordered(client, token, "pause", "stop")

    assert [step["final"] for step in minted["steps"]] == [True] * len(minted["steps"])
    assert number(parts, token, TOTAL_SUPPLY) == 1_250_000_000_000
    assert number(parts, token, PAUSED) == 1
    shown = client.get(token["links"]["self"]).json()
    assert (shown["state"]["supply"], shown["state"]["paused"]) == ("1250000000000", True)
    assert shown["differences"] == []
    told = client.get(token["links"]["compliance_indicators"]).json()
    assert (told["is_paused"], told["supply_matches"], told["code_matches"]) == (True,) * 3
    assert all(holder["is_issuer"] for power in told["powers"] for holder in power["holders"])
    assert told["sentences"]["has_cap"] == "There can never be more than 5000000 HAZEL."


def test_an_algorand_asset_tells_its_four_roles(client):
    (order,) = (each for each in ORDERS if each.network == ALGORAND)
    token = issued(client, order)
    assert (token["actions"], token["differences"]) == ([], [])
    told = client.get(token["links"]["compliance_indicators"]).json()
    holders = {
        power["power"]: [holder["address"] for holder in power["holders"]]
        for power in told["powers"]
        if power["holders"]
    }
    assert holders == {
        power: [token["owner"]] for power in ("manage", "freeze", "clawback", "reserve")
    }
    assert (told["is_supply_fixed"], told["has_freeze"], told["has_clawback"]) == (True,) * 3


def checked(parts, *arguments, as_json=True):
    """The command's exit status and answer."""
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "tokens", "check", *arguments]
        + (["--json"] if as_json else []),
        env=dict(parts.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout) if as_json else done.stdout


def answered(parts, *arguments, looks=1):
    """Its answer once no worker is looking at the same moment."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        status, told = checked(parts, *arguments)
        assert len(told) >= looks
        if "unknown" not in {each["verdict"] for each in told}:
            return status, told
    raise AssertionError(told)


def test_the_operator_looks_at_all_tokens_or_at_one(parts, client):
    (order,) = (each for each in ORDERS if each.network == EVM)
    body = {"kind": order.kind, "network": order.network, "token": order.token}
    headers = {"Idempotency-Key": "to be watched"}
    deployment = done(client, client.post("/v1/deployments", json=body, headers=headers))
    id = deployment["id"].replace("dep_", "tok_")
    token = client.get(f"/v1/tokens/{id}").json()
    status, told = answered(parts)
    assert status == 0
    (mine,) = (each for each in told if each["token"] == id)
    assert (mine["verdict"], mine["differences"], mine["problem"]) == ("agrees", [], None)

    # The issuer pauses its token by itself.
    call(parts.anvil, "anvil_setBalance", token["owner"], hex(10**18))
    call(parts.anvil, "anvil_impersonateAccount", token["owner"])
    pause = {"from": token["owner"], "to": token["address"], "data": "0x8456cb59"}
    call(parts.anvil, "eth_sendTransaction", pause)
    call(parts.anvil, "evm_mine")
    status, told = answered(parts, mine["organisation"], id)
    assert status == 1
    assert told == [
        mine | {"verdict": "differs", "differences": ["paused: expected no, found yes"]}
    ]
    status, text = checked(parts, mine["organisation"], as_json=False)
    assert status == 1
    assert f"DIFFERS  {mine['organisation']} {id}" in text
    assert "paused: expected no, found yes" in text
    assert " 1 different" in text
    # Nothing of another organisation's.
    stranger = "org_00000000000000000000000001"
    assert checked(parts, stranger) == (0, [])
    status, told = checked(parts, stranger, id)
    assert (status, told[0]["verdict"]) == (1, "unknown")


@pytest.mark.parametrize("arguments", [("nobody",), ("org_00000000000000000000000001", "dep_1")])
def test_what_is_no_id_is_refused(parts, arguments):
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "tokens", "check", *arguments],
        env=dict(parts.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is no " in done.stderr
