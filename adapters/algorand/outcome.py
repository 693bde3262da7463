"""What became of a slot: what the node remembers of its attempts, and then what its blocks say.

A node forgets.  That it does not know an attempt means nothing while the window lasts, and nothing
after it either: over is a slot when a round after its last one is there, and the attempts are in
none of the blocks of its window.  The attempts are looked up before the round is read, so one that
lands in between is met in the blocks.  Blocks of Algorand are final at once.
"""

from adapters.algorand.group import fields_of
from adapters.algorand.reads import Reader, Whereabouts, costs_of, creates
from adapters.algorand.window import Span, end_of
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.operation import (
    Attempt,
    Expired,
    Final,
    Inclusion,
    InPool,
    NotSeen,
    Outcome,
    Slot,
)

#: The longest validity that the protocol allows (go-algorand, config/consensus.go: MaxTxnLife).
_LONGEST = 1_000


def outcome_of(reader: Reader, slot: Slot) -> Outcome:
    end = end_of(slot)
    in_pool: Attempt | None = None
    for attempt in reversed(slot.attempts):
        known = reader.whereabouts(attempt.transaction_id)
        if known is None:
            continue
        if known.round is not None:
            return _remembered(reader, slot, attempt, known, known.round)
        if not known.pool_error:
            in_pool = in_pool or attempt
    if in_pool is not None:
        return InPool(in_pool.transaction_id)
    last_round = reader.parameters().last_round
    if last_round <= end:
        return NotSeen()
    found = _in_blocks(reader, slot, end, last_round) if slot.attempts else None
    return found or Expired(reader.existing_block(last_round))


def _remembered(
    reader: Reader, slot: Slot, attempt: Attempt, known: Whereabouts, round: int
) -> Final:
    if attempt.raw is None or (known.created is None and creates(fields_of(attempt.raw)[-1])):
        return _final(reader, slot, attempt, round)
    inclusion = Inclusion(
        transaction_id=attempt.transaction_id,
        block=reader.existing_block(round),
        succeeded=True,
        cost=costs_of(fields_of(attempt.raw)).get(slot.signer, 0),
    )
    return Final(inclusion, token=_named(known.created))


def _in_blocks(reader: Reader, slot: Slot, end: int, last_round: int) -> Final | None:
    spans = [_span(attempt, end) for attempt in slot.attempts]
    first, last = min(s.first for s in spans), max(s.last for s in spans)
    if last_round <= last:
        raise ChainUnavailableError(f"an attempt may land until round {last}, not {end}")
    for number in range(first, last + 1):
        try:
            ids = reader.transaction_ids(number)
        except HistoryUnavailableError as error:
            msg = f"rounds {first} to {last} are needed, and {error}"
            raise HistoryUnavailableError(msg) from error
        for attempt in slot.attempts:
            if attempt.transaction_id in ids:
                return _final(reader, slot, attempt, number)
    return None


def _span(attempt: Attempt, end: int) -> Span:
    """Where it could have landed: its own bytes say so."""
    if attempt.raw is None:
        return Span(max(1, end - _LONGEST), end)
    fields = fields_of(attempt.raw)[-1]
    return Span(fields.get("fv", 0), max(end, fields["lv"]))


def _final(reader: Reader, slot: Slot, attempt: Attempt, number: int) -> Final:
    """As the block tells it."""
    entries = reader.entries(number)
    found = next((e for e in entries if e.id == attempt.transaction_id), None)
    fields = fields_of(attempt.raw)[-1] if attempt.raw is not None else found and found.fields
    if found is None or (found.created is None and creates(fields or {})):
        msg = (
            f"round {number} is said to have {attempt.transaction_id}, and does not tell what it "
            "made"
        )
        raise ChainUnavailableError(msg)
    group = [each.fields for each in found.group_among(entries)]
    inclusion = Inclusion(
        transaction_id=attempt.transaction_id,
        block=reader.existing_block(number),
        succeeded=True,
        cost=costs_of(group).get(slot.signer, 0),
    )
    return Final(inclusion, token=_named(found.created))


def _named(created: int | None) -> str | None:
    return None if created is None else str(created)
