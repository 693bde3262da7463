"""A wallet or an explorer: the SDK by its documentation, the ABI, and nothing of ours.

The names of boxes are those that the contracts' docstrings promise.
"""

import hashlib

from algosdk import abi, encoding, logic
from algosdk.atomic_transaction_composer import (
    AccountTransactionSigner,
    AtomicTransactionComposer,
    EmptySigner,
    TransactionWithSigner,
)
from algosdk.v2client.models import SimulateRequest

from tests.devnet.people import Person

NOBODY = encoding.encode_address(bytes(32))


def balance_box(holder):
    return b"b" + encoding.decode_address(holder)


def allowance_box(owner, spender):
    return b"a" + _hashed(owner, spender)


def partition_box(holder, partition=NOBODY):
    return b"p" + _hashed(holder, partition)


def list_box(holder):
    return b"l" + encoding.decode_address(holder)


def operator_box(holder, operator, partition=NOBODY):
    return b"x" + _hashed(holder, operator, partition)


def held(holder, partition=NOBODY):
    """What a security of ours reads and writes of a holder."""
    return [balance_box(holder), partition_box(holder, partition), list_box(holder)]


def _hashed(*addresses):
    return hashlib.sha256(b"".join(map(encoding.decode_address, addresses))).digest()


class Client(Person):
    """One person who uses one application."""

    def __init__(self, network, application, *, key=None, address=None):
        super().__init__(network)
        if key is not None:
            self.key, self.address = key, address
        else:
            network.fund(self.address, 10_000_000)
        self.application = int(application)

    def ask(self, signature, *arguments, boxes=(), sender=None):
        """What a read-only method answers, by simulation."""
        composer = self._composed(signature, arguments, boxes, sender or self.address)
        told = composer.simulate(
            self.algod, SimulateRequest(txn_groups=[], allow_empty_signatures=True)
        )
        assert not told.failure_message, told.failure_message
        return told.abi_results[0].return_value

    def call(self, signature, *arguments, boxes=(), funds=0):
        """In a block; *funds* go to the application's account in the same group.

        Raises: AlgodHTTPError: the node refuses it.
        """
        composer = AtomicTransactionComposer()
        if funds:
            account = logic.get_application_address(self.application)
            composer.add_transaction(TransactionWithSigner(self.pay(account, funds), self.signer))
        self._composed(signature, arguments, boxes, self.address, self.signer, composer)
        group = composer.gather_signatures()
        self.algod.send_transactions(group)
        self.network.mine()
        return self.algod.pending_transaction_info(group[-1].get_txid())

    @property
    def signer(self):
        return AccountTransactionSigner(self.key)

    def _composed(self, signature, arguments, boxes, sender, signer=None, composer=None):
        composer = composer or AtomicTransactionComposer()
        composer.add_method_call(
            self.application,
            abi.Method.from_signature(signature),
            sender,
            self.parameters(),
            signer or EmptySigner(),
            method_args=list(arguments),
            boxes=[(0, name) for name in boxes],
            # Two equal calls are two transactions.
            note=hashlib.sha256(str(self._next()).encode()).digest(),
        )
        return composer

    def _next(self):
        self.count = getattr(self, "count", 0) + 1
        return self.count


class Holder(Client):
    """Who holds a token, and asks and moves as ARC-200 and ARC-1410 say."""

    def balance(self, holder=None):
        holder = holder or self.address
        return self.ask("arc200_balanceOf(address)uint256", holder, boxes=[balance_box(holder)])

    def part(self, holder, partition=NOBODY):
        return self.ask(
            "arc1410_balance_of_partition(address,address)uint256",
            holder,
            partition,
            boxes=[partition_box(holder, partition)],
        )

    def partitions(self, holder):
        return self.ask(
            "arc1410_partitions_of(address,uint64)address[]", holder, 0, boxes=[list_box(holder)]
        )
