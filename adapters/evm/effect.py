"""Whether a step was done, and which transaction did it.

That it was done is read from the chain's state, where nobody else can leave its mark; the
transaction from the contract's log.  Absence is proven at the final block and must also hold at
the newest one, for an effect that is about to be final is no absence.
"""

from collections.abc import Iterator
from datetime import timedelta

from adapters.evm.json_rpc import RpcError
from adapters.evm.reads import Log, Reader
from adapters.evm.step import StepCall
from adapters.evm.transactions import id_of, rebuilt
from application.ports.chain import ChainUnavailableError
from domain.identifiers import instant_of
from domain.network import Block, Finality
from domain.operation import Effect, Intent, NoEffect, TransactionId

#: Blocks asked for at once: what public nodes allow.
WINDOW = 5_000
#: Names the transaction of a final effect that leaves no log, where a node has forgotten too much
#: to tell it: the factory may have been there for years.
UNTRACED = TransactionId("0x" + "0" * 64)
#: How far a chain's clock and ours may disagree.
CLOCKS_DISAGREE = timedelta(hours=1)


def effect_of(
    reader: Reader, finality: Finality, intent: Intent, call: StepCall
) -> Effect | NoEffect:
    head = reader.head(finality)
    is_final, is_done = (
        call.mark.is_set(reader, block.number) for block in (head.final, head.latest)
    )
    if not (is_final or is_done):
        return NoEffect(head.final)
    made = origin(reader, intent, call, head.latest.number)
    if made is None and (call.topics or not is_final):
        msg = (
            f"step {intent.step} was done at {call.through}, and there is no trace of what did it"
        )
        raise ChainUnavailableError(msg)
    if made is None:
        made = Log(transaction_id=UNTRACED, block=head.final)
    receipt = reader.receipt(made.transaction_id)
    return Effect(
        token=call.place,
        transaction_id=made.transaction_id,
        raw=_bytes_of(reader, made.transaction_id),
        block=made.block,
        is_final=made.block.number <= head.final.number,
        cost=receipt.cost if receipt is not None else 0,
    )


def origin(reader: Reader, intent: Intent, call: StepCall, latest: int) -> Log | None:
    """The transaction that did the step, and its block; None where none is found."""
    if not call.topics:
        return _by_state(reader, call, latest)
    for first, last in _windows(reader, intent, latest):
        for log in reader.logs(call.through, call.topics, first, last):
            if _is_canonical(reader, log.block):
                return log
    return None


def _windows(reader: Reader, intent: Intent, latest: int) -> Iterator[tuple[int, int]]:
    """Where to look: the newest blocks, then from the operation's birth on, then everywhere."""
    newest = max(0, latest - WINDOW + 1)
    yield newest, latest
    if newest == 0:
        return
    born = instant_of(intent.operation)
    if born is not None:
        start = _first_block_since(reader, int((born - CLOCKS_DISAGREE).timestamp()), newest)
        for first in range(start, newest, WINDOW):
            yield first, min(first + WINDOW, newest) - 1
    yield 0, latest


def _first_block_since(reader: Reader, timestamp: int, below: int) -> int:
    low, high = 0, below
    while low < high:
        middle = (low + high) // 2
        header = reader.header(middle)
        if header is None:
            raise ChainUnavailableError(f"{reader.node.name} does not have block {middle}")
        if header.timestamp < timestamp:
            low = middle + 1
        else:
            high = middle
    return low


def _by_state(reader: Reader, call: StepCall, latest: int) -> Log | None:
    """For a call that leaves no log: the first block with its mark, and its transaction.

    None where the node has forgotten the state of so long ago.
    """
    low, high = 0, latest
    while low < high:
        middle = (low + high) // 2
        try:
            is_there = call.mark.is_set(reader, middle)
        except RpcError:
            return None
        if is_there:
            high = middle
        else:
            low = middle + 1
    header = reader.header(high)
    for found in reader.transactions_in(high):
        is_it = (
            str(found.get("to")).lower() == call.through.lower()
            and found.get("input") == "0x" + call.data.hex()
        )
        if not is_it:
            continue
        id = TransactionId(reader.hash(found, "hash"))
        receipt = reader.receipt(id)
        if receipt is not None and receipt.succeeded and header and receipt.block == header.block:
            return Log(transaction_id=id, block=header.block)
    return None


def _is_canonical(reader: Reader, block: Block) -> bool:
    header = reader.header(block.number)
    return header is not None and header.block == block


def _bytes_of(reader: Reader, id: TransactionId) -> bytes | None:
    raw = reader.raw_transaction(id)
    if raw is not None and id_of(raw) == id:
        return raw
    found = reader.transaction(id)
    return rebuilt(found) if found is not None else None
