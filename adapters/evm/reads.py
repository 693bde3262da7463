"""What we ask a node, with its answers as values.

State is always asked for at a block number, never at ``latest``: behind one URL there may be many
nodes, and one that lags then says that it does not have the block, instead of an old truth.
An answer that is not of the form it must have is no answer: `ChainUnavailableError`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from adapters.evm.fees import BLOCKS, PERCENTILE, Market
from adapters.evm.json_rpc import Node, RpcError
from application.ports.chain import ChainUnavailableError, Head
from domain.network import Block, Finality
from domain.operation import TransactionId

#: ethereum/execution-apis, src/schemas/base-types.yaml: hash32.  Hashes are compared as they are
#: written, so there is one way to write them.
_HASH = re.compile(r"0x[0-9a-f]{64}")
#: There: uint256, however it is padded.
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")

Json = Mapping[str, Any]
T = TypeVar("T")


@frozen
class Reverted:
    """A simulation ended in a revert: the same call would revert on chain."""

    reason: str


class UnreadableError(Exception):
    """A contract has no such view, or answers in another type."""


@frozen(kw_only=True)
class Header:
    block: Block
    timestamp: int


@frozen(kw_only=True)
class Receipt:
    block: Block
    succeeded: bool
    cost: int


@frozen(kw_only=True)
class Log:
    transaction_id: TransactionId
    block: Block


@frozen
class Reader:
    """Questions to one node."""

    node: Node

    def head(self, finality: Finality) -> Head:
        """The final block is read first, so that the newest cannot be the older one."""
        if finality.tag is not None:
            final = self._existing(finality.tag)
            latest = self._existing("latest")
        else:
            latest = self._existing("latest")
            final = self._existing(max(0, latest.block.number - (finality.depth or 0)))
        if latest.block.number < final.block.number:
            raise ChainUnavailableError(f"{self.node.name}: the newest block is below the final")
        return Head(latest=latest.block, final=final.block)

    def header(self, which: int | str) -> Header | None:
        answer = self._block(which, whole=False)
        if answer is None:
            return None
        return Header(
            block=Block(number=self._number(answer, "number"), hash=self.hash(answer, "hash")),
            timestamp=self._number(answer, "timestamp"),
        )

    def transactions_in(self, number: int) -> Sequence[Json]:
        block = self._block(number, whole=True)
        if block is None:
            raise ChainUnavailableError(f"{self.node.name} does not have block {number}")
        found: Sequence[Json] = self._member(block, "transactions", list)
        return found

    def code(self, address: str, at: int) -> bytes:
        return self._bytes(self.node.request("eth_getCode", address, hex(at)))

    def balance(self, address: str, at: int) -> int:
        return self._quantity(self.node.request("eth_getBalance", address, hex(at)))

    def nonce(self, address: str, at: int) -> int:
        """Transactions that *address* has sent up to and including block *at*."""
        return self._quantity(self.node.request("eth_getTransactionCount", address, hex(at)))

    def receipt(self, id: TransactionId) -> Receipt | None:
        answer = self._object(self.node.request("eth_getTransactionReceipt", id))
        if answer is None or answer.get("blockNumber") is None:
            return None
        execution = self._number(answer, "gasUsed") * self._number(answer, "effectiveGasPrice")
        # OP-stack chains bill the data they publish on Ethereum separately.
        publication = self._number(answer, "l1Fee") if answer.get("l1Fee") else 0
        return Receipt(
            block=Block(
                number=self._number(answer, "blockNumber"), hash=self.hash(answer, "blockHash")
            ),
            succeeded=self._number(answer, "status") == 1,
            cost=execution + publication,
        )

    def transaction(self, id: TransactionId) -> Json | None:
        return self._object(self.node.request("eth_getTransactionByHash", id))

    def raw_transaction(self, id: TransactionId) -> bytes | None:
        """The signed bytes; None where the node does not tell."""
        try:
            answer = self.node.request("eth_getRawTransactionByHash", id)
        except RpcError:
            return None
        return self._bytes(answer) if answer is not None else None

    def logs(self, address: str, topics: Sequence[str], first: int, last: int) -> Sequence[Log]:
        wanted = {
            "address": address,
            "topics": list(topics),
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        answer = self.node.request("eth_getLogs", wanted)
        if not isinstance(answer, list):
            raise self._nonsense(answer)
        return [
            Log(
                transaction_id=TransactionId(self.hash(log, "transactionHash")),
                block=Block(
                    number=self._number(log, "blockNumber"), hash=self.hash(log, "blockHash")
                ),
            )
            for log in answer
            # A node may ignore a filter it does not understand.
            if self._member(log, "topics", list) == list(topics)
        ]

    def market(self) -> Market:
        answer = self._object(
            self.node.request("eth_feeHistory", hex(BLOCKS), "latest", [PERCENTILE])
        )
        if answer is None:
            raise self._nonsense(answer)
        base_fees = [self._quantity(fee) for fee in self._member(answer, "baseFeePerGas", list)]
        tips = [self._quantity(tip) for block in answer.get("reward") or () for tip in block]
        if not base_fees:
            raise self._nonsense(answer)
        return Market.of(base_fees, tips)

    def gas(self, sender: str, to: str, data: bytes) -> int | Reverted:
        """Gas that the call needs when it is sent next."""
        call = {"from": sender, "to": to, "data": "0x" + data.hex()}
        try:
            return self._quantity(self.node.request("eth_estimateGas", call))
        except RpcError as error:
            return _reverted(error)

    def call(self, to: str, data: bytes, at: int) -> bytes | Reverted:
        try:
            call = {"to": to, "data": "0x" + data.hex()}
            return self._bytes(self.node.request("eth_call", call, hex(at)))
        except RpcError as error:
            return _reverted(error)

    def hash(self, answer: object, name: str) -> str:
        """What *answer* names by its hash.  Raises: ChainUnavailableError."""
        hash = self._text(answer, name)
        if not _HASH.fullmatch(hash):
            raise self._nonsense(answer)
        return hash

    def _existing(self, which: int | str) -> Header:
        header = self.header(which)
        if header is None:
            raise ChainUnavailableError(f"{self.node.name} does not have block {which}")
        return header

    def _block(self, which: int | str, *, whole: bool) -> Json | None:
        named = hex(which) if isinstance(which, int) else which
        return self._object(self.node.request("eth_getBlockByNumber", named, whole))

    def _object(self, answer: object) -> Json | None:
        if answer is not None and not isinstance(answer, Mapping):
            raise self._nonsense(answer)
        return answer

    def _member(self, answer: object, name: str, kind: type[T]) -> T:
        value = answer.get(name) if isinstance(answer, Mapping) else None
        if not isinstance(value, kind):
            raise self._nonsense(answer)
        return value

    def _text(self, answer: object, name: str) -> str:
        return self._member(answer, name, str)

    def _number(self, answer: object, name: str) -> int:
        return self._quantity(self._text(answer, name))

    def _quantity(self, answer: object) -> int:
        if not isinstance(answer, str) or not _QUANTITY.fullmatch(answer):
            raise self._nonsense(answer)
        return int(answer, 16)

    def _bytes(self, answer: object) -> bytes:
        try:
            return bytes.fromhex(answer[2:] if isinstance(answer, str) else "none")
        except ValueError:
            raise self._nonsense(answer) from None

    def _nonsense(self, answer: object) -> ChainUnavailableError:
        told = self.node.words(answer)[:80]
        return ChainUnavailableError(f"{self.node.name} answers {told!r}")


@frozen
class View:
    """One contract as it stood at the end of one block."""

    reader: Reader
    address: str
    at: int

    def code(self) -> bytes:
        return self.reader.code(self.address, self.at)

    def ask(self, signature: str, returns: str, *arguments: object) -> Any:
        """The value of the view function *signature*, of the ABI type *returns*.

        Raises:
            UnreadableError: there is no such function here, or it answers something else.
        """
        data = keccak(text=signature)[:4]
        types = signature[signature.index("(") + 1 : -1]
        if types:
            data += encode(types.split(","), arguments)
        answer = self.reader.call(self.address, data, self.at)
        if isinstance(answer, Reverted):
            raise UnreadableError(answer.reason)
        try:
            (value,) = decode([returns], answer)
        except (DecodingError, ValueError, OverflowError) as error:
            raise UnreadableError(type(error).__name__) from error
        return value


def _reverted(error: RpcError) -> Reverted:
    """The revert behind a simulation's error; anything else is the node's own trouble."""
    said = error.said
    if error.code == 3 or said.has("execution reverted") or said.has("invalid opcode"):
        return Reverted(f"{said.words} {error.data}" if error.data else said.words)
    raise error
