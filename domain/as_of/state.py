"""What is told of an instant.  Ids are public ones, as the trail has them."""

from datetime import datetime

from attrs import field, frozen


@frozen(kw_only=True)
class Membership:
    id: str
    user: str
    role: str
    since: datetime


@frozen(kw_only=True)
class Licence:
    """As it was last told; whatever was never told is active."""

    state: str = "active"
    since: datetime | None = None
    #: When time alone was to change it.
    until: datetime | None = None


@frozen(kw_only=True)
class LotBalance:
    """Whole credits of one grant."""

    id: str
    source: str
    fact: str
    amount: int
    remaining: int
    lapsed: int
    clawed_back: int
    effective_at: datetime
    #: None: never.
    expires_at: datetime | None


@frozen(kw_only=True)
class Credits:
    """Whole credits."""

    available: int = 0
    held: int = 0
    debt: int = 0
    spent: int = 0
    #: In the order in which they began; None: the trail does not say.
    lots: tuple[LotBalance, ...] | None = ()


@frozen(kw_only=True)
class Token:
    """One that exists.  Its supply is what was issued, minted and burnt through us."""

    id: str
    #: The deployment that made it.
    deployment: str
    network: str
    kind: str
    #: On its chain; None: the trail does not say.
    address: str | None
    issued_at: datetime
    decimals: int | None
    #: In base units; None: the trail does not say with how much it began.
    supply: int | None
    paused: bool


@frozen(kw_only=True)
class State:
    organisation: str | None
    #: The last event that it follows from; 0: there was none yet.
    sequence: int
    event: str | None
    event_at: datetime | None
    tariff: str | None
    members: tuple[Membership, ...]
    licence: Licence
    credits: Credits
    tokens: tuple[Token, ...]
    #: What could not be told, in words, and why; (): nothing.
    lacks: tuple[str, ...] = field(default=())
