"""Simulation: what would be, without a signature and without a trace."""

import pytest
from algosdk import transaction
from algosdk.v2client.models import SimulateRequest, SimulateRequestTransactionGroup

from tests.devnet.people import Person, grouped, refused


def ask(person, *transactions, signed=False, **options):
    group = [
        person.sign(each) if signed else transaction.SignedTransaction(each, "")
        for each in transactions
    ]
    options = {"allow_empty_signatures": not signed, **options}
    request = SimulateRequest(txn_groups=[SimulateRequestTransactionGroup(txns=group)], **options)
    return person.algod.simulate_transactions(request)


def test_what_would_succeed_has_no_failure_and_leaves_no_trace(network, alice):
    told = ask(alice, alice.create())
    (group,) = told["txn-groups"]
    assert "failure-message" not in group
    assert group["txn-results"][0]["txn-result"]["asset-index"] == 1002
    assert told["eval-overrides"] == {"allow-empty-signatures": True}
    assert told["last-round"] == network.round
    network.mine()
    assert network.ledger.assets() == []


def test_a_signed_transaction_needs_no_permission(alice):
    told = ask(alice, alice.pay(), signed=True)
    assert "eval-overrides" not in told
    assert "failure-message" not in told["txn-groups"][0]


def test_a_failure_says_where_and_why(network, alice):
    stranger = Person(network)
    first, second = grouped(alice.pay(), alice.pay(stranger.address, 1))
    (group,) = ask(alice, first, second)["txn-groups"]
    assert group["failed-at"] == [1]
    assert "balance 1 below min 100000" in group["failure-message"]
    assert len(group["txn-results"]) == 2


def test_what_is_not_a_good_question_is_refused(alice):
    with refused("signedtxn has no sig"):
        ask(alice, alice.pay(), allow_empty_signatures=False)
    with refused("txgroup had 1 in fees"):
        ask(alice, alice.pay(fee=1))
    with refused("expected 1 transaction group, got 0"):
        alice.algod.simulate_transactions(SimulateRequest(txn_groups=[]))
    with refused("given round is greater than the latest round"):
        ask(alice, alice.pay(), round=99)


def test_a_bad_signature_is_refused_even_where_none_is_needed(alice, bob):
    signed = bob.sign(alice.pay())
    signed.authorizing_address = None
    group = SimulateRequestTransactionGroup(txns=[signed])
    with refused("At least one signature didn't pass verification"):
        alice.algod.simulate_transactions(
            SimulateRequest(txn_groups=[group], allow_empty_signatures=True)
        )


def test_the_pool_plays_no_part(alice):
    unsigned = alice.pay()
    alice.send(unsigned)
    assert "failure-message" not in ask(alice, unsigned)["txn-groups"][0]


@pytest.mark.parametrize("rounds_ago", [0, 1])
def test_a_round_of_the_past_may_be_asked_about(network, alice, rounds_ago):
    asset = alice.asset()
    opted_in = alice.transfer(asset, alice.address, 0)
    (group,) = ask(alice, opted_in, round=network.round - rounds_ago)["txn-groups"]
    assert ("failure-message" in group) is bool(rounds_ago)
