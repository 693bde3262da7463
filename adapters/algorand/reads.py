"""What we ask a node, with its answers as values.

An answer that is not of the form it must have is no answer: `ChainUnavailableError`.  Above all,
one without content is none: the SDK takes a body that it cannot decode for ``{}``.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgpack
from algosdk.encoding import encode_address
from algosdk.transaction import SignedTransaction
from algosdk.v2client.algod import AlgodClient
from algosdk.v2client.models import SimulateRequest, SimulateRequestTransactionGroup
from attrs import field, frozen

from adapters.algorand.applications import PER_ACCOUNT, Application
from adapters.algorand.assets import Asset
from adapters.algorand.node import AnswerError, Node
from adapters.line import Said
from application.ports.chain import (
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from domain.network import Block, Network
from domain.operation import Effect, TransactionId

T = TypeVar("T")

NOT_FOUND = 404
#: Hashes as go-algorand writes them: in base64 where JSON has bytes, else in base32 without
#: padding (crypto/util.go, Digest.String; data/transactions/transaction.go, Txid.String).
_GENESIS = re.compile(r"[A-Za-z0-9+/]{43}=")
_DIGEST = re.compile(r"[A-Z2-7]{52}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Fields of a transaction in a block that somebody here reads, by their types.
_READ: Mapping[type[Any], Sequence[str]] = {
    bytes: ("note", "grp", "rcv", "rekey"),
    int: ("fee", "amt", "caid", "apid"),
    list: ("apaa",),
    str: ("type",),
    dict: ("apar",),
}


@frozen(kw_only=True)
class Parameters:
    """What a transaction must say to be of this chain and of now."""

    genesis_id: str
    #: In base64.
    genesis_hash: str
    #: What the node calls the protocol its chain is under (go-algorand, protocol/consensus.go).
    consensus: str
    last_round: int
    #: In microalgos, of one transaction.
    min_fee: int
    #: In microalgos; 0 while the node's pool is not congested.
    fee_per_byte: int


@frozen(kw_only=True)
class Account:
    address: str
    #: The round that this is true of.
    round: int
    #: In microalgos.
    amount: int
    min_balance: int
    #: Whose key signs for it: its own address, or the one it was rekeyed to.
    signer: str
    #: What it created, where that was asked for.
    assets: Mapping[int, Asset] = field(factory=dict)
    applications: Mapping[int, Application] = field(factory=dict)


@frozen(kw_only=True)
class Whereabouts:
    """What a node remembers of a transaction."""

    #: None: in no block that it knows.
    round: int | None
    #: Why it left this node's pool; proof of nothing.
    pool_error: str
    #: The asset or application that it created.
    created: int | None


@frozen(kw_only=True)
class Entry:
    """A transaction in a block."""

    id: TransactionId
    #: Its fields, by the short names of the protocol.
    fields: Mapping[str, Any]
    #: The asset or application that it created.
    created: int | None

    def as_effect(
        self, token: str, block: Block, entries: Sequence["Entry"], sender: str
    ) -> Effect:
        """What it brought about, with what that cost *sender*."""
        costs = costs_of(each.fields for each in self.group_among(entries))
        return Effect(
            token=token,
            transaction_id=self.id,
            raw=None,
            block=block,
            is_final=True,
            cost=costs.get(sender, 0),
        )

    def group_among(self, entries: Sequence["Entry"]) -> Sequence["Entry"]:
        """Those of its block that are there only because it is, itself included."""
        group = self.fields.get("grp")
        return [
            each for each in entries if each is self or (group and each.fields.get("grp") == group)
        ]


def lacking(account: Account, said_by: str, *, least: int = 0) -> int:
    """By how many microalgos an account is below its minimum, or below *least*.

    Raises:
        ChainUnavailableError: by more than an account costs: the protocol lets none come to that.
    """
    missing = max(0, max(least, account.min_balance) - account.amount)
    if missing > PER_ACCOUNT:
        msg = f"{said_by} says that {account.address} lacks {missing} microalgos, which cannot be"
        raise ChainUnavailableError(msg)
    return missing


def creates(fields: Mapping[str, Any]) -> bool:
    """Whether a transaction makes an asset or an application: it names none that it is about."""
    return (fields.get("type") == "acfg" and not fields.get("caid")) or (
        fields.get("type") == "appl" and not fields.get("apid")
    )


def costs_of(transactions: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    """What each sender's balance fell by, in microalgos: fees, and what others were paid."""
    costs: Counter[str] = Counter()
    for each in transactions:
        sender = each["snd"]
        paid = each.get("amt", 0) if each.get("rcv") != sender else 0
        costs[encode_address(sender)] += each.get("fee", 0) + paid
    return costs


@frozen
class Reader:
    """Questions to one node."""

    node: Node
    network: Network

    def parameters(self) -> Parameters:
        """Raises: WrongChainError: the node is of another chain."""
        answer = self.node.ask(AlgodClient.algod_request, "GET", "/transactions/params")
        found = self._shaped(answer, "genesis-hash", _GENESIS)
        self._compare(found)
        return Parameters(
            genesis_id=self._member(answer, "genesis-id", str),
            genesis_hash=found,
            consensus=self._member(answer, "consensus-version", str),
            last_round=self._member(answer, "last-round", int),
            min_fee=self._member(answer, "min-fee", int),
            fee_per_byte=self._member(answer, "fee", int),
        )

    def account(self, address: str) -> Account:
        """Without what it created, which can be a lot."""
        return self._account(address, "all")

    def account_with_creations(self, address: str) -> Account:
        try:
            return self._account(address, None)
        except AnswerError as error:
            if not error.said.has("limit exceeded"):
                raise
            msg = f"{address} holds or has created more than {self.node.name} tells at once"
            raise ChainUnavailableError(msg) from error

    def block(self, number: int) -> Block | None:
        answer = self._found(AlgodClient.get_block_hash, number)
        if answer is None:
            return None
        return Block(number=number, hash=self._shaped(answer, "blockHash", _DIGEST))

    def existing_block(self, number: int) -> Block:
        block = self.block(number)
        if block is None:
            raise ChainUnavailableError(f"{self.node.name} does not have round {number}")
        return block

    def counter(self, number: int) -> int | None:
        """Transactions up to and including that round; None where the node lacks it."""
        answer = self._packed(number, header_only=True)
        return None if answer is None else self._optional(answer, "tc", int, 0)

    def instant(self, number: int) -> datetime:
        """When the block of that round was proposed, by its proposer's clock.

        Raises: HistoryUnavailableError.
        """
        answer = self._packed(number, header_only=True)
        if answer is None:
            raise self.forgotten(number)
        # A time that nobody told is not 1970.
        seconds = self._member(answer, "ts", int)
        try:
            return _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            raise self._nonsense(f"the time {seconds}") from None

    def transaction_ids(self, number: int) -> Sequence[str]:
        """Raises: HistoryUnavailableError."""
        answer = self._found(AlgodClient.get_block_txids, number)
        if answer is None:
            raise self.forgotten(number)
        # An empty block says so: no list at all would be an absence that nobody has vouched for.
        ids: list[object] = self._member(answer, "blockTxids", list)
        told = [id for id in ids if isinstance(id, str) and _DIGEST.fullmatch(id)]
        if len(told) != len(ids):
            raise self._nonsense(answer)
        return told

    def entries(self, number: int) -> Sequence[Entry]:
        """What the block of that round has, in order.  Raises: HistoryUnavailableError."""
        ids, block = self.transaction_ids(number), self._packed(number, header_only=False)
        if block is None:
            raise self.forgotten(number)
        content: list[Any] = self._optional(block, "txns", list, [])
        if len(ids) != len(content):
            raise self._nonsense(f"{len(ids)} ids for {len(content)} transactions")
        return [
            Entry(
                id=TransactionId(id),
                fields=self._fields(self._member(each, "txn", dict)),
                created=self._optional(each, "caid", int, None)
                or self._optional(each, "apid", int, None),
            )
            for id, each in zip(ids, content, strict=True)
        ]

    def _fields(self, txn: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those that we read are of the types they must have."""
        if len(self._member(txn, "snd", bytes)) != 32:
            raise self._nonsense(txn)
        for kind, names in _READ.items():
            for name in names:
                self._optional(txn, name, kind, None)
        return txn

    def whereabouts(self, id: TransactionId) -> Whereabouts | None:
        answer = self._found(AlgodClient.pending_transaction_info, id)
        if answer is None:
            return None
        return Whereabouts(
            round=self._optional(answer, "confirmed-round", int, None) or None,
            pool_error=self._member(answer, "pool-error", str),
            created=self._optional(answer, "asset-index", int, None)
            or self._optional(answer, "application-index", int, None),
        )

    def asset(self, id: int) -> Asset | None:
        answer = self._found(AlgodClient.asset_info, id)
        return None if answer is None else self._asset(self._member(answer, "params", dict))

    def application(self, id: int) -> Application | None:
        answer = self._found(AlgodClient.application_info, id)
        return None if answer is None else self._application(self._member(answer, "params", dict))

    def box(self, application: int, name: bytes) -> bytes | None:
        answer = self._found(AlgodClient.application_box_by_name, application, name)
        if answer is None:
            return None
        try:
            return base64.b64decode(self._member(answer, "value", str), validate=True)
        except ValueError:
            raise self._nonsense(answer) from None

    def send(self, raw: bytes) -> str:
        """The id by which the node calls the first of the transactions.  Raises: AnswerError."""
        body = base64.b64encode(raw).decode()
        id = self.node.ask(AlgodClient.send_raw_transaction, body)
        return id if isinstance(id, str) else ""

    def simulate(self, transactions: Sequence[SignedTransaction]) -> Said | None:
        """Why the group, whoever signs it, would fail in the next block; None: it would not."""
        request = SimulateRequest(
            txn_groups=[SimulateRequestTransactionGroup(txns=list(transactions))],
            allow_empty_signatures=True,
        )
        answer = self.node.ask(AlgodClient.simulate_transactions, request)
        groups: list[Any] = self._member(answer, "txn-groups", list)
        if len(groups) != 1:
            raise self._nonsense(answer)
        failure = self._optional(groups[0], "failure-message", str, "")
        return self.node.said(failure) if failure else None

    def _compare(self, found: str) -> None:
        """By the whole hash: there are networks whose CAIP-2 names begin alike."""
        network = self.network
        reference = found.replace("+", "-").replace("/", "_")[:32]
        if found != network.genesis or network.id != f"algorand:{reference}":
            msg = (
                f"{self.node.name} is of the chain with genesis hash {self.node.words(found)}, "
                f"and {network.id} has {network.genesis}"
            )
            raise WrongChainError(msg)

    def _account(self, address: str, exclude: str | None) -> Account:
        answer = self.node.ask(AlgodClient.account_info, address, exclude=exclude)
        assets: list[Any] = self._optional(answer, "created-assets", list, [])
        applications: list[Any] = self._optional(answer, "created-apps", list, [])
        if exclude is None and (len(assets), len(applications)) != (
            self._member(answer, "total-created-assets", int),
            self._member(answer, "total-created-apps", int),
        ):
            raise self._nonsense(answer)
        return Account(
            address=address,
            round=self._member(answer, "round", int),
            amount=self._member(answer, "amount", int),
            min_balance=self._member(answer, "min-balance", int),
            signer=self._optional(answer, "auth-addr", str, "") or address,
            assets={
                self._member(each, "index", int): self._asset(self._member(each, "params", dict))
                for each in assets
            },
            applications={
                self._member(each, "id", int): self._application(
                    self._member(each, "params", dict)
                )
                for each in applications
            },
        )

    def _asset(self, params: Mapping[str, Any]) -> Asset:
        try:
            return Asset.from_answer(params)
        except (KeyError, TypeError, ValueError) as error:
            raise self._nonsense(params) from error

    def _application(self, params: Mapping[str, Any]) -> Application:
        try:
            return Application.from_answer(params)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._nonsense(params) from error

    def _packed(self, number: int, *, header_only: bool) -> Mapping[str, Any] | None:
        """A block as the protocol encodes it: its texts need not be UTF-8, its keys not texts."""
        packed = self._found(
            AlgodClient.block_info, number, response_format="msgpack", header_only=header_only
        )
        if packed is None:
            return None
        try:
            answer = msgpack.unpackb(
                packed, raw=False, unicode_errors="surrogateescape", strict_map_key=False
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise self._nonsense(f"{len(packed)} bytes that are no block") from error
        block = self._member(answer, "block", dict)
        if self._optional(block, "rnd", int, 0) != number:
            raise self._nonsense(f"another round than {number}")
        return block

    def _found(
        self, question: Callable[..., Any], *arguments: object, **options: object
    ) -> Any | None:
        """The answer; None where it is that there is no such thing."""
        try:
            answer = self.node.ask(question, *arguments, **options)
        except AnswerError as error:
            if error.status != NOT_FOUND:
                raise
            return None
        if answer is None:
            raise self._nonsense(answer)
        return answer

    def forgotten(self, number: int) -> HistoryUnavailableError:
        msg = f"{self.node.name} does not have round {number} any more: ask an archival node"
        return HistoryUnavailableError(msg)

    def _member(self, answer: object, name: str, kind: type[T]) -> T:
        value = answer.get(name) if isinstance(answer, Mapping) else None
        if type(value) is not kind:
            raise self._nonsense(answer)
        return value

    def _shaped(self, answer: object, name: str, shape: re.Pattern[str]) -> str:
        value = self._member(answer, name, str)
        if not shape.fullmatch(value):
            raise self._nonsense(answer)
        return value

    def _optional(self, answer: object, name: str, kind: type[T], default: Any) -> Any:
        if isinstance(answer, Mapping) and answer.get(name) is None:
            return default
        return self._member(answer, name, kind)

    def _nonsense(self, answer: object) -> ChainUnavailableError:
        told = self.node.words(answer)[:80]
        return ChainUnavailableError(f"{self.node.name} answers {told!r}")
