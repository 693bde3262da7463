"""A checkpoint on chain: a payment of nothing by the treasury to itself, whose note is the anchor.

It leaves nothing behind but itself, so whether it is there only blocks can tell (`sought`).

What was anchored in a block that the node has not kept, and then forgotten by a restored backup,
is anchored again: the same bytes, and a second fee.
"""

from collections.abc import Mapping

from algosdk import transaction
from algosdk.encoding import decode_address
from attrs import frozen

from adapters.algorand.deed import Deed, Sight
from adapters.algorand.kind import Kind
from adapters.algorand.reads import Entry, Reader
from adapters.algorand.sought import sought
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.anchor import ANCHOR, DESCRIPTION, STEP, Anchor
from domain.errors import MisuseError, Refusal
from domain.operation import Effect, Intent, NoEffect, StepOutline
from domain.token import KindDescription, Order, Token, TokenKind, TokenState


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
        sender = sight.intent.sender
        return sought(
            sight, sender, self.anchor.content, lambda entry: self._is_said_by(sender, entry)
        )

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
