"""What a transaction does once it is in a block, seen through the unmodified SDK."""

import base64
import time

import pytest
from algosdk import transaction
from algosdk.encoding import encode_address

from entrypoints.devnet.algod import devnet
from tests.devnet.people import Person, grouped, refused


def test_the_chain_has_a_constant_name():
    with devnet() as network, devnet(genesis_seed="another") as other:
        assert network.genesis_id == other.genesis_id == "tallystick-devnet-v1"
        assert network.genesis_hash == "xkEz6tNEbMPRgszGpAARO5o6PgDKf1fTWTVi8Ghgsc0="
        assert network.caip2 == "algorand:xkEz6tNEbMPRgszGpAARO5o6PgDKf1fT"
        assert other.genesis_hash != network.genesis_hash
        told = Person(network).algod.suggested_params()
        assert (told.gen, told.gh) == (network.genesis_id, network.genesis_hash)


def test_an_asset_is_created_and_read_back(network, alice):
    unsigned = alice.create(note=b"operation 7")
    txid = alice.send(unsigned)
    assert txid == unsigned.get_txid()
    waiting = alice.algod.pending_transaction_info(txid)
    assert waiting["pool-error"] == ""
    assert "confirmed-round" not in waiting
    assert "asset-index" not in waiting
    network.mine()
    told = transaction.wait_for_confirmation(alice.algod, txid, 2)
    asset = told["asset-index"]
    assert told["confirmed-round"] == network.round
    assert alice.algod.asset_info(asset) == {
        "index": asset,
        "params": {
            "creator": alice.address, "decimals": 2, "default-frozen": False, "total": 1000,
            "name": "Tally", "name-b64": "VGFsbHk=", "unit-name": "TLY", "unit-name-b64": "VExZ",
            "url": "https://tally.example", "url-b64": "aHR0cHM6Ly90YWxseS5leGFtcGxl",
            "manager": alice.address, "reserve": alice.address, "freeze": alice.address,
            "clawback": alice.address, "metadata-hash": base64.b64encode(b"m" * 32).decode(),
        },
    }  # fmt: skip
    (created,) = network.ledger.assets()
    assert (created.id, created.creator, created.note, created.txid, created.round) == (
        asset, alice.address, b"operation 7", txid, network.round,
    )  # fmt: skip


def test_an_account_is_told_as_algod_tells_it(network, alice):
    asset = alice.asset()
    told = alice.algod.account_info(alice.address)
    assert told["assets"] == [{"amount": 1000, "asset-id": asset, "is-frozen": False}]
    assert told["created-assets"] == [alice.algod.asset_info(asset)]
    assert (told["amount"], told["min-balance"]) == (10_000_000 - 1000, 200_000)
    assert (told["total-assets-opted-in"], told["total-created-assets"]) == (1, 1)
    assert told["round"] == network.round
    assert "auth-addr" not in told
    brief = alice.algod.account_info(alice.address, exclude="all")
    assert brief["total-assets-opted-in"] == 1
    assert "assets" not in brief
    held = alice.algod.account_asset_info(alice.address, asset)
    assert held["asset-holding"]["amount"] == 1000
    assert held["created-asset"]["total"] == 1000


def test_who_has_never_been_heard_of_has_nothing(network):
    stranger = Person(network)
    told = stranger.algod.account_info(stranger.address)
    assert (told["amount"], told["min-balance"]) == (0, 100_000)
    with refused("account asset info not found", 404):
        stranger.algod.account_asset_info(stranger.address, 1001)
    with refused("asset does not exist", 404):
        stranger.algod.asset_info(1001)
    with refused("failed to parse the address"):
        other = "E" if stranger.address.endswith("A") else "A"
        stranger.algod.account_info(stranger.address[:-1] + other)


def test_the_id_of_an_asset_is_the_count_of_transactions_after_it(network, alice, bob):
    before = alice.algod.block_info(network.round)["block"]["tc"]
    alice.send(alice.pay(bob.address, 1))
    alice.send(alice.create(note=b"first"))
    bob.send(bob.pay(alice.address, 2))
    alice.send(alice.create(note=b"second"))
    network.mine()
    assert [each.id for each in network.ledger.assets()] == [before + 2, before + 4]
    assert alice.algod.block_info(network.round)["block"]["tc"] == before + 4


def test_the_first_transaction_of_the_chain_has_number_1001(network):
    network.fund(Person(network).address, 100_000)
    assert Person(network).algod.block_info(1)["block"]["tc"] == 1001


def test_fees_go_to_the_sink(network, alice):
    sink = alice.algod.block_info(network.round)["block"]["fees"]
    before = network.ledger.balance(sink)
    alice.confirm(alice.pay(fee=3000))
    assert network.ledger.balance(sink) == before + 3000


def test_units_are_opted_into_transferred_and_given_back(network, alice, bob):
    asset = alice.asset()
    bob.confirm(bob.transfer(asset, bob.address, 0))
    told = bob.algod.account_info(bob.address)
    assert (told["min-balance"], told["created-assets"]) == (200_000, [])
    alice.confirm(alice.transfer(asset, bob.address, 400))
    told = bob.confirm(bob.transfer(asset, bob.address, 0, close_assets_to=alice.address))
    assert told["asset-closing-amount"] == 400
    assert network.ledger.holding(bob.address, asset) is None
    assert network.ledger.holding(alice.address, asset) == 1000


def test_the_clawback_role_takes_what_is_frozen(network, alice, bob):
    asset = alice.asset()
    bob.confirm(bob.transfer(asset, bob.address, 0))
    alice.confirm(alice.transfer(asset, bob.address, 400))
    freeze = transaction.AssetFreezeTxn(
        alice.address, alice.parameters(), asset, bob.address, new_freeze_state=True
    )
    alice.confirm(freeze)
    with refused(f"asset {asset} frozen in {bob.address}"):
        bob.send(bob.transfer(asset, alice.address, 1))
    alice.confirm(alice.transfer(asset, alice.address, 150, revocation_target=bob.address))
    assert network.ledger.holding(bob.address, asset) == 250


def test_a_frozen_holding_moves_nowhere_but_home(network, alice, bob):
    asset = alice.asset(frozen=True)
    bob.confirm(bob.transfer(asset, bob.address, 0))
    with refused("asset frozen in recipient"):
        alice.send(alice.transfer(asset, bob.address, 10))
    alice.confirm(frozen(alice, asset, bob, new_freeze_state=False))
    alice.confirm(alice.transfer(asset, bob.address, 10))
    alice.confirm(frozen(alice, asset, bob, new_freeze_state=True))
    carol = Person(network)
    network.fund(carol.address, 1_000_000)
    carol.confirm(carol.transfer(asset, carol.address, 0))
    with refused(f"asset {asset} frozen in {bob.address}"):
        bob.send(bob.transfer(asset, bob.address, 0, close_assets_to=carol.address))
    bob.confirm(bob.transfer(asset, bob.address, 0, close_assets_to=alice.address))
    assert network.ledger.holding(alice.address, asset) == 1000
    with refused("asset not found in account"):
        alice.send(frozen(alice, asset, bob, new_freeze_state=True))


def frozen(person, asset, holder, *, new_freeze_state):
    return transaction.AssetFreezeTxn(
        person.address, person.parameters(), asset, holder.address,
        new_freeze_state=new_freeze_state,
    )  # fmt: skip


def test_roles_change_until_they_are_given_up(network, alice, bob):
    asset = alice.asset()
    handed_on = transaction.AssetConfigTxn(
        alice.address, alice.parameters(), asset, manager=bob.address,
        strict_empty_address_check=False,
    )  # fmt: skip
    alice.confirm(handed_on)
    told = alice.algod.asset_info(asset)["params"]
    assert told["manager"] == bob.address
    assert not {"reserve", "freeze", "clawback"} & set(told)
    with refused("this transaction should be issued by the manager"):
        alice.send(handed_on_again(alice, asset))
    bob.confirm(handed_on_again(bob, asset))
    assert "clawback" not in bob.algod.asset_info(asset)["params"]


def handed_on_again(person, asset):
    return transaction.AssetConfigTxn(
        person.address, person.parameters(), asset, manager=person.address,
        reserve=person.address, freeze=person.address, clawback=person.address,
        note=b"again",
    )  # fmt: skip


def test_an_asset_is_destroyed_by_its_manager_while_the_creator_has_all(network, alice, bob):
    asset = alice.asset()
    bob.confirm(bob.transfer(asset, bob.address, 0))
    alice.confirm(alice.transfer(asset, bob.address, 1))
    with refused("cannot destroy asset: creator is holding only 999/1000"):
        alice.send(transaction.AssetDestroyTxn(alice.address, alice.parameters(), asset))
    bob.confirm(bob.transfer(asset, alice.address, 1))
    alice.confirm(transaction.AssetDestroyTxn(alice.address, alice.parameters(), asset))
    with refused("asset does not exist", 404):
        alice.algod.asset_info(asset)
    told = alice.algod.account_info(alice.address)
    assert told["min-balance"] == 100_000
    assert (told["assets"], told["created-assets"], told["total-created-assets"]) == ([], [], 0)


def test_a_closed_account_is_gone_with_all_it_had(network, alice, bob):
    told = alice.confirm(alice.pay(bob.address, 500, close=bob.address))
    assert told["closing-amount"] == 10_000_000 - 1000 - 500
    assert network.ledger.balance(alice.address) == 0
    assert network.ledger.balance(bob.address) == 20_000_000 - 1000


def test_an_account_that_holds_assets_cannot_be_closed(alice, bob):
    alice.asset()
    with refused("cannot close: 1 outstanding assets"):
        alice.send(alice.pay(close=bob.address))
    with refused("cannot close account to its sender"):
        bob.send(bob.pay(close=bob.address))


class TestRekeying:
    @pytest.fixture
    def rekeyed(self, alice, bob):
        alice.confirm(
            transaction.PaymentTxn(
                alice.address, alice.parameters(), alice.address, 0, rekey_to=bob.address
            )
        )
        return alice

    def test_is_told(self, rekeyed, bob):
        assert rekeyed.algod.account_info(rekeyed.address)["auth-addr"] == bob.address

    def test_takes_the_own_key_its_power(self, rekeyed, bob):
        with refused(
            f"should have been authorized by {bob.address}"
            f" but was actually authorized by {rekeyed.address}"
        ):
            rekeyed.send(rekeyed.pay())

    def test_gives_it_to_another(self, network, rekeyed, bob):
        signed = bob.sign(rekeyed.create())
        signed.authorizing_address = bob.address
        rekeyed.algod.send_transaction(signed)
        network.mine()
        assert network.ledger.assets()[0].creator == rekeyed.address

    def test_does_not_work_where_the_signer_is_not_named(self, rekeyed, bob):
        signed = bob.sign(rekeyed.pay())
        signed.authorizing_address = None
        with refused("At least one signature didn't pass verification"):
            rekeyed.algod.send_transaction(signed)

    def test_is_undone_by_rekeying_to_oneself(self, network, rekeyed, bob):
        back = transaction.PaymentTxn(
            rekeyed.address, rekeyed.parameters(), rekeyed.address, 0, rekey_to=rekeyed.address
        )
        signed = bob.sign(back)
        signed.authorizing_address = bob.address
        rekeyed.algod.send_transaction(signed)
        network.mine()
        assert "auth-addr" not in rekeyed.algod.account_info(rekeyed.address)
        rekeyed.confirm(rekeyed.pay())


def test_somebody_without_money_is_sponsored_by_a_group(network, alice):
    """One transaction pays the fees of both and the minimum balance of the new holder."""
    poor = Person(network)
    pay, create = grouped(
        alice.pay(poor.address, 200_000, fee=2000), poor.create(fee=0, note=b"sponsored")
    )
    alice.algod.send_transactions([alice.sign(pay), poor.sign(create)])
    network.mine()
    (created,) = network.ledger.assets()
    assert created.creator == poor.address
    assert network.ledger.balance(poor.address) == 200_000
    assert network.ledger.balance(alice.address) == 10_000_000 - 200_000 - 2000


def test_blocks_come_by_themselves_where_they_are_instant():
    with devnet() as network:
        person = Person(network)
        network.fund(person.address, 1_000_000)
        txid = person.send(person.create())
        told = transaction.wait_for_confirmation(person.algod, txid, 5)
        assert told["confirmed-round"] == 2


def test_blocks_come_at_intervals_where_they_are_timed():
    with devnet(mode="interval", block_time=0.01) as network:
        person = Person(network)
        assert person.algod.status_after_block(3)["last-round"] > 3


def test_nobody_is_confirmed_twice_by_blocks_made_by_two(network, alice):
    alice.send(alice.pay(note=b"once"))
    network.mine(3)
    assert len(network.ledger.transactions()) == 2
    assert encode_address(bytes(32)) not in {each.sender for each in network.ledger.transactions()}


def test_an_instant_network_that_nobody_uses_goes_on_if_it_is_told_to():
    with devnet(mode="instant", idle_seconds=0.01) as network:
        begun, deadline = network.round, time.monotonic() + 10
        while network.round < begun + 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert network.round >= begun + 3
        assert not network.ledger.transactions()
    with devnet(mode="instant") as network:
        begun = network.round
        time.sleep(0.1)
        assert network.round == begun
