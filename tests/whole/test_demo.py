"""The demo keeps its word, and its checks would notice if it did not."""

import json
import subprocess
import sys
from base64 import b64decode

import httpx
import psycopg
import pytest
from attrs import evolve

from entrypoints.demo import checks, story
from entrypoints.demo.parts import ALGORAND, NETWORKS, running_with_stripe
from entrypoints.devnet.anvil import call
from tallystick_verifier import Given, NamedKey, verify


@pytest.fixture(scope="module")
def parts():
    with running_with_stripe() as parts:
        yield parts


@pytest.fixture(scope="module")
def told(parts):
    return story.tell(parts)


def test_the_command_ends_well_when_every_promise_held(tmp_path):
    pack = tmp_path / "pack.json"
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "demo", "--once", "--evidence", str(pack)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Completed" in done.stdout
    # Said by the command, and once more by the verifier without any of ours around it.
    assert "It is the key that you named" in done.stdout
    assert "events that are said to be anchored on eip155:" in done.stdout
    written = pack.read_bytes()
    assert verify(written).refused is None
    assert verify(written.replace(b'"Completed"', b'"Cancelled"')).refused is not None


def test_every_promise_holds(parts, told):
    assert list(checks.differences(parts, told)) == []


@pytest.mark.parametrize("label", ["ERC-20", "ASA"])
def test_evidence_about_tokens_of_both_families_convinces_a_stranger(parts, told, label, tmp_path):
    pack = tmp_path / "pack.json"
    key = story.write_evidence(parts, evolve(told, issued=(of(told, label),)), pack)
    report = verify(pack.read_bytes(), Given(keys=[NamedKey(key)]))
    assert report.refused is None
    for words in ("signed by the keys of their accounts", "receipts of custodians", "is the one"):
        assert words in str(report)
    # The chain itself says so, and nobody else has to.
    (anchor,) = [
        json.loads(b64decode(each["body"]))["details"]
        for each in json.loads(pack.read_bytes())["events"]
        if b"checkpoint.anchored" in b64decode(each["body"])
    ]
    sent = call(parts.anvil, "eth_getTransactionByHash", anchor["transaction_id"])
    assert str(sent["input"]).endswith(anchor["root"])
    note = bytes.fromhex(str(sent["input"])[2:])
    report = verify(pack.read_bytes(), Given(keys=[NamedKey(key)], anchor_notes=[note]))
    assert report.refused is None
    assert "What you read off a chain is the root of this log" in str(report)


def test_the_whole_trail_holds(parts, told):
    verdict = parts.command("verify", "audit")
    assert verdict["holds"] is True
    assert int(str(verdict["events"])) > 20
    assert int(str(verdict["checkpoints"])) > 0


def lie(told, label, **changes):
    """What was told, but for one thing about one token."""
    return evolve(
        told,
        issued=tuple(
            evolve(each, **changes) if each.order.label == label else each for each in told.issued
        ),
    )


def of(told, label):
    (issued,) = [each for each in told.issued if each.order.label == label]
    return issued


def test_both_families_issue(told):
    assert [each.order.network.partition(":")[0] for each in told.issued] == ["eip155", "algorand"]


@pytest.mark.parametrize(
    ("label", "elsewhere", "words"),
    [("ERC-20", "0x" + "11" * 20, "no contract"), ("ASA", "999999", "no asset")],
)
def test_a_token_elsewhere_is_noticed(parts, told, label, elsewhere, words):
    found = list(checks.differences(parts, lie(told, label, address=elsewhere)))
    assert any(words in line for line in found)


def test_another_owner_is_noticed(parts, told):
    found = list(checks.differences(parts, lie(told, "ERC-20", owner="0x" + "22" * 20)))
    assert any("minter" in line for line in found)
    assert any("balance" in line for line in found)
    nobody = "A" * 52 + "Y5HFKQ"
    found = list(checks.differences(parts, lie(told, "ASA", owner=nobody)))
    assert any("creator" in line for line in found)
    assert any("holds" in line for line in found)


@pytest.mark.parametrize(
    "promise",
    [
        {"name": "Other"},
        {"unit_name": "OTHER"},
        {"decimals": 7},
        {"total": "1"},
        {"url": "https://example.com/other"},
    ],
    ids=lambda promise: next(iter(promise)),
)
def test_another_asset_than_promised_is_noticed(parts, told, promise):
    order = of(told, "ASA").order
    other = evolve(order, token={**order.token, **promise})
    assert list(checks.differences(parts, lie(told, "ASA", order=other)))


def test_another_bill_is_noticed(parts, told):
    found = list(checks.differences(parts, lie(told, "ASA", credits=told.credits + 1)))
    assert any("credits are spent" in line for line in found)


def test_a_pack_that_did_not_come_is_noticed(parts, told):
    assert told.bought == 500
    found = list(checks.differences(parts, evolve(told, bought=told.bought + 500)))
    assert any("were paid for" in line for line in found)


def test_another_statement_is_noticed(parts, told):
    assert told.closing == 25 + 500 - told.credits
    found = list(checks.differences(parts, evolve(told, closing=told.closing + 1)))
    assert any("the statement ends" in line for line in found)


def test_another_program_at_the_address_is_noticed(parts, told):
    address = of(told, "ERC-20").address
    real = call(parts.anvil, "eth_getCode", address, "latest")
    call(parts.anvil, "anvil_setCode", address, "0x00")
    try:
        assert list(checks.differences(parts, told))
    finally:
        call(parts.anvil, "anvil_setCode", address, real)
    assert list(checks.differences(parts, told)) == []


def test_a_missing_audit_event_is_noticed(parts, told):
    """As the superuser: nobody else could."""
    with psycopg.connect(parts.database) as connection:
        connection.execute(b"DELETE FROM audit_events WHERE sequence = 9")
        connection.commit()
    assert any("gaps" in line for line in checks.differences(parts, told))


def test_the_operator_can_see_what_there_is(parts):
    shown = parts.command("treasury", "show")
    assert shown["network"] in NETWORKS
    assert shown["next_nonce"] == shown["next_nonce_on_chain"]
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "doctor"],
        env=dict(parts.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout


def test_a_cloned_database_is_refused(parts):
    """Another installation's configuration on this one's database: nothing starts."""
    other = {**parts.environment, "TALLYSTICK_INSTALLATION_ID": "ins_01h2xcejqtf2nbrexx3vqjhp41"}
    for command in (["serve"], ["work"], ["migrate"]):
        done = subprocess.run(
            [sys.executable, "-m", "entrypoints.main", *command],
            env=other,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, (command, done.stderr)
        assert "installation" in done.stderr


def test_every_faulty_field_of_an_asset_is_named_over_http_and_nothing_is_stored(parts, told):
    """Limits of the protocol, in bytes of UTF-8, each passed by one."""
    headers = {"Authorization": f"Bearer {told.api_key}", "Idempotency-Key": "faulty"}
    token = {
        "name": "ü" * 16 + "x",
        "unit_name": "UNITNAMES",
        "url": "https://example.com/" + "x" * 77,
        "total": str(2**64),
        "decimals": 20,
        "metadata_hash": "00" * 31,
        "manager": "A" * 58,
        "symbol": "unknown here",
    }
    body = {"kind": "asa_ft", "network": ALGORAND, "token": token}
    with httpx.Client(base_url=parts.api, headers=headers) as client:
        before = client.get("/v1/credits/balance").json()
        answer = client.post("/v1/deployments", json=body)
        problem = answer.json()
        assert answer.status_code == 400, problem
        assert {fault["pointer"] for fault in problem["errors"]} == {
            f"/token/{name}" for name in token
        }
        assert client.get("/v1/credits/balance").json() == before


def test_the_status_of_a_network_tells_of_its_nodes(parts, told):
    with httpx.Client(base_url=parts.api) as client:
        client.headers["Authorization"] = f"Bearer {told.api_key}"
        status = client.get(f"/v1/networks/{ALGORAND}/status").json()
    assert status["status"] == "ok"
    assert [node["condition"] for node in status["nodes"]] == ["healthy"] * 2
    assert all(node["archival"] for node in status["nodes"])
    assert (status["min_sources"], status["sources_available"]) == (2, 2)
