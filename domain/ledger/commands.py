"""What can be asked of a wallet."""

from datetime import datetime
from uuid import UUID

from attrs import field, frozen, validators

from domain.catalogue import KindClass
from domain.identifiers import HoldId, LotId
from domain.ledger.wallet import Lot, Portion

_positive = validators.gt(0)


@frozen(kw_only=True)
class Grant:
    """Give *lot*, unless its economic fact was granted before.  The store knows that."""

    lot: Lot
    is_granted_before: bool


@frozen(kw_only=True)
class HoldCredits:
    id: HoldId
    subject: UUID
    amount: int = field(validator=_positive)
    operation: str = "deployment"
    kind_class: KindClass = KindClass.CORE
    member: str | None = None
    #: Of a metered hold: when it frees itself unless it is renewed.
    lease_until: datetime | None = None


@frozen(kw_only=True)
class Renew:
    """Let a metered hold live until then; never shorter than before."""

    id: HoldId
    lease_until: datetime


@frozen(kw_only=True)
class Capture:
    """Spend what is held; *amount* below the held one gives the rest back.  None: all of it."""

    id: HoldId
    amount: int | None = None


@frozen(kw_only=True)
class Release:
    """Give back what is held."""

    id: HoldId
    #: The failure was ours: what has expired meanwhile lives another day.
    is_ours: bool = False


@frozen(kw_only=True)
class Clawback:
    """Of the lot that *fact* granted, *total* credits are taken back in all.

    Convergent: it names the state that should be, so it may come twice and in any order.  What
    remains goes first, then what has lapsed; the rest is owed.  Less than before gives back.
    """

    fact: str
    total: int = field(validator=validators.ge(0))


@frozen(kw_only=True)
class Adjust:
    """Take *amount* available credits away, in burn order: an operator's decision."""

    amount: int = field(validator=_positive)


@frozen(kw_only=True)
class Correct:
    """Undo a capture, wholly (None) or by *amount*: unwinds what was recorded, last first."""

    id: HoldId
    amount: int | None = None


@frozen(kw_only=True)
class GiftOut:
    """Send *amount* credits that were paid for on their way to another organisation."""

    gift: UUID
    amount: int = field(validator=_positive)


@frozen(kw_only=True)
class GiftBack:
    """A gift that nobody could take returns to the lots it came from."""

    gift: UUID
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class EndLot:
    """The lot that *fact* granted is over now.  What is held of it expires when it comes back."""

    fact: str


Command = (
    Grant
    | HoldCredits
    | Renew
    | Capture
    | Release
    | Clawback
    | Adjust
    | Correct
    | GiftOut
    | GiftBack
    | EndLot
)


def holds_of(command: Command) -> tuple[HoldId, ...]:
    """Which holds *command* is about: a wallet is loaded with these."""
    match command:
        case HoldCredits(id=id) | Renew(id=id) | Capture(id=id) | Release(id=id) | Correct(id=id):
            return (id,)
        case _:
            return ()


def facts_of(command: Command) -> tuple[str, ...]:
    """Which lots *command* is about, by their facts: a wallet is loaded with these."""
    match command:
        case Clawback(fact=fact) | EndLot(fact=fact):
            return (fact,)
        case _:
            return ()


def lots_of(command: Command) -> tuple[LotId, ...]:
    """The same, by their ids."""
    match command:
        case GiftBack(portions=portions):
            return tuple(portion.lot for portion in portions)
        case _:
            return ()
