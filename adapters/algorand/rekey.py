"""Another key for an issuing account: a payment of nothing by it to itself, with ``rekey-to``.

From its round on the protocol takes the account's signatures by the other key only
(go-algorand, data/transactions/transaction.go: RekeyTo), so a second one signed by the first key
can never land.  Its name, and what it holds and has created, stay.  Who the authority is now says
nothing of how it came to be: whether an operation has done it, its note in a block tells.
"""

from collections.abc import Mapping

from algosdk import transaction
from algosdk.encoding import decode_address
from attrs import field, frozen

from adapters.algorand.deed import Deed, Sight
from adapters.algorand.kind import SPONSORED, Kind
from adapters.algorand.reads import Entry, Reader
from adapters.algorand.sought import sought
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.errors import MisuseError, Refusal
from domain.operation import Effect, Intent, NoEffect, StepOutline
from domain.rekey import DESCRIPTION, REKEY, STEP, Rekey
from domain.token import KindDescription, Order, Token, TokenKind, TokenState


@frozen
class RekeyDeed(Deed):
    rekey: Rekey
    #: The operation's id on chain.
    _operation: bytes = field(repr=False)

    @property
    def locked(self) -> int:
        return 0

    def deposit(self, reader: Reader) -> None:  # noqa: ARG002 - it stores nothing
        return None

    def transaction(
        self, sender: str, header: transaction.SuggestedParams, note: bytes, lease: bytes
    ) -> transaction.Transaction:
        return transaction.PaymentTxn(
            sender, header, sender, 0, note=note, lease=lease, rekey_to=self.rekey.ruler
        )

    def effect(self, sight: Sight) -> Effect | NoEffect:
        return sought(
            sight, self.rekey.account, self._operation, lambda entry: self._is_it(sight, entry)
        )

    def _is_it(self, sight: Sight, entry: Entry) -> bool:
        """Only who rules the account can leave our note in its name."""
        fields = entry.fields
        return (
            fields["snd"] == decode_address(self.rekey.account)
            and fields.get("rekey") == decode_address(self.rekey.ruler)
            and fields.get("note") == sight.note
        )


@frozen
class RekeyKind(Kind):
    """An operation on an issuing account.  Offered to nobody, and no token."""

    name: TokenKind = REKEY

    @property
    def description(self) -> KindDescription:
        return DESCRIPTION

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return self.stored_token(parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return Rekey.stored(parameters).as_token()

    def steps(self, order: Order | None) -> tuple[StepOutline, ...]:  # noqa: ARG002 - it has no orders
        return (StepOutline(STEP, SPONSORED),)

    def deed(self, intent: Intent, operation: bytes) -> RekeyDeed:
        return RekeyDeed(Rekey.of(intent.token), operation)

    def planned(self, intent: Intent) -> TokenState:  # noqa: ARG002 - of any
        raise MisuseError("a rekeyed account is no token")

    def state(self, reader: Reader, place: str) -> TokenState | None:  # noqa: ARG002 - of any
        raise MisuseError("a rekeyed account is no token")

    def differences(self, sight: Sight, token: str) -> tuple[str, ...]:
        """It was done as it was to be, or it is not there."""
        rekey = Rekey.of(sight.intent.token)
        if token != rekey.account:
            return (f"account: planned {rekey.account}, found {token}",)
        if sight.reader.account(rekey.account).signer == rekey.ruler:
            return ()
        try:
            seen = self.deed(sight.intent, sight.operation).effect(sight)
        except HistoryUnavailableError:
            # It was seen in a block, and another one came after it.
            return ()
        if isinstance(seen, Effect):
            return ()
        msg = f"nothing of the rekey is known up to round {seen.at.number}"
        raise ChainUnavailableError(msg)
