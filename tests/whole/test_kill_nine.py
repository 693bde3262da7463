"""kill -9 of everything, at random instants: every request still issues exactly one token."""

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg

from entrypoints.demo.parts import ALGORAND, EVM
from tests.whole.oracles import (
    CREDITS,
    created,
    differences_in_the_books,
    differences_of_contracts,
)
from tests.whole.processes import VICTIMS, Client, Reaper, sign_up, whole_house


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
                ids = list(clients.map(client.deploy, range(count)))
            reaping.join(timeout=600)
            states = client.await_end(ids)
        finally:
            stop.set()
            reaping.join()
        assert len(reaper.kills) == len(VICTIMS) * kills_per_process, reaper.kills
        assert len(set(ids)) == count
        assert states == ["Completed"] * count
        made = [client.get(f"/v1/deployments/{id}") for id in ids]
        contracts = {str(each["address"]) for each in made if each["network"] == EVM}
        assert len(contracts) == count // 2
        assert not list(differences_of_contracts(house.anvil.url, contracts))
        assets = {int(str(each["address"])) for each in made if each["network"] == ALGORAND}
        (issuer,) = {str(each["owner"]) for each in made if each["network"] == ALGORAND}
        assert len(assets) == count // 2
        for node in house.algod.urls:
            assert created(node, issuer) == assets
        with psycopg.connect(house.parts.database) as connection:
            assert not list(differences_in_the_books(connection, organisation, count))
    record_property("deployments", count)
    record_property("kills", len(reaper.kills))
