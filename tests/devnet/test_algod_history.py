"""Whatever is sent, by however many at once: nothing is made or lost, nor changed by a restart.

The model is arithmetic: microalgos are constant, holdings add up to totals, a lease is held once.
"""

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from algosdk.error import AlgodHTTPError
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.devnet.algod import devnet
from tests.devnet.conftest import funded
from tests.devnet.people import Person

#: The dispenser's, the fee sink's and the rewards pool's.
ALL_MICROALGOS = 9_000_000_000_000_000 + 2 * 1_000_000
PEOPLE = st.integers(0, 2)
ACTS = st.one_of(
    st.tuples(st.just("pay"), PEOPLE, PEOPLE, st.integers(0, 12_000_000)),
    st.tuples(st.just("close"), PEOPLE, PEOPLE, st.just(0)),
    st.tuples(st.just("create"), PEOPLE, PEOPLE, st.integers(0, 2**64 - 1)),
    st.tuples(st.just("opt in"), PEOPLE, PEOPLE, st.integers(0, 2)),
    st.tuples(st.just("transfer"), PEOPLE, PEOPLE, st.integers(0, 2000)),
    st.tuples(st.just("close holding"), PEOPLE, PEOPLE, st.integers(0, 2)),
    st.tuples(st.just("lease"), PEOPLE, PEOPLE, st.integers(0, 3)),
    st.tuples(st.just("mine"), PEOPLE, PEOPLE, st.just(0)),
)


@given(st.lists(ACTS, max_size=25))
@settings(max_examples=30)
def test_nothing_is_made_or_lost(acts):
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "chain"
        with devnet(mode="manual", state=state) as network:
            people = [funded(Person(network)) for _ in range(3)]
            for number, (act, first, second, amount) in enumerate(acts):
                unsigned = intended(act, people[first], people[second], amount, number)
                if unsigned is None:
                    network.mine()
                    continue
                with contextlib.suppress(AlgodHTTPError):
                    people[first].send(unsigned)
            network.mine()
            check(network, people)
            hash = people[0].algod.get_block_hash(network.round)
        with devnet(mode="manual", state=state) as network:
            assert Person(network).algod.get_block_hash(network.round) == hash
            check(network, people)


def intended(act, one, other, amount, number):
    note = b"%d" % number
    asset = 1004 + amount % 3
    if act == "pay":
        return one.pay(other.address, amount, note=note)
    if act == "close":
        return one.pay(close=other.address, note=note)
    if act == "create":
        return one.create(total=amount, note=note)
    if act == "opt in":
        return one.transfer(asset, one.address, 0, note=note)
    if act == "transfer":
        return one.transfer(asset, other.address, amount, note=note)
    if act == "close holding":
        return one.transfer(asset, one.address, 0, close_assets_to=other.address, note=note)
    if act == "lease":
        return one.pay(lease=bytes([amount + 1]) * 32, note=note)
    return None


def check(network, people):
    block = Person(network).algod.block_info(0)["block"]
    owners = [network.dispenser, block["fees"], block["rwd"], *(each.address for each in people)]
    assert sum(map(network.ledger.balance, owners)) == ALL_MICROALGOS
    for address in owners[3:]:
        account = network.ledger.account(address)
        assert account.microalgos == 0 or account.microalgos >= 100_000 * (1 + account.holdings)
    assets = network.ledger.assets()
    for asset in assets:
        held = [network.ledger.holding(each.address, asset.id) or 0 for each in people]
        assert sum(held) == asset.parameters.total
    assert len({asset.id for asset in assets}) == len(assets)
    txids = [each.txid for each in network.ledger.transactions()]
    assert len(set(txids)) == len(txids)


def test_many_may_send_at_once():
    with devnet(nodes=2) as network:
        people = [funded(Person(network, node=number % 2)) for number in range(8)]
        unsigned = [[each.create(note=b"%d" % turn) for turn in range(5)] for each in people]

        def send_all(number):
            return [people[number].send(each) for each in unsigned[number]]

        with ThreadPoolExecutor(8) as threads:
            sent = [txid for txids in threads.map(send_all, range(8)) for txid in txids]
        algod = people[0].algod
        round = algod.status()["last-round"]
        while algod.pending_transactions()["total-transactions"]:
            round = algod.status_after_block(round)["last-round"]
        assert sorted(each.txid for each in network.ledger.assets()) == sorted(sent)
