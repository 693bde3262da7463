"""What became of a slot: the chain's account of one nonce.

The final block is read first and everything is judged at that number.  The nonce decides whether
the slot is taken, receipts decide by which attempt.  That it was taken by a stranger is only said
with the stranger's transaction in hand: an absent receipt may also be an index that lags.
"""

from collections.abc import Sequence

from adapters.evm.json_rpc import RpcError
from adapters.evm.reads import Reader, Receipt
from application.ports.chain import ChainUnavailableError, Head
from domain.network import Block, Finality
from domain.operation import (
    Attempt,
    Final,
    Included,
    Inclusion,
    InPool,
    NotSeen,
    Outcome,
    Slot,
    SlotLost,
    TransactionId,
)

#: How many blocks are read one by one to find out who took a nonce.
BLOCKS_SEARCHED = 256


def outcome_of(reader: Reader, finality: Finality, slot: Slot) -> Outcome:
    head = reader.head(finality)
    taken = (
        slot.sequence is not None and reader.nonce(slot.signer, head.final.number) > slot.sequence
    )
    for attempt in reversed(slot.attempts):
        receipt = reader.receipt(attempt.transaction_id)
        if receipt is not None and _is_canonical(reader, receipt.block):
            return _included(attempt, receipt, head)
    if taken:
        return _taken_by(reader, slot, head.final)
    for attempt in reversed(slot.attempts):
        if reader.transaction(attempt.transaction_id) is not None:
            return InPool(attempt.transaction_id)
    return NotSeen()


def _included(attempt: Attempt, receipt: Receipt, head: Head) -> Included | Final:
    inclusion = Inclusion(
        transaction_id=attempt.transaction_id,
        block=receipt.block,
        succeeded=receipt.succeeded,
        cost=receipt.cost,
    )
    is_final = receipt.block.number <= head.final.number
    return Final(inclusion) if is_final else Included(inclusion)


def _is_canonical(reader: Reader, block: Block) -> bool:
    """A receipt may outlive its block on a node that is busy with a reorganisation."""
    header = reader.header(block.number)
    return header is not None and header.block.hash == block.hash


def _taken_by(reader: Reader, slot: Slot, final: Block) -> SlotLost:
    """Find the transaction that took the nonce, in the first block after which it is taken."""
    if slot.sequence is None:
        raise ChainUnavailableError("a slot without a nonce cannot be lost")
    for number in _where_to_look(reader, slot.signer, slot.sequence, final.number):
        for found in reader.transactions_in(number):
            sender, nonce = str(found.get("from")), found.get("nonce")
            if sender.lower() != slot.signer.lower() or nonce != hex(slot.sequence):
                continue
            id = TransactionId(reader.hash(found, "hash"))
            if slot.find(id) is None:
                return SlotLost(final)
            raise ChainUnavailableError(f"{id} is in block {number}, and has no receipt yet")
    msg = f"nonce {slot.sequence} of {slot.signer} is taken, and it cannot be found by what"
    raise ChainUnavailableError(msg)


def _where_to_look(reader: Reader, signer: str, sequence: int, final: int) -> Sequence[int]:
    """The first block after which the nonce is taken; the newest, where state is forgotten."""
    try:
        low, high = _around(reader, signer, sequence, final)
        while high - low > 1:
            middle = (low + high) // 2
            if reader.nonce(signer, middle) > sequence:
                high = middle
            else:
                low = middle
    except RpcError:
        return range(final, max(-1, final - BLOCKS_SEARCHED), -1)
    return (high,)


def _around(reader: Reader, signer: str, sequence: int, final: int) -> tuple[int, int]:
    """A block at which the nonce is free (-1: before the first) and one at which it is taken.

    Looks back from *final* in doubling steps, because nodes keep recent state only.
    """
    high, step = final, 1
    while high > 0:
        low = max(0, high - step)
        if reader.nonce(signer, low) <= sequence:
            return low, high
        high, step = low, step * 2
    return -1, 0
