"""The transactions of one attempt: drafts, what is signed of them, and what signatures make of it.

A *sponsored* deed is one atomic group::

    1  pay    treasury -> issuer        all fees, and the money that the deed locks up
    2  pay    treasury -> application   the money that its boxes lock up
    3  …      issuer                    the deed, with lease and note; fee 0

The first payment raises the issuer's balance by what the deed raises its minimum balance by, and
by what it is below its minimum now, which only an account that does not exist yet can be.  So each
group leaves the issuer exactly as solvent as it found it, and any number of them may land in any
order: none counts on what another one pays.  Of two that are drafted for an account that does not
exist yet, each pays for its existence; the surplus is the issuer's.  The second one does the same
for an application.  A payment of nothing is left out, where another one carries the fees.

An issuer that pays for itself does without the first one.  The last transaction is always the one
with the effect: the attempt is called by its id.

A draft's body is the transactions' canonical bytes, one after the other.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgpack
from algosdk import encoding, transaction
from attrs import field, frozen
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from adapters.algorand.deed import Deed, Deposit
from adapters.algorand.reads import Account, Parameters, lacking
from adapters.algorand.window import Span
from domain.network import Network
from domain.operation import Draft, Signable, SignedTransaction, TransactionId
from domain.signing import Curve, PublicKey, Purpose, Signature

_PREFIX = b"TX"
#: Transactions in a group at most.
MOST = 3
#: Stands for a fee and a signature where only their sizes count: none that is offered takes more.
_LONG_FEE = 2**32 - 1
#: Rounds, fees and amounts of nine bytes; a name that no network's is longer than; an address.
_LONG = 2**63
_LONG_GENESIS_ID = "g" * 32
_ANYBODY = str(encoding.encode_address(b"\xff" * 32))
_LONG_SIGNATURE = base64.b64encode(b"\xff" * 64).decode()


@frozen(kw_only=True)
class Group:
    """Transactions complete but for their signatures."""

    transactions: tuple[transaction.Transaction, ...]
    #: The address that signs each of them.
    signers: tuple[str, ...]
    #: Microalgos for one transaction, whoever pays it.
    fee: int
    #: Microalgos that stay locked up in the issuer's name, and in an application's.
    deposit: int
    #: Those of it that the payer itself must keep, being the issuer.
    locked: int
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
class Sponsorship:
    """What is to be done, by whom and at whose expense, and where it may land."""

    deed: Deed
    deposit: Deposit | None
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
        Then each pays its own fee; the issuer's, out of what the payment brings.
        """
        fee = self._fee()
        each_its_own = bool(self.parameters.fee_per_byte)
        brought = self._brought(fee if each_its_own else 0)
        number = len(brought) + 1
        fees = [fee] * number if each_its_own else [number * fee] + [0] * (number - 1)
        payments = [
            self._payment(fee, *payment) for fee, payment in zip(fees, brought, strict=False)
        ]
        together = (*payments, self._act(fees[-1]))
        payer, issuer = self.payer, self.issuer
        given = sum(amount for _, amount in brought)
        return Group(
            transactions=_grouped(*together) if payments else together,
            signers=(*(payer.signer for _ in payments), issuer.signer),
            fee=fee,
            deposit=(self.deposit.amount if self.deposit else 0)
            + self.deed.locked
            + (0 if self._is_own else self._lacking),
            locked=self.deed.locked if self._is_own else 0,
            cost=sum(each.fee for each in together[:-1]) + given + together[-1].fee * self._is_own,
        )

    @property
    def _is_own(self) -> bool:
        """The issuer pays for itself."""
        return self.payer.address == self.issuer.address

    @property
    def _lacking(self) -> int:
        return lacking(self.issuer, "the node")

    def _brought(self, own_fee: int) -> list[tuple[str, int]]:
        """Who is paid how much first, in microalgos."""
        payments: list[tuple[str, int]] = []
        to_issuer = self.deed.locked + self._lacking + own_fee
        if not self._is_own and (to_issuer or self.deposit is None):
            payments.append((self.issuer.address, to_issuer))
        if self.deposit is not None:
            payments.append((self.deposit.address, self.deposit.amount))
        return payments

    def _fee(self) -> int:
        """What each of the transactions costs if it has the size of the longest one, signed."""
        sizes = []
        signers = {each.address: each.signer for each in (self.payer, self.issuer)}
        longest = [self._act(_LONG_FEE)]
        longest += [self._payment(_LONG_FEE, to, _LONG_FEE) for to, _ in self._brought(0)]
        for each in longest:
            each.group = b"\xff" * 32
            sizes.append(len(_encoded(_signed(each, _LONG_SIGNATURE, signers[each.sender]))))
        return max(self.parameters.min_fee, self.parameters.fee_per_byte * max(sizes))

    def _payment(self, fee: int, to: str, amount: int) -> transaction.PaymentTxn:
        return transaction.PaymentTxn(self.payer.address, self._header(fee), to, amount)

    def _act(self, fee: int) -> transaction.Transaction:
        return self.deed.transaction(self.issuer.address, self._header(fee), self.note, self.lease)

    def _header(self, fee: int) -> transaction.SuggestedParams:
        return transaction.SuggestedParams(
            fee=fee,
            first=self.span.first,
            last=self.span.last,
            gh=self.parameters.genesis_hash,
            gen=self.parameters.genesis_id,
            flat_fee=True,
        )


def longest_payment(network: Network) -> int:
    """How many bytes the payer of a group signs at once, at most."""
    return _length(transaction.PaymentTxn(_ANYBODY, _longest_header(network), _ANYBODY, _LONG))


def longest_act(deed: Deed, network: Network, note: bytes, lease: bytes) -> int:
    """How many bytes the issuer signs for *deed*, at most."""
    return _length(deed.transaction(_ANYBODY, _longest_header(network), note, lease))


def _longest_header(network: Network) -> transaction.SuggestedParams:
    return transaction.SuggestedParams(
        fee=_LONG, first=_LONG, last=_LONG, gh=network.genesis, gen=_LONG_GENESIS_ID, flat_fee=True
    )


def _length(longest: transaction.Transaction) -> int:
    longest.group = b"\xff" * 32
    return len(_PREFIX + _encoded(longest))


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
