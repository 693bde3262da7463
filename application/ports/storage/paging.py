"""Pages of things that are listed newest first."""

from typing import Generic, TypeVar
from uuid import UUID

from attrs import field, frozen, validators

T = TypeVar("T")

LONGEST_PAGE = 100


@frozen(kw_only=True)
class PageRequest:
    limit: int = field(default=20, validator=[validators.ge(1), validators.le(LONGEST_PAGE)])
    #: Id of the last thing of the page before; None for the first page.
    after: UUID | None = None


@frozen
class Page(Generic[T]):
    items: tuple[T, ...]
    has_more: bool
