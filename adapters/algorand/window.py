"""Slots: one lease, and windows of rounds that lie on a grid.

A network's rounds are cut into cells of W rounds (`Network.window`): the cell of round r is
[r // W * W, r // W * W + W - 1].  A slot is one cell: every attempt in it has FirstValid = the
cell's first round, LastValid = its last round, and the operation's lease.  Therefore two attempts
of one operation, whoever signed them and whatever our records know of them, are

- in the same window.  Once one of them is in a block, the protocol refuses every transaction of
  that sender with that lease up to and including the first one's LastValid, which is the second
  one's LastValid too: there is no round left for it.  Or they are
- in disjoint windows.  For the later one nothing is signed before the effect was seen absent in a
  round at or after the end of the window before (`Advance` compares `NoEffect.at` with
  `LeaseWindow.valid_from` - 1).  All earlier windows are over by then, so an attempt in one of
  them is in a block before that round, and its effect would have been seen, or never will be.

So not even an attempt that a restored backup has forgotten can land beside another one.  That one
can land *instead* of ours, until its window is over: what was signed before this process first saw
the chain, in round r, was signed for the cell of r + 1 at the latest.  From the last round of that
cell on, an effect that is absent is absent for good, whatever has been forgotten (`closing_of`).

What this rests on: LastValid is the cell's end for all attempts, not "W rounds from now", or
windows would overlap without coinciding; and a network keeps its W for as long as it has open
operations.  A slot that does not end where a cell of today's grid ends is not signed in.
"""

from attrs import frozen

from domain.errors import MisuseError
from domain.network import Network
from domain.operation import LeaseWindow, Postponed, Slot, WaitReason

#: Rounds that must be left of a window for a slot to be worth having, and for an attempt to be
#: signed in it.
MARGIN = 10
SIGNING_MARGIN = 3


@frozen
class Span:
    """The rounds in which a transaction may land, both included."""

    first: int
    last: int


def cell_of(round: int, width: int) -> Span:
    """No transaction names round 0: a zero is no FirstValid, it is none."""
    first = round // width * width
    return Span(max(1, first), first + width - 1)


def closing_of(network: Network, first_seen: int) -> int:
    """The round with which all windows end that were given away by when *first_seen* was newest.

    It was newest for the node that was asked: one that is windows behind when a process begins has
    not seen what others have been sent.
    """
    return cell_of(first_seen + 1, network.window).last


def terms(network: Network, lease: bytes, last_round: int) -> LeaseWindow | Postponed:
    cell = cell_of(last_round + 1, network.window)
    left = cell.last - last_round
    if left < MARGIN:
        detail = f"{left} rounds are left of the window that ends with round {cell.last}"
        return Postponed(WaitReason.WINDOW_OPEN, detail)
    return LeaseWindow(lease=lease, valid_from=cell.first, valid_until=cell.last)


def span_of(network: Network, slot: Slot, last_round: int) -> Span | Postponed:
    """Where an attempt in *slot* may land, if it is worth signing one now."""
    end = end_of(slot)
    cell = cell_of(end, network.window)
    if cell.last != end:
        detail = f"round {end} ends no window of {network.window} rounds: nothing is signed for it"
        return Postponed(WaitReason.WINDOW_OPEN, detail)
    left = end - last_round
    if left < SIGNING_MARGIN:
        detail = f"{max(0, left)} rounds are left of the window that ends with round {end}"
        return Postponed(WaitReason.WINDOW_OPEN, detail)
    return cell


def end_of(slot: Slot) -> int:
    if slot.valid_until is None:
        raise MisuseError(f"slot {slot.number} has no window, and on Algorand every slot has one")
    return slot.valid_until
