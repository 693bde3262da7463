"""The trail of a running installation is put on both chains, and read back from them by hand.

What is compared comes from the checkpoint's signed text in the database and from the chains' own
nodes; nothing of ours tells what should be there.
"""

import base64
import hashlib
import json
import time

import httpx
import msgpack
import psycopg
import pytest

from entrypoints.demo.parts import ALGORAND, EVM, DemoError, running
from tests.whole.processes import sign_up

ALGOD_TOKEN = "a" * 64


@pytest.fixture(scope="module")
def parts():
    with running() as made:
        yield made


def anchored(parts):
    """What `tallystick anchor --wait` says of both networks, once there is something sealed."""
    deadline = time.monotonic() + 60
    while True:
        try:
            options = ("--network", EVM, "--network", ALGORAND, "--wait")
            return {each["network"]: each for each in parts.command("anchor", *options)}
        except DemoError as error:
            if "nothing_to_anchor" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_a_checkpoint_is_read_back_from_both_chains(parts):
    sign_up(parts)
    told = anchored(parts)
    assert {each["state"] for each in told.values()} == {"Completed"}
    with psycopg.connect(parts.database) as connection:
        for network, read in ((EVM, from_anvil), (ALGORAND, from_algod)):
            each = told[network]
            ((note,),) = connection.execute(
                "SELECT note FROM audit_checkpoints WHERE size = %s", [each["size"]]
            ).fetchall()
            assert read(parts, each) == bytes_of(note)
            ((event,),) = connection.execute(
                "SELECT body FROM audit_events WHERE action = 'checkpoint.anchored'"
                " AND subject = %s",
                [each["operation"]],
            ).fetchall()
            details = json.loads(event)["details"]
            assert details["transaction_id"] == each["transaction"]
            assert (details["network"], details["size"]) == (network, each["size"])
            assert details["block"]["number"] == each["block"]


def test_who_asks_again_before_more_is_sealed_gets_the_same_one(parts):
    """Of each checkpoint there is one anchor at most, however often it is asked for."""
    for _ in range(3):
        anchored(parts)
    with psycopg.connect(parts.database) as connection:
        anchors = connection.execute(
            "SELECT network, token_parameters ->> 'size', count(*)"
            "  FROM operations JOIN deployments USING (organisation_id, id)"
            " WHERE kind = 'anchor' GROUP BY 1, 2"
        ).fetchall()
    assert anchors
    assert {count for _, _, count in anchors} == {1}


def bytes_of(note: str) -> bytes:
    """The anchor of a signed checkpoint, put together once more from its text."""
    origin, size, root, *_ = note.split("\n")
    log = hashlib.sha256(origin.encode()).digest()
    return b"tlog/1" + log + int(size).to_bytes(8, "big") + base64.b64decode(root)


def from_anvil(parts, told) -> bytes:
    question = {
        "jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionByHash",
        "params": [told["transaction"]],
    }  # fmt: skip
    found = httpx.post(parts.anvil, json=question).json()["result"]
    assert int(found["blockNumber"], 16) == told["block"]
    return bytes.fromhex(found["input"][2:])[-78:]


def from_algod(parts, told) -> bytes:
    answer = httpx.get(
        f"{parts.algod[0]}/v2/blocks/{told['block']}",
        params={"format": "msgpack"},
        headers={"X-Algo-API-Token": ALGOD_TOKEN},
    )
    block = msgpack.unpackb(answer.content, raw=False, strict_map_key=False)["block"]
    notes = [each["txn"].get("note", b"") for each in block["txns"]]
    (note,) = (note for note in notes if note.startswith(b"tlog/1"))
    return note
