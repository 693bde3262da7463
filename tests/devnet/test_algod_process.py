"""The network in a process of its own: killed, it comes back with every block it told of."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from algosdk.transaction import wait_for_confirmation
from algosdk.v2client.algod import AlgodClient

from entrypoints.devnet.algod import AlgodProcess, devnet
from entrypoints.devnet.processes import DevnetError
from tests.devnet.people import Person


class Remote:
    """The part of a network that a client needs, by URL."""

    token = "any"

    def __init__(self, process):
        self.nodes = [SimpleNamespace(url=url) for url in process.urls]


def test_a_killed_network_comes_back_with_its_chain(tmp_path):
    with AlgodProcess(nodes=2, state=tmp_path / "chain") as process:
        person = Person(Remote(process))
        process.control("fund", address=person.address, amount=10_000_000)
        txid = person.send(person.create(note=b"before"))
        asset = wait_for_confirmation(person.algod, txid, 5)["asset-index"]
        process.control("advance", rounds=500)
        hash = person.algod.get_block_hash(502)
        process.kill()
        process.start()
        assert person.algod.asset_info(asset)["params"]["creator"] == person.address
        assert person.algod.get_block_hash(502) == hash
        assert person.algod.pending_transaction_info(txid)["asset-index"] == asset
        other = Person(Remote(process), node=1)
        assert other.algod.status()["last-round"] == 502
        txid = person.send(person.create(note=b"after"))
        assert wait_for_confirmation(other.algod, txid, 5)["asset-index"] == asset + 1


def test_a_torn_last_line_is_dropped(tmp_path):
    state = tmp_path / "chain"
    with devnet(mode="manual", state=state) as network:
        person = Person(network)
        network.fund(person.address, 10_000_000)
        whole = state.read_bytes()
        asset = person.asset()
    written = state.read_bytes()
    for cut in (1, 20, len(written) - len(whole) - 1):
        state.write_bytes(written[:-cut])
        with devnet(mode="manual", state=state) as network:
            assert network.round == 1
            assert network.ledger.assets() == []
            again = AlgodClient("", network.nodes[0].url)
            assert again.account_info(person.address)["amount"] == 10_000_000
            assert asset == 1002
        assert state.read_bytes() == whole


def test_a_line_that_is_whole_but_wrong_is_refused(tmp_path):
    state = tmp_path / "chain"
    with devnet(mode="manual", state=state) as network:
        network.fund(Person(network).address, 10_000_000)
        network.fund(Person(network).address, 10_000_000)
    lines = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(lines[0] + lines[2])
    with pytest.raises(DevnetError, match="has no block 1"), devnet(state=state):
        pass
    state.write_bytes(lines[0] + lines[1].replace(b'"ts": 1', b'"ts": 2'))
    with (
        pytest.raises(DevnetError, match="block 1 of the journal has another hash"),
        devnet(state=state),
    ):
        pass


def test_a_chain_of_another_genesis_is_refused(tmp_path):
    with devnet(state=tmp_path / "chain"):
        pass
    with (
        pytest.raises(DevnetError, match="another genesis"),
        devnet(state=tmp_path / "chain", genesis_seed="other"),
    ):
        pass


def test_the_same_calls_make_the_same_chain():
    def chain():
        with devnet(mode="manual", clock=lambda: 1_800_000_000) as network:
            network.fund("A" * 52 + "Y5HFKQ", 1_000_000)
            network.mine()
            return AlgodClient("", network.nodes[0].url).get_block_hash(2)

    assert chain() == chain()


def test_the_command_says_what_it_is():
    told = AlgodProcess(genesis_seed="told")
    with told:
        assert told.description["nodes"] == told.urls
        assert told.description["caip2"].startswith("algorand:")
        assert len(told.description["caip2"]) == len("algorand:") + 32


def test_the_command_tells_a_person(tmp_path):
    command = [sys.executable, "-m", "entrypoints.main", "devnet", "--nodes", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("ready"):
                break
        process.terminate()
    assert process.returncode == 0
    assert sum(line.startswith("node ") for line in told) == 2
    assert any("algorand:xkEz6tNEbMPRgszGpAARO5o6PgDKf1fT" in line for line in told)


def test_a_command_that_cannot_start_says_why(tmp_path):
    (tmp_path / "chain").write_text(json.dumps({"genesis": "other"}) + "\n")
    with pytest.raises(DevnetError, match="another genesis"):
        AlgodProcess(state=tmp_path / "chain").start()


def test_nodes_may_be_told_to_name_another_protocol(tmp_path):
    with AlgodProcess(nodes=2, state=tmp_path / "chain") as process:

        def named():
            people = [Person(Remote(process), node=node) for node in (0, 1)]
            told = {person.algod.suggested_params().consensus_version for person in people}
            return told | {person.algod.status()["last-version"] for person in people}

        (ours,) = named()
        process.control("consensus", version="of-tomorrow")
        assert named() == {"of-tomorrow"}
        process.control("consensus")
        assert named() == {ours}
