"""Each fault does what it says, to one node, and is counted when it struck and not before."""

import time

import pytest
from algosdk.error import AlgodResponseError, TransactionRejectedError
from algosdk.transaction import wait_for_confirmation

from tests.devnet.conftest import funded
from tests.devnet.people import LEASE, Person, refused

DEAD = r"closed|reset|disconnected|IncompleteRead|Remote end"


@pytest.fixture
def sender(two_nodes):
    return funded(Person(two_nodes))


@pytest.fixture
def other(two_nodes):
    """A client of the other node."""
    return Person(two_nodes, node=1).algod


@pytest.fixture
def node(two_nodes):
    return two_nodes.nodes[0]


def confirmed(network, txid):
    return [each.txid for each in network.ledger.transactions()].count(txid)


class TestTheLine:
    def test_goes_dead_after_a_submission_was_taken(self, two_nodes, node, sender):
        node.fault("accept_then_drop")
        signed = sender.sign(sender.pay())
        with pytest.raises(Exception, match=DEAD):
            sender.algod.send_transaction(signed)
        two_nodes.mine()
        assert confirmed(two_nodes, signed.get_txid()) == 1
        assert node.hits == {"accept_then_drop": 1}

    def test_goes_dead_before_a_submission_was_taken(self, two_nodes, node, sender):
        node.fault("drop_before")
        signed = sender.sign(sender.pay())
        with pytest.raises(Exception, match=DEAD):
            sender.algod.send_transaction(signed)
        two_nodes.mine()
        assert confirmed(two_nodes, signed.get_txid()) == 0
        assert node.hits == {"drop_before": 1}
        sender.algod.send_transaction(signed)

    def test_goes_dead_only_where_it_was_told_to(self, node, sender, other):
        node.fault("drop_before", times=2)
        sender.algod.suggested_params()
        other.suggested_params()
        assert node.hits == {}

    @pytest.mark.parametrize("route", ["params", "any"])
    def test_is_answered_with_503(self, node, sender, route):
        node.fault("unavailable", route=route, times=2)
        for _ in range(2):
            with refused("operation not available during catchup", 503):
                sender.algod.suggested_params()
        sender.algod.suggested_params()
        assert node.hits == {"unavailable": 2}

    def test_is_slow(self, node, sender):
        node.fault("slow", seconds=0.2)
        begun = time.monotonic()
        sender.algod.status()
        assert time.monotonic() - begun >= 0.2
        assert node.hits == {"slow": 1}

    def test_breaks_amid_an_answer(self, node, sender):
        node.fault("truncate", route="status")
        with pytest.raises(AlgodResponseError):
            sender.algod.status()
        assert node.hits == {"truncate": 1}
        sender.algod.status()


class TestSubmissions:
    def test_are_evicted_on_one_node_and_confirmed_by_the_other(
        self, two_nodes, node, sender, other
    ):
        """A pool error is one node's opinion, and no proof."""
        txid = sender.send(sender.pay())
        node.fault("evict", txid=txid)
        assert "evicted" in sender.algod.pending_transaction_info(txid)["pool-error"]
        with pytest.raises(TransactionRejectedError):
            wait_for_confirmation(sender.algod, txid, 1)
        assert other.pending_transaction_info(txid)["pool-error"] == ""
        two_nodes.mine()
        assert sender.algod.pending_transaction_info(txid)["confirmed-round"] == two_nodes.round
        assert node.hits == {"evict": 1}

    def test_are_evicted_everywhere(self, two_nodes, node, sender, other):
        txid = sender.send(sender.pay())
        node.fault("evict", txid="all", everywhere=True)
        two_nodes.mine()
        assert confirmed(two_nodes, txid) == 0
        assert "evicted" in other.pending_transaction_info(txid)["pool-error"]

    def test_are_evicted_as_soon_as_they_come(self, two_nodes, node, sender):
        node.fault("evict", everywhere=True)
        signed = sender.sign(sender.pay())
        sender.algod.send_transaction(signed)
        assert sender.algod.pending_transaction_info(signed.get_txid())["pool-error"]
        sender.algod.send_transaction(signed)
        two_nodes.mine()
        assert confirmed(two_nodes, signed.get_txid()) == 1

    def test_fall_on_deaf_ears(self, two_nodes, node, sender):
        node.fault("deaf")
        signed = sender.sign(sender.pay())
        assert sender.algod.send_transaction(signed) == signed.get_txid()
        with refused("could not find the transaction", 404):
            sender.algod.pending_transaction_info(signed.get_txid())
        two_nodes.mine()
        assert confirmed(two_nodes, signed.get_txid()) == 0
        assert node.hits == {"deaf": 1}

    def test_are_judged_even_by_the_deaf(self, node, sender):
        node.fault("deaf")
        with refused("overspend"):
            sender.send(sender.pay(Person(sender.network).address, 10**12))

    def test_come_in_another_order(self, two_nodes, node, sender):
        node.fault("reorder")
        first = sender.send(sender.pay(note=b"first"))
        second = sender.send(sender.pay(note=b"second"))
        two_nodes.mine()
        told = sender.algod.get_block_txids(two_nodes.round)["blockTxids"]
        assert told == [second, first]
        assert node.hits == {"reorder": 1}

    def test_held_back_come_with_the_next_block_at_the_latest(self, two_nodes, node, sender):
        node.fault("reorder")
        txid = sender.send(sender.pay())
        two_nodes.mine()
        assert confirmed(two_nodes, txid) == 1

    def test_lose_their_lease_to_the_one_that_overtook_them(self, two_nodes, node, sender):
        node.fault("reorder")
        first = sender.send(sender.pay(note=b"first", lease=LEASE))
        second = sender.send(sender.pay(note=b"second", lease=LEASE))
        told = sender.algod.pending_transaction_info(first)
        assert "using an overlapping lease" in told["pool-error"]
        two_nodes.mine()
        assert (confirmed(two_nodes, first), confirmed(two_nodes, second)) == (0, 1)

    def test_stay_with_a_node_that_tells_nobody(self, two_nodes, node, sender, other):
        node.fault("no_gossip", times=None)
        txid = sender.send(sender.pay())
        with refused("could not find the transaction", 404):
            other.pending_transaction_info(txid)
        two_nodes.mine()
        assert sender.algod.pending_transaction_info(txid)["pool-error"] == ""
        assert confirmed(two_nodes, txid) == 0
        node.heal("no_gossip")
        two_nodes.mine()
        assert confirmed(two_nodes, txid) == 1
        assert node.hits == {"no_gossip": 1}

    def test_can_be_given_to_both_nodes(self, two_nodes, node, sender, other):
        node.fault("no_gossip")
        signed = sender.sign(sender.pay())
        sender.algod.send_transaction(signed)
        other.send_transaction(signed)
        two_nodes.mine()
        assert confirmed(two_nodes, signed.get_txid()) == 1

    def test_reach_the_other_node_at_once(self, two_nodes, sender, other):
        signed = sender.sign(sender.pay())
        txid = sender.algod.send_transaction(signed)
        assert other.pending_transaction_info(txid)["pool-error"] == ""
        with refused("transaction already in ledger"):
            other.send_transaction(signed)


class TestANodeThatLags:
    def test_knows_nothing_of_the_last_rounds(self, two_nodes, node, sender, other):
        asset = sender.asset()
        txid = two_nodes.ledger.assets()[0].txid
        two_nodes.mine(2)
        node.fault("lag", rounds=3)
        assert sender.algod.suggested_params().first == two_nodes.round - 3
        assert sender.algod.status()["last-round"] == node.round == two_nodes.round - 3
        assert sender.algod.account_info(sender.address)["amount"] == 10_000_000
        with refused("asset does not exist", 404):
            sender.algod.asset_info(asset)
        with refused("could not find the transaction", 404):
            sender.algod.pending_transaction_info(txid)
        with refused("failed to retrieve information", 404):
            sender.algod.get_block_txids(two_nodes.round)
        assert other.asset_info(asset)["index"] == asset
        assert node.hits["lag"] >= 6

    def test_takes_again_what_is_confirmed_which_changes_nothing(self, two_nodes, node, sender):
        signed = sender.sign(sender.create(first=1, last=900))
        sender.algod.send_transaction(signed)
        two_nodes.mine()
        node.fault("lag", rounds=1)
        assert sender.algod.send_transaction(signed) == signed.get_txid()
        two_nodes.mine(2)
        assert len(two_nodes.ledger.assets()) == 1
        node.heal()
        told = sender.algod.pending_transaction_info(signed.get_txid())
        assert told["asset-index"] == two_nodes.ledger.assets()[0].id

    def test_finds_too_early_what_others_find_in_time(self, two_nodes, node, sender, other):
        two_nodes.advance(10)
        node.fault("lag", rounds=5)
        signed = sender.sign(sender.pay(first=two_nodes.round, last=two_nodes.round + 5))
        with refused(f"txn dead: round {two_nodes.round - 4} outside of {two_nodes.round}--"):
            sender.algod.send_transaction(signed)
        other.send_transaction(signed)


def test_a_stalled_node_stands_still_and_then_jumps(two_nodes, node, sender):
    node.fault("stall")
    stood = two_nodes.round
    two_nodes.advance(5)
    assert sender.algod.status()["last-round"] == stood
    assert sender.algod.status_after_block(stood)["last-round"] == stood
    node.heal("stall")
    assert sender.algod.status()["last-round"] == stood + 5
    assert node.hits == {"stall": 2}


def test_a_node_forgets_what_it_had_in_mind(two_nodes, node, sender, other):
    done = sender.send(sender.pay(note=b"done"))
    two_nodes.mine()
    waits = sender.send(sender.pay(note=b"waits"))
    node.fault("forget")
    for txid in (done, waits):
        with refused("could not find the transaction", 404):
            sender.algod.pending_transaction_info(txid)
        other.pending_transaction_info(txid)
    two_nodes.mine()
    assert sender.algod.pending_transaction_info(waits)["confirmed-round"] == two_nodes.round
    assert done in sender.algod.get_block_txids(two_nodes.round - 1)["blockTxids"]
    assert node.hits == {"forget": 1}


def test_a_node_of_another_chain_says_so_and_takes_nothing_of_ours(two_nodes, node, sender):
    signed = sender.sign(sender.pay())
    node.fault("wrong_genesis", times=None)
    told = sender.algod.suggested_params()
    assert told.gen == two_nodes.genesis_id
    assert told.gh != two_nodes.genesis_hash
    assert sender.algod.versions()["genesis_hash_b64"] == told.gh
    assert sender.algod.block_info(1)["block"]["gh"] == told.gh
    with refused("tx.GenesisHash <.*> does not match expected <.*>"):
        sender.algod.send_transaction(signed)
    node.heal()
    sender.algod.send_transaction(signed)
    assert node.hits == {"wrong_genesis": 4}


def test_what_is_not_broken_is_not_counted(two_nodes, node, sender):
    node.fault("lag", rounds=0)
    sender.confirm(sender.pay())
    assert node.hits == {}
