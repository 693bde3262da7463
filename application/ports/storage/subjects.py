"""The keys of persons, under which the audit trail keeps what is personal."""

from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from application.ports.custody import Wrapped
from domain.identifiers import UserId


@frozen(kw_only=True)
class SubjectKey:
    user: UserId
    #: None: it was destroyed.
    wrapped: Wrapped | None
    made_at: datetime
    destroyed_at: datetime | None = field(default=None)

    @destroyed_at.validator
    def _is_gone_then(self, _: object, value: datetime | None) -> None:
        if (value is None) is (self.wrapped is None):
            raise ValueError("a key is there or destroyed")


class SubjectKeys(Protocol):
    """Of the scope's user; `get` also of members of the scope's organisation."""

    def add(self, key: SubjectKey) -> bool:
        """Store it; False, and nothing stored, where there is or was one."""
        ...

    def get(self, user: UserId) -> SubjectKey | None: ...

    def lock(self) -> SubjectKey | None:
        """That of the scope's user, locked until the transaction ends.

        Whoever lets a person in holds it, and so does whoever erases them: one sees what the
        other did.
        """
        ...

    def destroy(self, now: datetime) -> None:
        """Leave nothing of the locked key but that it was.  Raises: MisuseError: there is none."""
        ...
