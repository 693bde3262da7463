"""What leaves nothing behind but itself, looked for in blocks.

It was signed after its operation came to be, whose id tells when that was; so the blocks since
then are looked through, once each, for what is final has been seen for good.  Many at a time are
too many for one question: then it is told up to which round nothing of it was there.

Blocks that the node has not kept are not looked for.
"""

from collections.abc import Callable
from datetime import datetime

from adapters.algorand.deed import Sight
from adapters.algorand.effect import CLOCKS_DIFFER
from adapters.algorand.reads import Entry, Reader
from adapters.algorand.searches import Search
from application.ports.chain import HistoryUnavailableError
from domain.identifiers import instant_of
from domain.operation import Effect, NoEffect

#: Rounds that are looked through for one question.
AT_ONCE = 300


def sought(
    sight: Sight, place: str, content: bytes, is_it: Callable[[Entry], bool]
) -> Effect | NoEffect:
    """The first transaction since the operation came to be that *is_it*.

    *place* is what it brought about something at, and with *content* the name of the search.
    """
    reader = sight.reader
    last_round = reader.parameters().last_round
    search = sight.searches.get(place, content)
    if search is None or (search.found is None and not _is_kept(reader, search.next)):
        search = Search(_first_since(reader, instant_of(sight.intent.operation), last_round))
    until = min(last_round, search.next + AT_ONCE - 1)
    while search.found is None and search.next <= until:
        found = _in_block(sight, search.next, place, is_it)
        search = Search(search.next + 1, found)
        sight.searches.put(place, content, search)
    if search.found is not None:
        return search.found
    return sight.nothing(min(last_round, search.next - 1))


def _in_block(
    sight: Sight, round: int, place: str, is_it: Callable[[Entry], bool]
) -> Effect | None:
    reader = sight.reader
    if not reader.transaction_ids(round):
        return None
    entries = reader.entries(round)
    entry = next(filter(is_it, entries), None)
    if entry is None:
        return None
    return entry.as_effect(place, reader.existing_block(round), entries, sight.intent.sender)


def _first_since(reader: Reader, born: datetime | None, last_round: int) -> int:
    """The first round, of those that the node has kept, in which something so young can be.

    One after the last where there is none yet.  *born* is by our clock, blocks are by theirs.
    """
    low, high = 1, last_round + 1
    while low < high:
        middle = (low + high) // 2
        if _is_too_old(reader, middle, born):
            low = middle + 1
        else:
            high = middle
    return low


def _is_too_old(reader: Reader, round: int, born: datetime | None) -> bool:
    try:
        proposed = reader.instant(round)
    except HistoryUnavailableError:
        return True
    return born is not None and proposed < born - CLOCKS_DIFFER


def _is_kept(reader: Reader, round: int) -> bool:
    """Or has not come yet."""
    return round > reader.parameters().last_round or reader.counter(round) is not None
