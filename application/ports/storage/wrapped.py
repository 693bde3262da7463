"""Everything that is wrapped at rest, wherever it is kept: to be wrapped anew by another key."""

from enum import IntEnum
from typing import Protocol

from attrs import frozen

from application.ports.custody import Wrapped
from domain.identifiers import OrganisationId


class Sort(IntEnum):
    """Where it is kept.  A refresh token's successor is not here: it is over in a moment."""

    #: Keys in envelopes, the register of keys, secrets of the installation.
    SECRET = 1
    ENDPOINT = 2
    PERSON = 3
    LETTER = 4


@frozen(order=True)
class WrappedPlace:
    """One wrapped secret.  Ordered: whoever goes through them knows how far they are."""

    sort: Sort
    #: Of a person's, nobody's: the nil id.
    organisation: OrganisationId
    #: What names it there: a secret's name, ``<endpoint>/<number>``, or an id.
    name: str


class WrappedSecrets(Protocol):
    """Of all organisations.  What works in any scope tells places only."""

    def by_others(
        self, current: str, after: WrappedPlace | None, limit: int
    ) -> list[WrappedPlace]:
        """Those that another key than *current* wrapped, behind *after*, in their order."""
        ...

    def count_by_others(self, current: str) -> int: ...

    def get(self, place: WrappedPlace) -> Wrapped | None:
        """In the scope of whom it belongs to: the organisation, or the person."""
        ...

    def replace(self, place: WrappedPlace, before: Wrapped, after: Wrapped) -> bool:
        """In the same scope; False, and nothing done, where it is not *before* any more."""
        ...
