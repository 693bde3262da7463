"""What is kept of an organisation's licence beside the facts that it follows from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from domain.identifiers import OrganisationId
from domain.licence import LicenceState


@frozen(kw_only=True)
class LicenceRecord:
    #: When the operator last gave a tariff by hand (`domain.licence.LicenceFacts`).
    arranged_at: datetime | None = None
    #: The state that the trail told last.  Nothing is decided by it.
    told: LicenceState = LicenceState.ACTIVE
    #: When time alone makes another one, which is then to be told.
    due_at: datetime | None = None


class Licences(Protocol):
    """Of the scope's organisation, where nothing else is said."""

    def get(self) -> LicenceRecord: ...

    def put(self, record: LicenceRecord) -> None:
        """Write it under the wallet's lock."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[OrganisationId]:
        """Whose is due at *now*, in any scope; longest due first."""
        ...
