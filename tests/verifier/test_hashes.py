"""Known answers, and the chains' own libraries as oracles."""

import hashlib
import random
from dataclasses import replace

import pytest
import rlp
from algosdk import encoding, transaction
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from tallystick_verifier import algorand, ed25519, evm
from tallystick_verifier.hashes import keccak_256, sha512_256
from tallystick_verifier.tree import is_consistent, is_included, leaf_hash
from tests.verifier.packs import (
    GENESIS,
    SALT,
    TOKEN,
    TREASURY,
    algorand_key,
    consistency,
    group,
    inclusion,
    lease_of,
    public,
    root,
    sha,
    signed_by,
    transfer,
)

# https://keccak.team/archives.html: ShortMsgKAT_256 of Keccak's third round.
KECCAK = {
    "": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    "cc": "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a",
    "616263": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
}
# FIPS 180-4, examples: SHA-512/256 of "abc".
ABC = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


@pytest.mark.parametrize(("message", "digest"), KECCAK.items())
def test_keccak_gives_the_known_answers(message, digest):
    assert keccak_256(bytes.fromhex(message)).hex() == digest


@pytest.mark.parametrize("length", [1, 55, 134, 135, 136, 137, 271, 272, 273, 1000])
def test_keccak_is_ethereums_at_the_edges_of_its_blocks(length):
    message = random.Random(length).randbytes(length)
    assert keccak_256(message) == keccak(message)


@given(st.binary(max_size=400))
def test_keccak_is_ethereums(message):
    assert keccak_256(message) == keccak(message)


def test_sha_512_256_gives_the_known_answer():
    assert sha512_256(b"abc").hex() == ABC


class TestTree:
    """The roots of facts that everybody has, and a tree by recursion as the other opinion."""

    LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
              "606162636465666768696a6b6c6d6e6f")  # fmt: skip
    ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"

    def test_the_known_root_has_its_leaves(self):
        hashes = [sha(b"\x00", bytes.fromhex(leaf)) for leaf in self.LEAVES]
        assert root(hashes).hex() == self.ROOT
        for index, leaf in enumerate(hashes):
            path = inclusion(index, hashes)
            assert is_included(leaf, index, 8, path, bytes.fromhex(self.ROOT))

    def test_a_leaf_is_domain_salt_and_body(self):
        salt = bytes(range(16))
        known = hashlib.sha256(b"\x00tallystick.audit.v1\x00" + salt + b"{}").digest()
        assert leaf_hash(salt, b"{}") == known

    @pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
    def test_every_leaf_is_in_and_only_in_its_place(self, size):
        hashes = [sha(bytes([number])) for number in range(size)]
        top = root(hashes)
        for index, leaf in enumerate(hashes):
            path = inclusion(index, hashes)
            assert is_included(leaf, index, size, path, top)
            for other in (index - 1, index + 1, index + size, -1):
                assert not is_included(leaf, other, size, path, top)
            assert not is_included(leaf, index, size, [*path, bytes(32)], top)
            assert not is_included(leaf, index, size, path[:-1], top) or not path
            for at in range(len(path)):
                changed = [*path]
                changed[at] = bytes(32)
                assert not is_included(leaf, index, size, changed, top)

    @pytest.mark.parametrize("second", [*range(1, 34), 64, 65])
    def test_every_beginning_is_consistent_and_nothing_else_is(self, second):
        hashes = [sha(bytes([number])) for number in range(second)]
        top = root(hashes)
        for first in range(1, second + 1):
            start, path = root(hashes[:first]), consistency(first, hashes)
            assert is_consistent(first, second, start, top, path)
            assert not is_consistent(first, second, bytes(32), top, path)
            assert not is_consistent(first, second, start, bytes(32), path)
            assert not is_consistent(first, second, start, top, [*path, bytes(32)])
            if path:
                assert not is_consistent(first, second, start, top, path[:-1])
                assert not is_consistent(first, second, start, top, [bytes(32), *path[1:]])
        assert not is_consistent(0, second, sha(b""), top, [])
        assert not is_consistent(second + 1, second, top, top, [])


class TestEvm:
    @given(
        st.integers(1, 2**255 - 1),
        st.integers(0, 2**64 - 1),
        st.binary(max_size=300),
        st.integers(0, 2**200),
    )
    def test_a_transaction_is_read_as_it_was_signed(self, secret, nonce, data, value):
        key = Account.from_key(secret.to_bytes(32))
        raw, id, digest = transfer(nonce=nonce, key=key, data=data, value=value)
        found = evm.read(raw)
        assert (found.id, found.digest, found.nonce, found.chain_id) == (id, digest, nonce, 31337)
        known = key._key_obj.public_key
        assert evm.is_signed_by(known.to_bytes(), found)
        assert evm.address_of(known.to_bytes()) == key.address

    def test_another_key_has_not_signed_it(self):
        other = Account.from_key(bytes([8]) * 32)._key_obj.public_key.to_bytes()
        assert not evm.is_signed_by(other, evm.read(transfer()[0]))

    def test_the_other_signature_of_the_pair_is_refused(self):
        """EIP-2: with S in the upper half the same transaction has another id."""
        order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
        key = Account.from_key(bytes([7]) * 32)._key_obj.public_key.to_bytes()
        found = evm.read(transfer()[0])
        assert evm.is_signed_by(key, found)
        assert not evm.is_signed_by(key, replace(found, s=order - found.s))

    def test_the_other_parity_is_refused(self):
        key = Account.from_key(bytes([7]) * 32)._key_obj.public_key.to_bytes()
        found = evm.read(transfer()[0])
        assert not evm.is_signed_by(key, replace(found, parity=1 - found.parity))

    @pytest.mark.parametrize(
        ("at", "item"),
        [
            *((at, b"\0\5") for at in (0, 1, 2, 3, 4, 6, 9, 10, 11)),
            *((at, [b"\5"]) for at in (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11)),
            (5, bytes(19)),
            (8, b""),
            (9, b"\2"),
            (10, b"\1" * 33),
        ],
    )
    def test_there_is_one_way_to_write_it(self, at, item):
        items = rlp.decode(transfer()[0][1:])
        assert evm.read(b"\2" + rlp.encode(items)).nonce == 3
        items[at] = item
        with pytest.raises(ValueError):
            evm.read(b"\2" + rlp.encode(items))

    def test_where_the_factory_puts_a_contract(self):
        made = evm.read(transfer()[0])
        assert evm.created(made, TREASURY.address) == (SALT, TOKEN)
        assert evm.created(evm.read(transfer(data=b"")[0]), TREASURY.address) is None

    def test_bytes_are_read_or_are_no_transaction(self):
        raw = transfer()[0]
        for at in range(len(raw)):
            for changed in (raw[:at], raw[:at] + bytes([raw[at] ^ 0x80]) + raw[at + 1 :]):
                try:
                    assert evm.read(changed).id != evm.read(raw).id
                except ValueError:
                    continue


class TestAlgorand:
    @pytest.mark.parametrize("count", [1, 2])
    def test_a_group_is_read_as_it_was_signed(self, count):
        raw, id, receipts = group(count=count)
        found = algorand.read(raw)
        assert found[-1].id == id
        assert all(algorand.is_signed(each) for each in found)
        assert [algorand.address_of(each.signer) for each in found] == [
            each["signer"] for each in receipts
        ]
        assert [sha(each.message).hex() for each in found] == [each["digest"] for each in receipts]
        assert (found[-1].lease, found[-1].last_round) == (lease_of(), 1150)
        assert found[-1].genesis == GENESIS

    def test_a_rekeyed_account_signs_with_another_key(self):
        key, address = algorand_key(1)
        _, rekeyed = algorand_key(3)
        header = transaction.SuggestedParams(1000, 1, 2, GENESIS, flat_fee=True)
        unsigned = transaction.PaymentTxn(rekeyed, header, address, 1)
        (found,) = algorand.read(signed_by(key, unsigned, address))
        assert found.sender == encoding.decode_address(rekeyed)
        assert found.signer == public(key)
        assert algorand.is_signed(found)

    @pytest.mark.parametrize("size", [0, 15, 16, 40, 255, 256, 1000])
    def test_notes_of_every_length_are_read(self, size):
        key, address = algorand_key(1)
        header = transaction.SuggestedParams(2**20, 2**17, 2**33, GENESIS, flat_fee=True)
        unsigned = transaction.PaymentTxn(address, header, address, 2**60, note=bytes(size))
        (found,) = algorand.read(signed_by(key, unsigned))
        assert found.id == unsigned.get_txid()
        assert found.last_round == 2**33

    def test_transactions_with_nested_members_are_read(self):
        key, address = algorand_key(1)
        header = transaction.SuggestedParams(1000, 1, 2, GENESIS, flat_fee=True)
        unsigned = transaction.ApplicationCreateTxn(
            address, header, transaction.OnComplete.NoOpOC, b"\x0a" * 300, b"\x0a" * 700,
            transaction.StateSchema(1, 2), transaction.StateSchema(3, 4), app_args=[b"x"] * 15,
            foreign_assets=[2**40, 5], boxes=[(0, b"b" * 33)], extra_pages=1,
        )  # fmt: skip
        (found,) = algorand.read(signed_by(key, unsigned))
        assert found.id == unsigned.get_txid()
        grouped = transaction.assign_group_id([unsigned, transaction.PaymentTxn(
            address, header, address, 1)])  # fmt: skip
        found = algorand.read(b"".join(signed_by(key, each) for each in grouped))
        assert [each.id for each in found] == [each.get_txid() for each in grouped]

    def test_half_a_group_is_none(self):
        raw, _, _ = group()
        second = raw.index(b"\x82\xa3sig", 1)
        for part in (raw[:second], raw[second:], raw[second:] + raw[:second], b""):
            with pytest.raises(ValueError):
                algorand.read(part)

    def test_bytes_are_read_or_are_no_transactions(self):
        raw, id, _ = group()
        for at in range(len(raw)):
            for changed in (raw[:at], raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]):
                try:
                    found = algorand.read(changed)
                except ValueError:
                    continue
                assert found[-1].id != id or not all(algorand.is_signed(each) for each in found)

    def test_an_address_is_its_key_and_a_checksum(self):
        key, address = algorand_key(1)
        assert algorand.address_of(public(key)) == address


#: "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko, 2020), tables 1 and 6.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    # Other ways to write the same points.
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def test_there_are_eight_points_of_small_order():
    """Theirs are the y of which doubling three times gives the neutral element."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    eighths = [y for y in ed25519._SMALL_ORDER if (2 * y * y + d * y**4 - 1) % p == 0]
    assert len(eighths) == 2
    assert ed25519._SMALL_ORDER - {*eighths} == {0, 1, p - 1}


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_points_of_small_order_are_nobodys_keys(key):
    assert not ed25519.is_key(bytes.fromhex(key))
    assert ed25519.is_key(public(algorand_key(1)[0]))
