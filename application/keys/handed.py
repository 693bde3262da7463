"""What goes, or went, to the address that a change of keys is about."""

from collections.abc import Sequence

from application.ports.storage.work import Work
from domain.account import AccountKey
from domain.deployment import Deployment
from domain.identifiers import OperationId
from domain.key_change import KeyChange


def handed_to_key_of(work: Work, change: KeyChange) -> Sequence[Deployment]:
    """The operations that give tokens to the address of the change's key, newest token first.

    One for each token: the last, where a person has ended others.
    """
    to = _address(work, change)
    found = work.deployments.handing_to(to) if to is not None else ()
    last: dict[OperationId, Deployment] = {}
    for each in sorted(found, key=lambda each: each.accepted_at):
        if each.of is not None:
            last[each.of] = each
    return [last[token] for token in sorted(last, reverse=True)]


def _address(work: Work, change: KeyChange) -> str | None:
    account = work.accounts.get(change.account)
    found: AccountKey | None = None
    if account is not None and change.key is not None and change.action.is_for_what_was_issued:
        found = account.find(change.key)
    return found.address if found is not None else None
