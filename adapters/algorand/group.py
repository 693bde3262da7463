"""The transactions of one attempt: drafts, what is signed of them, and what signatures make of it.

A *sponsored* creation is one atomic group::

    1  pay    treasury -> issuer     both fees, and the money that the asset locks up
    2  acfg   issuer                 lease and note; fee 0

The payment raises the issuer's balance by what the creation raises its minimum balance by, and by
what it is below its minimum now, which only an account that does not exist yet can be.  So each
group leaves the issuer exactly as solvent as it found it, and any number of them may land in any
order: none counts on what another one pays.  Of two that are drafted for an account that does not
exist yet, each pays for its existence; the surplus is the issuer's.

An issuer that pays for itself sends the creation alone.  The last transaction is always the one
with the effect: the attempt is called by its id.

A draft's body is the transactions' canonical bytes, one after the other.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgpack
from algosdk import encoding, transaction
from attrs import field, frozen
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from adapters.algorand.assets import Asset
from adapters.algorand.reads import Account, Parameters
from adapters.algorand.window import Span
from domain.operation import Draft, Signable, SignedTransaction, TransactionId
from domain.signing import Curve, PublicKey, Purpose, Signature

#: What an account must hold more for each asset it holds, and its creator holds it
#: (go-algorand, config/consensus.go: MinBalance).
DEPOSIT = 100_000
_PREFIX = b"TX"
#: Stands for a fee and a signature where only their sizes count: none that is offered takes more.
_LONG_FEE = 2**32 - 1
_LONG_SIGNATURE = base64.b64encode(b"\xff" * 64).decode()


@frozen(kw_only=True)
class Group:
    """Transactions complete but for their signatures."""

    transactions: tuple[transaction.Transaction, ...]
    #: The address that signs each of them.
    signers: tuple[str, ...]
    #: Microalgos for one transaction, whoever pays it.
    fee: int
    #: Microalgos that the asset and its issuer lock up.
    deposit: int
    #: Microalgos that the sender's balance falls by.
    cost: int

    def draft(self) -> Draft:
        encoded = [_encoded(each) for each in self.transactions]
        return Draft(
            signables=tuple(
                Signable(signer, _PREFIX + each, Purpose.ALGORAND_TRANSACTION)
                for signer, each in zip(self.signers, encoded, strict=True)
            ),
            body=b"".join(encoded),
            fee_cap=self.fee,
        )

    def unsigned(self) -> list[transaction.SignedTransaction]:
        """As a simulation takes them; who would sign is named, or a rekeyed account fails it."""
        return [
            _signed(each, None, signer)
            for each, signer in zip(self.transactions, self.signers, strict=True)
        ]


@frozen(kw_only=True)
class Creation:
    """What is to be created, and where it may land."""

    asset: Asset
    note: bytes = field(repr=False)
    span: Span
    lease: bytes = field(repr=False)
    parameters: Parameters
    payer: Account
    issuer: Account

    def group(self) -> Group:
        """What it takes, at the price of now.

        While the pool is congested it asks its price of every transaction by itself, whatever the
        others of its group pay (go-algorand, data/pools/transactionPool.go: checkSufficientFee).
        Then the creation pays its own fee, out of what the payment brings.
        """
        now, issuer, payer = self.parameters, self.issuer, self.payer
        if payer.address == issuer.address:
            fee = self._fee(self._creation(_LONG_FEE))
            alone = (self._creation(fee),)
            return Group(
                transactions=alone, signers=(issuer.signer,), fee=fee, deposit=DEPOSIT, cost=fee
            )
        fee = self._fee(self._creation(_LONG_FEE), self._payment(_LONG_FEE, _LONG_FEE))
        own_fee = fee if now.fee_per_byte else 0
        deposit = DEPOSIT + max(0, issuer.min_balance - issuer.amount)
        payment = self._payment(2 * fee - own_fee, deposit + own_fee)
        return Group(
            transactions=_grouped(payment, self._creation(own_fee)),
            signers=(payer.signer, issuer.signer),
            fee=fee,
            deposit=deposit,
            cost=2 * fee + deposit,
        )

    def _fee(self, *longest: transaction.Transaction) -> int:
        """What each of the transactions costs if it has the size of the longest one, signed."""
        sizes = []
        signers = {each.address: each.signer for each in (self.payer, self.issuer)}
        for each in longest:
            each.group = b"\xff" * 32
            sizes.append(len(_encoded(_signed(each, _LONG_SIGNATURE, signers[each.sender]))))
        return max(self.parameters.min_fee, self.parameters.fee_per_byte * max(sizes))

    def _payment(self, fee: int, amount: int) -> transaction.PaymentTxn:
        return transaction.PaymentTxn(
            self.payer.address, self._header(fee), self.issuer.address, amount
        )

    def _creation(self, fee: int) -> transaction.AssetCreateTxn:
        asset = self.asset
        return transaction.AssetCreateTxn(
            self.issuer.address,
            self._header(fee),
            total=asset.total,
            decimals=asset.decimals,
            default_frozen=asset.default_frozen,
            manager=asset.manager,
            reserve=asset.reserve,
            freeze=asset.freeze,
            clawback=asset.clawback,
            unit_name=asset.unit_name.decode(),
            asset_name=asset.name.decode(),
            url=asset.url.decode(),
            metadata_hash=asset.metadata_hash,
            note=self.note,
            lease=self.lease,
        )

    def _header(self, fee: int) -> transaction.SuggestedParams:
        return transaction.SuggestedParams(
            fee=fee,
            first=self.span.first,
            last=self.span.last,
            gh=self.parameters.genesis_hash,
            gen=self.parameters.genesis_id,
            flat_fee=True,
        )


def assemble(
    unsigned: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
) -> SignedTransaction:
    """*unsigned* with one signature for each of its transactions, in order.

    Raises:
        ValueError: a signature is not by the account that the draft names.
    """
    wanted = unsigned.signables
    if len(signatures) != len(wanted):
        raise ValueError(f"{len(wanted)} signatures are needed, and {len(signatures)} are there")
    if unsigned.body != b"".join(each.message.removeprefix(_PREFIX) for each in wanted):
        raise ValueError("what the draft has signed is not its body")
    signed = []
    for signable, (key, signature) in zip(wanted, signatures, strict=True):
        if address_of(key) != signable.signer:
            raise ValueError(f"the signature must be by {signable.signer}, not {address_of(key)}")
        _verify(key, signable, signature)
        each = _decoded(signable.message.removeprefix(_PREFIX))
        if _PREFIX + _encoded(each) != signable.message:
            raise ValueError("the draft is not of canonical transactions")
        raw_signature = base64.b64encode(signature.raw).decode()
        signed.append(_signed(each, raw_signature, signable.signer))
    return SignedTransaction(
        id=TransactionId(signed[-1].get_txid()), raw=b"".join(_encoded(each) for each in signed)
    )


def address_of(key: PublicKey) -> str:
    """Raises: ValueError: a key of another curve."""
    if key.curve is not Curve.ED25519:
        raise ValueError(f"a {key.curve.value} key has no address here")
    return str(encoding.encode_address(key.raw))


def fields_of(raw: bytes) -> Sequence[Mapping[str, Any]]:
    """The transactions in a submission's bytes, or in a draft's.

    Raises:
        ValueError: they are not transactions.
    """
    try:
        found = list(_unpacked(raw))
        return [each.get("txn", each) for each in found]
    except (AttributeError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ValueError("these are not the bytes of transactions") from error


def first_id(raw: bytes) -> str | None:
    """By which a node calls the whole group; None where these are not transactions."""
    try:
        return str(transaction.Transaction.undictify(fields_of(raw)[0]).get_txid())
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def costs_of(transactions: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    """What each sender's balance fell by, in microalgos: fees, and what others were paid."""
    costs: Counter[str] = Counter()
    for each in transactions:
        sender = each["snd"]
        paid = each.get("amt", 0) if each.get("rcv") != sender else 0
        costs[encoding.encode_address(sender)] += each.get("fee", 0) + paid
    return costs


def _grouped(*transactions: transaction.Transaction) -> tuple[transaction.Transaction, ...]:
    return tuple(transaction.assign_group_id(list(transactions)))


def _signed(
    unsigned: transaction.Transaction, signature: str | None, signer: str
) -> transaction.SignedTransaction:
    named = signer if signer != unsigned.sender else None
    return transaction.SignedTransaction(unsigned, signature, named)


def _verify(key: PublicKey, signable: Signable, signature: Signature) -> None:
    try:
        VerifyKey(key.raw).verify(signable.message, signature.raw)
    except CryptoError:
        raise ValueError(f"the signature is not by {signable.signer}") from None


def _encoded(what: transaction.Transaction | transaction.SignedTransaction) -> bytes:
    return base64.b64decode(encoding.msgpack_encode(what))


def _decoded(encoded: bytes) -> transaction.Transaction:
    found: transaction.Transaction = transaction.Transaction.undictify(
        msgpack.unpackb(encoded, raw=False)
    )
    return found


def _unpacked(raw: bytes) -> Iterator[Any]:
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=0)
    unpacker.feed(raw)
    yield from unpacker
