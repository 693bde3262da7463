"""Who is who: organisations, users, sessions, API keys, failed log-ins.

Whatever lets somebody in belongs to an *epoch of access*, the installation's when it was made.
The operator ends all access by beginning the next one: sessions, letters and sign-ins of before
are dead for good, API keys until somebody enables them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from attrs import frozen

from application.ports.storage.paging import LONGEST_PAGE, Page, PageRequest
from domain.abuse import LoginFailures
from domain.catalogue import TariffName
from domain.identifiers import ApiKeyId, MemberId, OrganisationId, SessionId, UserId
from domain.organisation import ApiKey, Member, Organisation, Session, User


class EmailTakenError(Exception):
    """Somebody has registered with that address."""


class Organisations(Protocol):
    def add(self, organisation: Organisation, owner: Member) -> None:
        """Store a new organisation, its first member, its wallet and its audit head."""
        ...

    def get(self) -> Organisation | None:
        """The scope's organisation."""
        ...

    def set_tariff(self, tariff: TariffName) -> None:
        """Change the scope's organisation's tariff."""
        ...

    def after(self, id: OrganisationId, at_most: int) -> list[OrganisationId]:
        """Organisations whose id comes after *id*, ascending; works in any scope.

        None comes before `INSTALLATION`, which is never among them.
        """
        ...

    def tariffs_in_use(self) -> Mapping[TariffName, int]:
        """How many organisations are on each tariff, the installation's own left out; works in
        any scope.
        """
        ...

    def of_user(self) -> list[tuple[Organisation, Member]]:
        """Every organisation the scope's user is a member of, oldest membership first."""
        ...

    def memberships_of_user(self) -> list[tuple[OrganisationId, MemberId]]:
        """All that the scope's user has and had, oldest first; ids only."""
        ...

    def member(self, user: UserId) -> Member | None:
        """*user* as a member of the scope's organisation."""
        ...


class Members(Protocol):
    """Who is and was a member of the scope's organisation."""

    def add(self, member: Member) -> None: ...

    def all(self) -> list[Member]:
        """Those that are, oldest first."""
        ...

    def ever(self) -> list[Member]:
        """Also those that were."""
        ...

    def lock(self) -> list[Member]:
        """As `ever`; nobody else changes them until the transaction ends."""
        ...

    def put(self, member: Member) -> None:
        """Role and end.  Raises: MisuseError: there is none."""
        ...


class Users(Protocol):
    def add(self, user: User) -> None:
        """Raises: EmailTakenError."""
        ...

    def find_login(self, email: str) -> UserId | None:
        """Who logs in with *email*; works in any scope and tells the id only."""
        ...

    def get(self) -> User | None:
        """The scope's user."""
        ...

    def set_password(self, password_hash: str) -> None:
        """Of the scope's user."""
        ...

    def verify(self, now: datetime) -> bool:
        """Mail reaches the scope's user; False where that was known."""
        ...

    def verified_at(self) -> datetime | None:
        """Since when mail is known to reach the scope's user."""
        ...

    def is_verified(self, member: MemberId) -> bool:
        """Whether mail is known to reach that member of the scope's organisation."""
        ...

    def erase(self, pseudonym: str) -> None:
        """Of the scope's user keep the id: *pseudonym* becomes the address, and nobody logs in."""
        ...


class AccessEpoch(Protocol):
    """The installation's."""

    def current(self) -> int:
        """Works in any scope; nought before all access was ended for the first time."""
        ...

    def advance(self) -> int:
        """Begin the next one, and tell its number.  Of two who do, one waits for the other.

        Raises: MisuseError: in another scope than the installation's.
        """
        ...


class Sessions(Protocol):
    """Sessions of the scope's user.

    Each is of the epoch in which it was added.  One of an epoch before is only to be seen by
    `get`, and revoked with all others.
    """

    def add(self, session: Session) -> None: ...

    def get(self, id: SessionId) -> Session | None: ...

    def lock(self, id: SessionId) -> Session | None:
        """As `get`, locked until the transaction ends."""
        ...

    def put(self, session: Session) -> None: ...

    def all(self, now: datetime) -> list[Session]:
        """Those that are not over, newest first."""
        ...

    def revoke_all(self, now: datetime, *, but: SessionId | None = None) -> int:
        """End every session that is not revoked; tell how many.  Locks them."""
        ...

    def standing(self, id: SessionId) -> tuple[Session, Organisation, Member] | None:
        """The session with the organisation it acts for and the membership: one round trip."""
        ...


@frozen(kw_only=True)
class FoundKey:
    organisation: OrganisationId
    id: ApiKeyId
    #: The installation's, now; the key may be of one before.
    epoch: int


@frozen(kw_only=True)
class KeyStanding:
    """An API key, and what its being good depends on."""

    key: ApiKey
    organisation: Organisation
    maker: Member
    #: The installation's, now; the key may be of one before.
    epoch: int


class ApiKeys(Protocol):
    def add(self, key: ApiKey) -> None: ...

    def find(self, id: ApiKeyId) -> FoundKey | None:
        """Whose key that is; works in any scope and tells ids only, and the present epoch."""
        ...

    def get(self, id: ApiKeyId) -> ApiKey | None: ...

    def recognise(self, id: ApiKeyId) -> KeyStanding | None:
        """Whoever comes with a key, before anybody knows whose it is; works in any scope.

        Everything about it in one round trip; what follows is in the scope that it was.
        """
        ...

    def put(self, key: ApiKey) -> None:
        """All but what it was made with, and its epoch.  What is revoked stays so."""
        ...

    def enable(self, id: ApiKeyId, epoch: int) -> bool:
        """It is of *epoch* from now on; False, and nothing happens: it is of that one or of a
        later one, or revoked, or there is none.
        """
        ...

    def used(self, id: ApiKeyId, now: datetime) -> None:
        """Write down that the key was used at *now*; works in its organisation's scope."""
        ...

    def list(self, page: PageRequest) -> Page[ApiKey]: ...

    def revoke_of_erased(self, now: datetime) -> int:
        """Revoke what the scope's user has made in whatever organisation, and tell how many.

        Only where the user's key is destroyed: that of somebody else stays.
        """
        ...


def keys_made_by(keys: ApiKeys, member: MemberId) -> list[ApiKey]:
    """All of them, newest first."""
    found: list[ApiKey] = []
    page = PageRequest(limit=LONGEST_PAGE)
    while True:
        listed = keys.list(page)
        found += [key for key in listed.items if key.created_by == member]
        if not listed.has_more:
            return found
        page = PageRequest(limit=LONGEST_PAGE, after=listed.items[-1].id)


class LoginAttempts(Protocol):
    """Failed log-ins.  They belong to no organisation; keys are hashes."""

    def lock(self, key: bytes) -> LoginFailures:
        """What is remembered under *key*, if anything; locked until the transaction ends."""
        ...

    def put(self, key: bytes, failures: LoginFailures) -> None: ...

    def forget(self, key: bytes) -> None: ...

    def purge(self, before: datetime) -> int:
        """Forget what has not failed since *before*; tell how many."""
        ...
