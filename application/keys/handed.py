"""What goes, or went, to the address that a change of keys is about."""

from collections.abc import Iterator
from uuid import UUID

from application.ports.storage.deployments import HAND_OVERS
from application.ports.storage.paging import LONGEST_PAGE, PageRequest
from application.ports.storage.work import Work
from domain.account import AccountKey
from domain.deployment import Deployment
from domain.key_change import KeyChange


def handed_to_key_of(work: Work, change: KeyChange) -> Iterator[Deployment]:
    """The operations that give tokens to the address of the change's key, newest token first."""
    to = _address(work, change)
    after: UUID | None = None
    has_more = to is not None
    while has_more:
        page = work.deployments.list(
            PageRequest(limit=LONGEST_PAGE, after=after), kinds=HAND_OVERS
        )
        for each in page.items:
            if each.order is not None and each.order.parameters["to"] == to:
                yield each
        after = page.items[-1].id if page.items else None
        has_more = page.has_more


def _address(work: Work, change: KeyChange) -> str | None:
    account = work.accounts.get(change.account)
    found: AccountKey | None = None
    if account is not None and change.key is not None and change.action.is_for_what_was_issued:
        found = account.find(change.key)
    return found.address if found is not None else None
