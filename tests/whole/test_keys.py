"""Keys are moved to Vault by the one process that may log in there, on the whole product."""

import os
import time

import httpx
import pytest
from attrs import evolve

from entrypoints.demo.custody import POLICY
from entrypoints.demo.parts import ALGORAND, EVM, running
from entrypoints.devnet.vault import Vault

PERSON = {"email": "ada@example.com", "password": "correct horse battery staple"}
TOKENS = {
    EVM: ("erc20_mintable", {
        "name": "Hazel", "symbol": "HZL", "decimals": 0, "initial_supply": "1", "cap": "9",
    }),
    ALGORAND: ("asa_ft", {"name": "Hazel", "unit_name": "HZL", "decimals": 0, "total": "1"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def world():
    """Keys are made here; Vault is configured everywhere, and let in is nobody yet."""
    with Vault() as vault, pytest.MonkeyPatch.context() as environment:
        environment.setenv("TALLYSTICK_CUSTODIAN_OTHERS", f"vault:{vault.url}")
        environment.setenv("TALLYSTICK_CUSTODIAN_OFFERED", "local-keys,vault")
        with running(request_limit=10_000) as parts:
            yield parts, vault


def until(look, reached, seconds=60):
    deadline = time.monotonic() + seconds
    while not reached(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_accounts_are_moved_by_whoever_has_the_credentials(world):
    parts, vault = world
    with httpx.Client(base_url=parts.api, timeout=30) as client:
        registered = client.post(
            "/v1/auth/register", json=PERSON | {"organisation": "Ada & Co"}
        ).json()
        client.headers["Authorization"] = f"Bearer {registered['tokens']['access_token']}"
        parts.command(
            "credits", "grant", registered["organisation"]["id"], "100", "--reason", "a test"
        )

        def accounts():
            return client.get("/v1/accounts").json()["data"]

        def issued(network, key):
            kind, token = TOKENS[network]
            answered = client.post(
                "/v1/deployments",
                json={"kind": kind, "network": network, "token": token},
                headers={"Idempotency-Key": f"{network} {key}"},
            )
            assert answered.status_code == 202, answered.text
            path = f"/v1/deployments/{answered.json()['id']}"
            return until(lambda: client.get(path).json(), lambda it: it["state"] == "Completed")

        before = until(accounts, lambda found: found and all(each["key"] for each in found))
        first = {network: issued(network, "before") for network in TOKENS}
        asked = []
        for account in before:
            answered = client.post(
                f"/v1/accounts/{account['id']}/key_changes",
                json={"action": "move", "custodian": "vault"},
                headers={"Idempotency-Key": account["id"]},
            )
            assert answered.status_code == 202, answered.text
            asked.append(answered.headers["location"])
        time.sleep(3)
        assert {client.get(each).json()["state"] for each in asked} == {"requested"}
        role_id, secret_id = vault.add_role(POLICY)
        let_in = {
            "TALLYSTICK_VAULT_ROLE_ID": role_id,
            "TALLYSTICK_VAULT_SECRET_ID": secret_id,
        }
        assert not let_in.keys() & os.environ.keys()
        worker = evolve(parts, environment={**parts.environment, **let_in}).start("work")
        try:
            for each in asked:
                until(
                    lambda path=each: client.get(path).json(),
                    lambda it: it["state"] == "completed",
                )
            after = {each["family"]: each for each in accounts()}
            assert {each["custodian"] for each in after.values()} == {"vault"}
            second = {network: issued(network, "after") for network in TOKENS}
            token = client.get(f"/v1/tokens/{first[EVM]['id'].replace('dep', 'tok')}").json()
        finally:
            worker.terminate()
            worker.wait(30)
    assert second[ALGORAND]["owner"] == first[ALGORAND]["owner"]
    assert second[EVM]["owner"] == after["evm"]["address"] != first[EVM]["owner"]
    # What was issued before went with its issuer.
    assert token["owner"] == after["evm"]["address"]
    assert token["state"]["powers"]["mint"] == [after["evm"]["address"]]
    node = parts.algod[0]
    seen = httpx.get(f"{node}/v2/accounts/{first[ALGORAND]['owner']}").json()
    assert seen["auth-addr"]
