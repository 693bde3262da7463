"""What one step of an operation does on chain, and how it is seen to be done."""

from typing import Protocol

from algosdk import transaction
from attrs import field, frozen

from adapters.algorand.effect import Origins, absent
from adapters.algorand.reads import Reader
from adapters.algorand.searches import Searches
from domain.operation import Effect, Intent, NoEffect


@frozen(kw_only=True)
class Sight:
    """One node's chain, looked at for one intent."""

    reader: Reader
    origins: Origins
    searches: Searches
    intent: Intent
    #: What a transaction of the intent says of itself.
    note: bytes = field(repr=False)
    #: From that round on an effect that is absent is absent for good; see `window`.
    lasting_from: int
    #: The intent's id on chain, 32 bytes.
    operation: bytes

    def nothing(self, round: int) -> NoEffect:
        """It was not there in *round*."""
        return absent(self.reader, round, self.lasting_from)


@frozen
class Deposit:
    """Money that an account must hold so that something can be stored in its name."""

    address: str
    #: In microalgos.
    amount: int


class Deed(Protocol):
    @property
    def locked(self) -> int:
        """By how many microalgos the issuer's minimum balance rises."""
        ...

    @property
    def most_deposited(self) -> int:
        """In microalgos, the most that `deposit` can come to."""
        return 0

    def deposit(self, reader: Reader) -> Deposit | None:
        """What an account that is not the issuer's needs for it now."""
        ...

    def transaction(
        self, sender: str, header: transaction.SuggestedParams, note: bytes, lease: bytes
    ) -> transaction.Transaction:
        """The issuer's, unsigned: the last one of its group."""
        ...

    def effect(self, sight: Sight) -> Effect | NoEffect: ...
