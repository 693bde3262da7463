"""What a decision brings about."""

from datetime import datetime
from uuid import UUID

from attrs import field, frozen, validators

from domain.identifiers import HoldId, LotId
from domain.ledger.accounts import LedgerAccount
from domain.ledger.wallet import CreditWatch, Hold, HoldState, Lot, Portion, Source

_positive = validators.gt(0)


@frozen(kw_only=True)
class Granted:
    lot: Lot


@frozen(kw_only=True)
class Expired:
    """What was left of a lot when its time was over."""

    lot: LotId
    amount: int


@frozen(kw_only=True)
class LotEnded:
    """The lot's time is over sooner than it was to be.  Posts nothing."""

    lot: LotId
    at: datetime


@frozen(kw_only=True)
class Held:
    hold: Hold


@frozen(kw_only=True)
class Renewed:
    """Posts nothing."""

    hold: HoldId
    lease_until: datetime


@frozen(kw_only=True)
class Captured:
    hold: HoldId
    amount: int


@frozen(kw_only=True)
class Returned:
    """Part of a hold goes back to where it came from."""

    hold: HoldId
    #: In reverse of the order in which the hold took them.
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Broken:
    """Part of a hold goes nowhere: its lot expired meanwhile."""

    hold: HoldId
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Graced:
    """Part of a hold whose lot expired meanwhile lives on for a day, as a lot of its own."""

    hold: HoldId
    #: `held`, or `spent` where a capture is undone.
    origin: LedgerAccount
    lot: Lot


@frozen(kw_only=True)
class Closed:
    """The hold is over.  Posts nothing; says how it ended."""

    hold: HoldId
    state: HoldState
    captured: int


@frozen(kw_only=True)
class Corrected:
    """Part of what a hold captured goes back to the lots it came from."""

    hold: HoldId
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class ClawedBack:
    """Credits of a lot are no longer issued."""

    #: The lot whose payment was taken back.
    of: LotId
    #: Where the credits were: that lot, or one that had given some of it again.
    lot: LotId
    source: Source
    #: `available`: they remained · `expired`: they had lapsed · `debt`: they had been used.
    origin: LedgerAccount
    amount: int = field(validator=_positive)


@frozen(kw_only=True)
class Reinstated:
    """What was taken back of a lot is given again, as a lot of its own."""

    #: The lot that it was taken back from.
    of: LotId
    lot: Lot


@frozen(kw_only=True)
class DebtPaid:
    """What came in, or is over, pays what is owed."""

    #: `available`, or `expired`: nobody owes what nobody used.
    origin: LedgerAccount = LedgerAccount.AVAILABLE
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Adjusted:
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Gifted:
    """Credits are on their way to somebody else."""

    gift: UUID
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class GiftReturned:
    gift: UUID
    portions: tuple[Portion, ...]


@frozen(kw_only=True)
class Watched:
    """What is remembered of how low the balance was.  Posts nothing."""

    watch: CreditWatch


Event = (
    Granted
    | Expired
    | LotEnded
    | Held
    | Renewed
    | Captured
    | Returned
    | Broken
    | Graced
    | Closed
    | Corrected
    | ClawedBack
    | Reinstated
    | DebtPaid
    | Adjusted
    | Gifted
    | GiftReturned
    | Watched
)
