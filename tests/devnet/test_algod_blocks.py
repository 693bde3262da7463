"""Blocks as a watcher reads them, and nodes that keep only the last of them."""

import base64
import http.client
import json
from urllib.parse import urlsplit

import msgpack
import pytest
from algosdk.encoding import decode_address

from entrypoints.devnet.algod import devnet
from entrypoints.devnet.algod.encoding import digest, pack
from tests.devnet.conftest import funded
from tests.devnet.people import LEASE, Person, fields_of, grouped, refused


def test_a_block_has_its_transactions_without_the_genesis_that_it_has_itself(network, alice):
    unsigned = alice.create(note=b"found by its note", lease=LEASE)
    txid = alice.send(unsigned)
    network.mine()
    block = alice.algod.block_info(network.round)["block"]
    (told,) = block["txns"]
    assert told["hgi"] is True
    assert told["caid"] == network.ledger.assets()[0].id
    assert base64.b64decode(told["txn"]["note"]) == b"found by its note"
    assert base64.b64decode(told["txn"]["lx"]) == LEASE
    assert told["txn"]["snd"] == alice.address
    assert not {"gen", "gh"} & set(told["txn"])
    assert (block["gen"], block["gh"]) == (network.genesis_id, network.genesis_hash)
    assert alice.algod.get_block_txids(network.round) == {"blockTxids": [txid]}


def test_a_block_in_msgpack_gives_back_the_signed_bytes(network, alice):
    signed = alice.sign(alice.create())
    alice.algod.send_transaction(signed)
    network.mine()
    encoded = alice.algod.block_info(network.round, response_format="msgpack")
    block = msgpack.unpackb(encoded)["block"]
    (told,) = block["txns"]
    txn = told["txn"] | {"gen": block["gen"], "gh": block["gh"]}
    assert {"sig": told["sig"], "txn": txn} == fields_of(signed)


def test_blocks_are_chained_by_their_hashes(network, alice):
    alice.confirm(alice.pay(note=b"1"))
    network.advance(2)
    for round in range(1, network.round):
        following = alice.algod.block_info(round + 1)["block"]
        told = alice.algod.get_block_hash(round)["blockHash"]
        assert following["prev"] == f"blk-{told}"
        assert following["rnd"] == round + 1
        assert following["ts"] >= alice.algod.block_info(round)["block"]["ts"]


def test_a_hash_is_that_of_the_canonical_header(network, alice):
    alice.confirm(alice.pay())
    encoded = alice.algod.block_info(network.round, response_format="msgpack", header_only=True)
    header = msgpack.unpackb(encoded)["block"]
    assert "txns" not in header
    told = alice.algod.get_block_hash(network.round)["blockHash"]
    assert base64.b32encode(digest(b"BH", pack(header))).decode().rstrip("=") == told


def test_an_empty_block_has_no_transactions(network, alice):
    network.mine()
    assert "txns" not in alice.algod.block_info(network.round)["block"]
    assert alice.algod.get_block_txids(network.round) == {"blockTxids": []}


def test_a_block_to_come_is_not_there(network, alice):
    for ask in (alice.algod.block_info, alice.algod.get_block_txids, alice.algod.get_block_hash):
        with refused("failed to retrieve information from the ledger", 404):
            ask(network.round + 1)


def test_a_node_that_is_no_archive_has_the_last_rounds_only():
    with devnet(nodes=2, mode="manual", kept_rounds=[None, 10]) as network:
        archive, forgetful = Person(network).algod, Person(network, node=1).algod
        network.advance(30)
        assert forgetful.get_block_txids(21) == {"blockTxids": []}
        for ask in (forgetful.block_info, forgetful.get_block_txids, forgetful.get_block_hash):
            with refused("failed to retrieve information from the ledger", 404):
                ask(20)
        assert archive.block_info(1)["block"]["rnd"] == 1


def test_what_became_of_a_transaction_is_known_for_a_thousand_rounds(network, alice):
    txid = alice.send(alice.pay(note=b"remember"))
    network.mine()
    network.advance(1000)
    assert alice.algod.pending_transaction_info(txid)["confirmed-round"] == network.round - 1000
    network.advance(1)
    with refused(
        "could not find the transaction in the transaction pool or in the last 1000", 404
    ):
        alice.algod.pending_transaction_info(txid)
    with refused("could not find the transaction", 404):
        alice.algod.pending_transaction_info("A" * 52)


def test_what_waits_is_listed(network, alice, bob):
    first = alice.send(alice.pay(bob.address, 5))
    carol = funded(Person(network))
    carol.send(carol.pay())
    told = alice.algod.pending_transactions()
    assert told["total-transactions"] == 2
    assert told["top-transactions"][0]["txn"]["rcv"] == bob.address
    assert alice.algod.pending_transactions(1)["total-transactions"] == 2
    assert len(alice.algod.pending_transactions(1)["top-transactions"]) == 1
    own = bob.algod.pending_transactions_by_address(bob.address)
    assert [each["txn"]["snd"] for each in own["top-transactions"]] == [alice.address]
    encoded = alice.algod.pending_transaction_info(first, response_format="msgpack")
    assert msgpack.unpackb(encoded)["txn"]["txn"]["snd"] == decode_address(alice.address)


def test_waiting_for_a_block_ends_with_the_block_or_with_patience(network, alice):
    before = network.round
    assert alice.algod.status_after_block(before)["last-round"] == before
    network.mine()
    assert alice.algod.status_after_block(before)["last-round"] == before + 1


def test_a_group_is_confirmed_in_its_order(network, alice, bob):
    group = grouped(bob.pay(note=b"b"), alice.pay(note=b"a"))
    bob.algod.send_transactions([bob.sign(group[0]), alice.sign(group[1])])
    network.mine()
    told = alice.algod.get_block_txids(network.round)["blockTxids"]
    assert told == [each.get_txid() for each in group]


def test_health_and_versions_are_told(network, alice):
    assert alice.algod.health() is None
    assert alice.algod.ready() is None
    told = alice.algod.versions()
    assert told["genesis_hash_b64"] == network.genesis_hash
    assert alice.algod.genesis()["network"] + "-v1" == network.genesis_id
    assert alice.algod.status()["last-round"] == network.round


def test_a_genesis_hash_is_that_of_the_genesis(network, alice):
    told = digest(b"GE", pack(alice.algod.genesis()))
    assert base64.b64encode(told).decode() == network.genesis_hash


def test_a_token_may_be_asked_for():
    with devnet(token="secret") as network:
        with refused("Invalid API Token", 401):
            Person(network).algod.status()
        network.token = "secret"
        assert Person(network).algod.status()["last-round"] == 0


def test_a_route_that_is_not_there_is_no_answer(network):
    with refused("Not Found", 404):
        Person(network).algod.ledger_supply()


class TestControl:
    def ask(self, network, path, method="GET", body=None):
        connection = http.client.HTTPConnection(urlsplit(network.nodes[0].url).netloc, timeout=5)
        connection.request(method, f"/devnet{path}", body)
        answer = connection.getresponse()
        told = json.load(answer)
        connection.close()
        return answer.status, told

    def post(self, network, path, **content):
        status, told = self.ask(network, f"/{path}", "POST", json.dumps(content))
        assert status == 200, told
        return told

    def test_makes_money_blocks_and_time(self, network):
        person = Person(network)
        txid = self.post(network, "fund", address=person.address, amount=1_000_000)["txid"]
        assert person.algod.pending_transaction_info(txid)["confirmed-round"] == 1
        assert self.post(network, "blocks", count=2) == {"round": 3}
        person.send(person.pay())
        assert self.post(network, "advance", rounds=7) == {"round": 10}
        assert person.algod.pending_transactions()["total-transactions"] == 1
        assert self.post(network, "mode", mode="instant")["mode"] == "instant"
        assert person.algod.status_after_block(10)["last-round"] == 11

    def test_describes_the_chain(self, network):
        _, told = self.ask(network, "")
        assert told["caip2"] == network.caip2
        assert told["nodes"] == [node.url for node in network.nodes]

    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("mode", {"mode": "chaos"}),
            ("faults", {"fault": "gremlins"}),
            ("faults", {"fault": "slow", "route": "scenic"}),
            ("fund", {"address": "nobody", "amount": 1}),
            ("fund", {"address": "A" * 52 + "Y5HFKQ", "amount": 99_999}),
            ("blocks", {"number": 1}),
        ],
    )
    def test_refuses_what_it_does_not_understand(self, network, path, content):
        status, told = self.ask(network, f"/{path}", "POST", json.dumps(content))
        assert status == 400
        assert told["message"]

    def test_a_fault_is_set_counted_and_cleared(self, network):
        person = Person(network)
        self.post(network, "faults", fault="unavailable", route="params", times=None)
        for _ in range(2):
            with refused("operation not available during catchup", 503):
                person.algod.suggested_params()
        _, told = self.ask(network, "/faults")
        assert told["hits"] == {"unavailable": 2}
        assert self.post(network, "faults/clear")["waiting"] == []
        person.algod.suggested_params()
