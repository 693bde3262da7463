"""What the node does not take, and in which words: those of go-algorand."""

import base64
import itertools

import msgpack
import pytest
from algosdk import transaction
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.devnet.algod.encoding import pack, unpack
from tests.devnet.conftest import funded
from tests.devnet.people import (
    LEASE,
    Person,
    bytes_of,
    fields_of,
    grouped,
    packed,
    refused,
    send_bytes,
)

IN_POOL = "TransactionPool.Remember: "
BAD_SIGNATURE = "^At least one signature didn't pass verification$"


class TestEncoding:
    def test_is_that_of_the_sdk(self, network, alice):
        signed = alice.sign(alice.create(note=b"\0\0", lease=LEASE))
        assert pack(unpack(bytes_of(signed))) == bytes_of(signed)
        assert send_bytes(alice.algod, bytes_of(signed)) == signed.get_txid()

    @given(st.binary(max_size=40))
    def test_keeps_any_note_that_is_not_empty(self, note):
        assert unpack(pack({"note": note})) == ({"note": note} if note else {})

    def test_refuses_keys_out_of_order(self, alice):
        fields = fields_of(alice.sign(alice.pay()))
        fields["txn"] = dict(reversed(fields["txn"].items()))
        with refused("is not canonically encoded"):
            send_bytes(alice.algod, packed(fields))

    def test_refuses_zero_values(self, alice):
        fields = fields_of(alice.sign(alice.pay()))
        fields["txn"] = dict(sorted({**fields["txn"], "amt": 0}.items()))
        with refused("is not canonically encoded"):
            send_bytes(alice.algod, packed(fields))

    def test_refuses_a_longer_form_of_an_integer(self, alice):
        body = bytes_of(alice.sign(alice.pay()))
        assert b"\xa3fee\xcd\x03\xe8" in body
        with refused("is not canonically encoded"):
            send_bytes(
                alice.algod, body.replace(b"\xa3fee\xcd\x03\xe8", b"\xa3fee\xce\0\0\x03\xe8")
            )

    @pytest.mark.parametrize(
        ("field", "value"), [("lx", b"x" * 31), ("fee", -1), ("amt", True), ("snd", "text")]
    )
    def test_refuses_a_field_of_another_kind(self, alice, field, value):
        fields = fields_of(alice.sign(alice.pay()))
        fields["txn"] = dict(sorted({**fields["txn"], field: value}.items()))
        with refused(f"msgpack decode error: field {field}"):
            send_bytes(alice.algod, packed(fields))

    def test_refuses_a_field_that_it_does_not_know(self, alice):
        fields = fields_of(alice.sign(alice.pay()))
        fields["txn"]["zzz"] = 1
        with refused("no matching struct field found when decoding stream map with key zzz"):
            send_bytes(alice.algod, packed(fields))

    def test_refuses_what_is_cut(self, alice):
        with refused("msgpack decode error"):
            send_bytes(alice.algod, bytes_of(alice.sign(alice.pay()))[:-1])

    def test_refuses_nothing_at_all(self, alice):
        with refused("^empty txgroup$"):
            send_bytes(alice.algod, b"")

    def test_refuses_what_is_no_transaction(self, alice):
        with refused("msgpack decode error"):
            send_bytes(alice.algod, msgpack.packb([1]))


class TestSignatures:
    def test_of_another_key_are_refused(self, alice, bob):
        signed = bob.sign(alice.pay())
        signed.authorizing_address = None
        with refused(BAD_SIGNATURE):
            alice.algod.send_transaction(signed)

    def test_of_other_words_are_refused(self, alice):
        signed = alice.sign(alice.pay())
        signed.transaction.amt = 1
        with refused(BAD_SIGNATURE):
            alice.algod.send_transaction(signed)

    def test_must_be_there(self, alice):
        with refused("signedtxn has no sig"):
            alice.algod.send_transaction(transaction.SignedTransaction(alice.pay(), None))

    def test_of_several_or_of_programs_are_not_verified_here(self, alice):
        fields = fields_of(alice.sign(alice.pay()))
        body = packed({"lsig": {"l": b"\x01"}, "txn": fields["txn"]})
        with refused("this development chain does not verify logic signature signatures"):
            send_bytes(alice.algod, body)

    def test_by_another_than_the_account_says_are_refused(self, alice, bob):
        with refused(f"should have been authorized by {alice.address}"):
            alice.algod.send_transaction(bob.sign(alice.pay()))


class TestForm:
    def test_of_a_note_has_a_limit(self, alice):
        alice.send(alice.pay(note=b"x" * 1024))
        fields = fields_of(alice.sign(alice.pay(note=b"x")))
        fields["txn"]["note"] = b"x" * 1025
        with refused("transaction note too big: 1025 > 1024"):
            send_bytes(alice.algod, packed(fields))

    @pytest.mark.parametrize(
        ("field", "most", "name"), [("an", 32, "name"), ("un", 8, "unit name"), ("au", 96, "url")]
    )
    def test_of_an_asset_has_limits_in_bytes(self, network, alice, field, most, name):
        send_bytes(alice.algod, self.signed_with(alice, field, "é" * (most // 2)))
        with refused(f"transaction asset {name} too big: {most + 1} > {most}"):
            send_bytes(alice.algod, self.signed_with(alice, field, "é" * (most // 2) + "x"))

    def test_of_an_asset_has_a_limit_of_decimals(self, alice):
        send_bytes(alice.algod, self.signed_with(alice, "dc", 19))
        with refused(r"transaction asset decimals is too high \(max is 19\)"):
            send_bytes(alice.algod, self.signed_with(alice, "dc", 20))

    def test_of_an_asset_may_be_all_that_fits(self, network, alice):
        asset = alice.asset(total=2**64 - 1)
        assert alice.algod.asset_info(asset)["params"]["total"] == 2**64 - 1
        with refused("msgpack decode error: field apar"):
            send_bytes(alice.algod, self.signed_with(alice, "am", b"x" * 31))

    def test_keeps_to_one_type(self, alice):
        fields = fields_of(alice.sign(alice.pay()))
        fields["txn"] = dict(sorted({**fields["txn"], "xaid": 7}.items()))
        with refused("transaction of type pay has non-zero fields for type axfer"):
            send_bytes(alice.algod, packed(fields))

    def test_of_a_key_registration_is_understood_and_refused(self, alice):
        offline = transaction.KeyregOfflineTxn(alice.address, alice.parameters())
        with refused("does not execute keyreg transactions yet"):
            alice.send(offline)

    @staticmethod
    def signed_with(person, field, value):
        """The SDK would not let such an asset pass, so its bytes are changed and signed again."""
        unsigned = person.create(note=repr((field, value)).encode())
        fields = fields_of(person.sign(unsigned))
        fields["txn"]["apar"][field] = value
        key = base64.b64decode(person.key)[:32]
        return packed({"sig": signature(key, packed(fields["txn"])), "txn": fields["txn"]})


def signature(seed, txn):
    from nacl.signing import SigningKey

    return SigningKey(seed).sign(b"TX" + txn).signature


class TestValidity:
    def test_begins_with_the_next_round(self, network, alice):
        following = network.round + 1
        alice.send(alice.pay(first=following, last=following))
        with refused(
            f"^{IN_POOL}txn dead: round {following} outside of {following + 1}--{following + 9}$"
        ):
            alice.send(alice.pay(first=following + 1, last=following + 9))

    def test_ends_with_the_last_round(self, network, alice):
        last = network.round + 3
        spare = alice.sign(alice.pay(first=network.round, last=last, note=b"late"))
        network.advance(2)
        assert network.round == last - 1
        alice.confirm(alice.pay(first=network.round, last=last, note=b"in time"))
        with refused(f"txn dead: round {last + 1} outside of {last - 3}--{last}"):
            alice.algod.send_transaction(spare)

    def test_is_a_thousand_rounds_at_most(self, network, alice):
        first = network.round
        alice.send(alice.pay(first=first, last=first + 1000))
        with refused(rf"transaction window size excessive \({first}--{first + 1001}\)"):
            alice.send(alice.pay(first=first, last=first + 1001))
        with refused(r"transaction invalid range \(9--8\)"):
            alice.send(alice.pay(first=9, last=8))

    def test_is_for_one_chain(self, network, alice):
        elsewhere = alice.parameters()
        elsewhere.gh = base64.b64encode(b"x" * 32).decode()
        with refused(f"{IN_POOL}tx.GenesisHash <.*> does not match expected <.*>"):
            alice.send(transaction.PaymentTxn(alice.address, elsewhere, alice.address, 0))
        elsewhere = alice.parameters()
        elsewhere.gen = "mainnet-v1.0"
        with refused("tx.GenesisID <mainnet-v1.0> does not match expected <tallystick-devnet-v1>"):
            alice.send(transaction.PaymentTxn(alice.address, elsewhere, alice.address, 0))

    def test_leaves_a_pool_with_an_error_when_it_is_over(self, network, alice):
        txid = alice.send(alice.pay(first=network.round, last=network.round + 2))
        network.advance(2)
        told = alice.algod.pending_transaction_info(txid)
        assert told["pool-error"].startswith("txn dead: round")
        assert "confirmed-round" not in told
        network.mine()
        assert txid not in {each.txid for each in network.ledger.transactions()}


class TestFees:
    def test_have_a_minimum(self, alice):
        with refused(r"^txgroup had 999 in fees, which is less than the minimum 1 \* 1000$"):
            alice.send(alice.pay(fee=999))

    def test_are_pooled_in_a_group(self, alice, bob):
        first, second = grouped(alice.pay(fee=1999), bob.pay(fee=0))
        with refused(r"^txgroup had 1999 in fees, which is less than the minimum 2 \* 1000$"):
            alice.algod.send_transactions([alice.sign(first), bob.sign(second)])
        first, second = grouped(alice.pay(fee=2000), bob.pay(fee=0))
        alice.algod.send_transactions([alice.sign(first), bob.sign(second)])

    def test_are_more_while_the_network_is_congested(self, network, alice):
        network.congest(10)
        signed = alice.sign(alice.pay(fee=1000))
        size = len(bytes_of(signed))
        with refused(
            rf"^{IN_POOL}fee 1000 below threshold {size * 10} \(10 per byte \* {size} bytes\)$"
        ):
            alice.algod.send_transaction(signed)
        assert alice.algod.suggested_params().fee == 10
        network.congest(0)
        alice.algod.send_transaction(signed)


class TestBalances:
    def test_cannot_be_overspent(self, network, alice, bob):
        with refused(
            rf"^{IN_POOL}transaction \w+: overspend \(account {alice.address}, data .*"
            r"Raw:9999000.*tried to spend \{10000000\}\)$"
        ):
            alice.send(alice.pay(bob.address, 10_000_000))
        everything = 10_000_000 - 1000
        with refused(rf"overspend .*tried to spend \{{{everything + 1}\}}"):
            alice.send(alice.pay(bob.address, everything + 1))
        alice.confirm(alice.pay(bob.address, everything))
        assert network.ledger.balance(alice.address) == 0

    def test_keep_a_minimum(self, network, alice):
        stranger = Person(network)
        with refused(rf"account {stranger.address} balance 99999 below min 100000 \(0 assets\)"):
            alice.send(alice.pay(stranger.address, 99_999))
        alice.confirm(alice.pay(stranger.address, 100_000))
        assert network.ledger.balance(stranger.address) == 100_000

    def test_keep_more_for_each_asset(self, network):
        person = Person(network)
        network.fund(person.address, 200_000 + 999)
        with refused(rf"account {person.address} balance 199999 below min 200000 \(1 assets\)"):
            person.send(person.create())
        network.fund(person.address, 1)
        person.asset()
        assert network.ledger.balance(person.address) == 200_000

    def test_of_assets_cannot_be_overspent(self, network, alice, bob):
        asset = alice.asset()
        bob.confirm(bob.transfer(asset, bob.address, 0))
        with refused("underflow on subtracting 1001 from sender amount 1000"):
            alice.send(alice.transfer(asset, bob.address, 1001))
        alice.confirm(alice.transfer(asset, bob.address, 1000))

    def test_of_assets_are_for_those_who_opted_in(self, alice, bob):
        asset = alice.asset()
        with refused(f"receiver error: must optin, asset {asset} missing from {bob.address}"):
            alice.send(alice.transfer(asset, bob.address, 1))
        with refused(f"asset {asset} missing from {bob.address}"):
            bob.send(bob.transfer(asset, alice.address, 1))
        with refused("asset 9999 does not exist or has been deleted"):
            bob.send(bob.transfer(9999, bob.address, 0))

    def test_of_assets_cannot_be_taken_without_the_role(self, alice, bob):
        asset = alice.asset()
        bob.confirm(bob.transfer(asset, bob.address, 0))
        with refused(f"clawback not allowed: sender {bob.address}"):
            bob.send(bob.transfer(asset, bob.address, 1, revocation_target=alice.address))
        freeze = transaction.AssetFreezeTxn(
            bob.address, bob.parameters(), asset, alice.address, new_freeze_state=True
        )
        with refused(f"freeze not allowed: sender {bob.address}"):
            bob.send(freeze)
        with refused("cannot close asset ID in allocating account"):
            alice.send(alice.transfer(asset, bob.address, 0, close_assets_to=bob.address))


class TestGroups:
    def test_are_all_or_nothing(self, network, alice, bob):
        stranger = Person(network)
        first, second = grouped(alice.pay(bob.address, 5), bob.pay(stranger.address, 1))
        with refused("below min"):
            alice.algod.send_transactions([alice.sign(first), bob.sign(second)])
        network.mine()
        assert network.ledger.balance(alice.address) == 10_000_000

    def test_are_sent_whole(self, alice, bob):
        first, second = grouped(alice.pay(), bob.pay())
        with refused("transactionGroup: incomplete group: .* != "):
            alice.algod.send_transaction(alice.sign(first))
        with refused("transactionGroup: incomplete group"):
            alice.algod.send_transactions([bob.sign(second), alice.sign(first)])

    def test_are_named_in_each_of_their_transactions(self, alice, bob):
        with refused(r"transactionGroup: \[0\] had zero Group but was submitted in a group of 2"):
            alice.algod.send_transactions([alice.sign(alice.pay()), bob.sign(bob.pay())])
        first, _ = grouped(alice.pay(), bob.pay())
        with refused("transactionGroup: inconsistent group values"):
            alice.algod.send_transactions([alice.sign(first), bob.sign(bob.pay())])

    def test_are_sixteen_at_most(self, network, alice):
        many = [alice.pay(note=bytes([number])) for number in range(1, 18)]
        grouped(*many[:16])
        alice.algod.send_transactions([alice.sign(each) for each in many[:16]])
        with refused("^max group size is 16$"):
            alice.algod.send_transactions([alice.sign(each) for each in many])
        network.mine()
        assert len(network.ledger.transactions()) == 1 + 16

    def test_hold_a_lease_against_their_own(self, alice):
        first, second = grouped(
            alice.pay(lease=LEASE, note=b"1"), alice.pay(lease=LEASE, note=b"2")
        )
        with refused("using an overlapping lease"):
            alice.algod.send_transactions([alice.sign(first), alice.sign(second)])


class TestLeasesAndDuplicates:
    """The order of checks: among what is pending the id first, among what is confirmed the lease
    first.  So the same bytes, sent again, are told different things.
    """

    ALREADY = "transaction already in ledger: {txid}"
    OVERLAPPING = r"transaction {txid} using an overlapping lease \(sender, lease\):\({sender}, "

    @pytest.mark.parametrize(
        ("lease", "confirmed", "answer"),
        [
            (None, False, ALREADY),
            (None, True, ALREADY),
            (LEASE, False, ALREADY),
            (LEASE, True, OVERLAPPING),
        ],
        ids=["pending", "confirmed", "pending with a lease", "confirmed with a lease"],
    )
    def test_the_same_bytes_again(self, network, alice, lease, confirmed, answer):
        signed = alice.sign(alice.pay(lease=lease))
        txid = alice.algod.send_transaction(signed)
        if confirmed:
            network.mine()
        with refused(f"^{IN_POOL}{answer.format(txid=txid, sender=alice.address)}"):
            alice.algod.send_transaction(signed)

    @pytest.mark.parametrize("confirmed", [False, True])
    def test_another_transaction_under_the_lease_is_named_itself(self, network, alice, confirmed):
        alice.send(alice.pay(lease=LEASE, note=b"first"))
        if confirmed:
            network.mine()
        other = alice.pay(lease=LEASE, note=b"second")
        with refused(self.OVERLAPPING.format(txid=other.get_txid(), sender=alice.address)):
            alice.send(other)

    def test_a_lease_is_held_up_to_and_with_the_last_round(self, network, alice):
        last = network.round + 5
        alice.confirm(alice.pay(lease=LEASE, last=last))
        network.advance(last - 1 - network.round)
        with refused("using an overlapping lease"):
            alice.send(alice.pay(lease=LEASE, note=b"too early"))
        network.advance(1)
        assert network.round == last
        alice.confirm(alice.pay(lease=LEASE, note=b"free again"))

    def test_a_lease_is_the_sender_s_own(self, alice, bob):
        alice.send(alice.pay(lease=LEASE))
        bob.send(bob.pay(lease=LEASE))
        alice.send(alice.pay(lease=b"M" * 32))

    def test_a_lease_of_zeros_is_none(self, alice):
        for note in (b"1", b"2"):
            unsigned = alice.pay(note=note)
            unsigned.lease = bytes(32)
            fields = fields_of(transaction.SignedTransaction(unsigned, None))
            fields["txn"].pop("lx", None)
            key = base64.b64decode(alice.key)[:32]
            body = {"sig": signature(key, packed(fields["txn"])), "txn": fields["txn"]}
            send_bytes(alice.algod, packed(body))

    def test_what_was_refused_holds_no_lease(self, network, alice, bob):
        with refused("overspend"):
            alice.send(alice.pay(bob.address, 10**10, lease=LEASE))
        alice.confirm(alice.pay(lease=LEASE))

    def test_an_evicted_transaction_gives_its_lease_back(self, network, alice):
        txid = alice.send(alice.pay(lease=LEASE, note=b"first"))
        network.nodes[0].fault("evict", txid=txid)
        alice.confirm(alice.pay(lease=LEASE, note=b"second"))


def test_any_order_of_independent_payments_is_one_block(network):
    people = [funded(Person(network)) for _ in range(3)]
    for number, person in enumerate(itertools.chain(people, people)):
        person.send(person.pay(note=bytes([number + 1])))
    network.mine()
    assert len(people[0].algod.get_block_txids(network.round)["blockTxids"]) == 6
