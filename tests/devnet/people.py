"""Somebody who uses the SDK as its documentation says, and nothing else of ours."""

import base64
import contextlib

import msgpack
import pytest
from algosdk import account, encoding, transaction
from algosdk.atomic_transaction_composer import (
    AccountTransactionSigner,
    sign_transaction_with_signer,
)
from algosdk.error import AlgodHTTPError
from algosdk.v2client.algod import AlgodClient

LEASE = b"L" * 32


class Person:
    def __init__(self, network, node=0):
        self.network = network
        self.key, self.address = account.generate_account()
        self.algod = AlgodClient(network.token, network.nodes[node].url)

    def parameters(self, *, fee=1000, first=None, last=None):
        parameters = self.algod.suggested_params()
        parameters.flat_fee, parameters.fee = True, fee
        if first is not None:
            parameters.first = first
        parameters.last = parameters.first + 100 if last is None else last
        return parameters

    def pay(self, receiver=None, amount=0, *, note=None, lease=None, close=None, **validity):
        return transaction.PaymentTxn(
            self.address, self.parameters(**validity), receiver or self.address, amount,
            note=note, lease=lease, close_remainder_to=close,
        )  # fmt: skip

    def create(self, *, total=1000, note=None, lease=None, roles=None, frozen=False, **validity):
        role = self.address if roles is None else roles
        return transaction.AssetCreateTxn(
            self.address, self.parameters(**validity), total=total, decimals=2,
            default_frozen=frozen, unit_name="TLY", asset_name="Tally", manager=role, reserve=role,
            freeze=role, clawback=role, url="https://tally.example", metadata_hash=b"m" * 32,
            note=note, lease=lease,
        )  # fmt: skip

    def transfer(self, asset, receiver, amount, **options):
        return transaction.AssetTransferTxn(
            self.address, self.parameters(), receiver, amount, asset, **options
        )

    def sign(self, unsigned):
        return sign_transaction_with_signer(unsigned, AccountTransactionSigner(self.key))

    def send(self, unsigned):
        """Signed by the sender; returns the id."""
        return self.algod.send_transaction(self.sign(unsigned))

    def confirm(self, unsigned):
        """Sent and mined; what the node tells of it."""
        txid = self.send(unsigned)
        self.network.mine()
        return self.algod.pending_transaction_info(txid)

    def asset(self, **options):
        return self.confirm(self.create(**options))["asset-index"]


def bytes_of(signed):
    return base64.b64decode(encoding.msgpack_encode(signed))


def send_bytes(algod, body):
    return algod.send_raw_transaction(base64.b64encode(body))


def packed(fields):
    return msgpack.packb(fields, use_bin_type=True)


def fields_of(signed):
    return msgpack.unpackb(bytes_of(signed), raw=False)


def grouped(*transactions):
    return transaction.assign_group_id(list(transactions))


@contextlib.contextmanager
def refused(pattern, code=400):
    with pytest.raises(AlgodHTTPError, match=pattern) as caught:
        yield
    assert caught.value.code == code
