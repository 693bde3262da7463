"""A checkpoint on chain: a payment of nothing by the treasury to itself, whose note is the anchor.

It leaves nothing behind but itself, so whether it is there only blocks can tell.  It was signed
after its operation came to be, whose id tells when that was; so the blocks since then are looked
through, once each, for what is final has been seen for good.  Many at a time are too many for one
question: then it is told up to which round nothing of it was there.

Blocks that the node has not kept are not looked for.  What was anchored in one of them, and then
forgotten by a restored backup, is anchored again: the same bytes, and a second fee.
"""

from collections.abc import Mapping
from datetime import datetime

from algosdk import transaction
from algosdk.encoding import decode_address
from attrs import frozen

from adapters.algorand.deed import Deed, Sight
from adapters.algorand.effect import CLOCKS_DIFFER
from adapters.algorand.kind import Kind
from adapters.algorand.reads import Entry, Reader
from adapters.algorand.searches import Search
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.anchor import ANCHOR, DESCRIPTION, STEP, Anchor
from domain.errors import MisuseError, Refusal
from domain.identifiers import instant_of
from domain.operation import Effect, Intent, NoEffect, StepOutline
from domain.token import KindDescription, Order, Token, TokenKind, TokenState

#: Rounds that are looked through for one question.
AT_ONCE = 300


@frozen
class AnchorDeed(Deed):
    anchor: Anchor

    @property
    def locked(self) -> int:
        return 0

    def deposit(self, reader: Reader) -> None:  # noqa: ARG002 - it stores nothing
        return None

    def transaction(
        self,
        sender: str,
        header: transaction.SuggestedParams,
        note: bytes,  # noqa: ARG002 - its own note says it all
        lease: bytes,
    ) -> transaction.Transaction:
        content = self.anchor.content
        return transaction.PaymentTxn(sender, header, sender, 0, note=content, lease=lease)

    def effect(self, sight: Sight) -> Effect | NoEffect:
        reader, sender, content = sight.reader, sight.intent.sender, self.anchor.content
        last_round = reader.parameters().last_round
        search = sight.searches.get(sender, content)
        if search is None or (search.found is None and not _is_kept(reader, search.next)):
            search = Search(_first_since(reader, instant_of(sight.intent.operation), last_round))
        until = min(last_round, search.next + AT_ONCE - 1)
        while search.found is None and search.next <= until:
            found = self._in_block(sight, search.next)
            search = Search(search.next + 1, found)
            sight.searches.put(sender, content, search)
        if search.found is not None:
            return search.found
        return sight.nothing(min(last_round, search.next - 1))

    def _in_block(self, sight: Sight, round: int) -> Effect | None:
        reader, sender = sight.reader, sight.intent.sender
        if not reader.transaction_ids(round):
            return None
        entries = reader.entries(round)
        entry = next((each for each in entries if self._is_said_by(sender, each)), None)
        if entry is None:
            return None
        return entry.as_effect(sender, reader.existing_block(round), entries, sender)

    def _is_said_by(self, sender: str, entry: Entry) -> bool:
        """Anybody can pay with this note; only the treasury can pay from its account."""
        fields, address = entry.fields, decode_address(sender)
        return (
            (fields.get("type"), fields["snd"], fields.get("rcv")) == ("pay", address, address)
            and not fields.get("amt")
            and fields.get("note") == self.anchor.content
        )


@frozen
class AnchorKind(Kind):
    """An operation of the installation's.  Offered to nobody, and no token."""

    name: TokenKind = ANCHOR

    @property
    def description(self) -> KindDescription:
        return DESCRIPTION

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return self.stored_token(parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return Anchor.stored(parameters).as_token()

    def steps(self, order: Order | None) -> tuple[StepOutline, ...]:  # noqa: ARG002 - it has no orders
        return (StepOutline(STEP),)

    def deed(self, intent: Intent, operation: bytes) -> AnchorDeed:  # noqa: ARG002 - its bytes tell
        return AnchorDeed(Anchor.of(intent.token))

    def planned(self, intent: Intent) -> TokenState:  # noqa: ARG002 - of any
        raise MisuseError("an anchor is no token")

    def state(self, reader: Reader, place: str) -> TokenState | None:  # noqa: ARG002 - of any
        raise MisuseError("an anchor is no token")

    def differences(self, sight: Sight, token: str) -> tuple[str, ...]:
        """It is there as it was to be, or it is not there."""
        sender = sight.intent.sender
        if token != sender:
            return (f"anchor: planned by {sender}, found by {token}",)
        try:
            seen = AnchorDeed(Anchor.of(sight.intent.token)).effect(sight)
        except HistoryUnavailableError:
            # Only the treasury pays from its account, and it was seen in a block.
            return ()
        if isinstance(seen, Effect):
            return ()
        msg = f"nothing of the anchor is known up to round {seen.at.number}"
        raise ChainUnavailableError(msg)


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
