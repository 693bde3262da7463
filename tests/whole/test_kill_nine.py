"""kill -9 of everything, at random instants: every request still issues exactly one token."""

import json
import os
import random
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psycopg

from entrypoints.demo.parts import ALGORAND, EVM
from entrypoints.devnet.anvil import call
from tests.whole.processes import (
    ONE_ASSET,
    ONE_TOKEN,
    VICTIMS,
    Client,
    Reaper,
    sign_up,
    whole_house,
)

CREDITS = 5
_TYPEID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def test_every_request_issues_one_token_whatever_dies(proving, record_property, capsys):
    # TALLYSTICK_SEED=<seed> repeats the schedule of kills.
    count, kills_per_process = (200, 10) if proving else (40, 2)
    seed = int(os.environ.get("TALLYSTICK_SEED", random.SystemRandom().randrange(2**32)))
    with capsys.disabled():
        print(f"\nkill -9: {count} deployments, {kills_per_process} kills each, seed {seed}")
    record_property("seed", seed)
    with whole_house() as house:
        organisation, key = sign_up(house.parts)
        house.parts.command("tariff", "set", organisation, "enterprise", "--reason", "test")
        total = str(count * CREDITS)
        house.parts.command("credits", "grant", organisation, total, "--reason", "test")
        client = Client(api=house.parts.api, key=key)
        reaper, stop = Reaper(house, seed, kills_per_process), threading.Event()
        reaping = threading.Thread(target=reaper.run, args=(stop,))
        reaping.start()
        try:
            with ThreadPoolExecutor(8) as clients:
                ids = list(clients.map(lambda n: _deploy(client, n), range(count)))
            reaping.join(timeout=600)
            states = _await_end(client, ids)
        finally:
            stop.set()
            reaping.join()
        assert len(reaper.kills) == len(VICTIMS) * kills_per_process, reaper.kills
        assert len(set(ids)) == count
        assert states == ["Completed"] * count
        made = [client.get(f"/v1/deployments/{id}") for id in ids]
        contracts = {str(each["address"]) for each in made if each["network"] == EVM}
        _await_codes(house.anvil.url, contracts, count // 2)
        assets = {int(str(each["address"])) for each in made if each["network"] == ALGORAND}
        (issuer,) = {str(each["owner"]) for each in made if each["network"] == ALGORAND}
        assert len(assets) == count // 2
        for node in house.algod.urls:
            assert _created(node, issuer) == assets
        with psycopg.connect(house.parts.database) as connection:
            _check_books(connection, organisation, count)
    record_property("deployments", count)
    record_property("kills", len(reaper.kills))


def _deploy(client: Client, number: int) -> str:
    """Every other one on Algorand, where all look alike."""
    if number % 2:
        kind, network, token = "asa_ft", ALGORAND, ONE_ASSET | {"name": "Token", "unit_name": "T"}
    else:
        kind, network = "erc20_mintable", EVM
        token = ONE_TOKEN | {"name": f"Token {number}", "symbol": f"T{number}"}
    body = {
        "kind": kind,
        "network": network,
        "token": token,
        "client_reference": f"order {number}",
    }
    return str(client.post("/v1/deployments", body, f"order-{number}")["id"])


def _await_end(client: Client, ids: list[str]) -> list[str]:
    deadline = time.monotonic() + 600
    open_ids = dict.fromkeys(ids, "")
    while time.monotonic() < deadline:
        for id, state in open_ids.items():
            if state not in {"Completed", "Failed", "Cancelled"}:
                open_ids[id] = str(client.get(f"/v1/deployments/{id}")["state"])
        if all(state in {"Completed", "Failed", "Cancelled"} for state in open_ids.values()):
            break
        time.sleep(1)
    return list(open_ids.values())


def _await_codes(node: str, addresses: set[str], count: int) -> None:
    """Raw JSON-RPC: that many addresses, and code at each of them."""
    assert len(addresses) == count
    assert all(len(str(call(node, "eth_getCode", a, "latest"))) > 1000 for a in addresses)
    # The factory says how often it has deployed anything at all.
    topic = "0x8a667a762c6b11836243ef58bb98850c7a4210d0226eb030bb2e03e3b7cc01e3"
    logs = call(node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "topics": [topic]})
    assert isinstance(logs, list)
    assert len(logs) == count
    assert {f"0x{log['topics'][1][-40:]}" for log in logs} == {a.lower() for a in addresses}


def _created(node: str, issuer: str) -> set[int]:
    """Raw algod HTTP: the assets that an account has made."""
    with urllib.request.urlopen(f"{node}/v2/accounts/{issuer}", timeout=30) as answer:  # noqa: S310
        account = json.load(answer)
    return {asset["index"] for asset in account["created-assets"]}


def _check_books(connection: psycopg.Connection, organisation: str, count: int) -> None:
    id = _uuid(organisation)

    def one(query: str) -> object:
        row = connection.execute(query.encode(), [id]).fetchone()
        assert row is not None
        return row[0]

    spent = "SELECT sum(amount) FROM journal WHERE organisation_id = %s AND credit = 'spent'"
    assert one(spent) == CREDITS * count
    assert one("SELECT held FROM wallets WHERE organisation_id = %s") == 0
    open_holds = "SELECT count(*) FROM holds WHERE organisation_id = %s AND state = 'held'"
    assert one(open_holds) == 0
    assert one("SELECT count(*) FROM operations WHERE organisation_id = %s") == count
    gaps = "SELECT max(sequence) - count(*) FROM audit_events WHERE organisation_id = %s"
    assert one(gaps) == 0
    captured = "SELECT count(*) FROM journal WHERE organisation_id = %s AND credit = 'spent'"
    assert one(captured) == count


def _uuid(typeid: str) -> str:
    value = 0
    for letter in typeid.rpartition("_")[2]:
        value = value << 5 | _TYPEID_LETTERS.index(letter)
    return f"{value:032x}"
