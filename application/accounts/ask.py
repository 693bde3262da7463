"""Ask for the accounts that an organisation will issue from; a worker has their keys made."""

from collections.abc import Iterable
from datetime import datetime

from attrs import frozen

from application.audit.trail import Trail
from application.ports.storage.work import Work
from domain.account import Account, Origin
from domain.identifiers import AccountId, OrganisationId, Prefix, public_id
from domain.network import Family


@frozen(order=True)
class AccountPlace:
    """An organisation has one account in each."""

    #: Of networks, by its name.
    family: str
    live: bool


def ask_for_accounts(
    work: Work,
    trail: Trail,
    organisation: OrganisationId,
    custodian: str,
    places: Iterable[AccountPlace],
    now: datetime,
    origin: Origin = Origin.CUSTODIAN,
) -> None:
    """Those of *places* that the organisation has not.  The caller writes the trail."""
    for place in sorted(places):
        family = Family(place.family)
        account = Account(
            organisation=organisation,
            id=AccountId(trail.identifiers.next()),
            family=family,
            live=place.live,
            custodian=custodian,
            origin=origin,
            created_at=now,
        )
        if work.accounts.find(family, live=place.live) or not work.accounts.add(account):
            continue
        name = public_id(Prefix.ACCOUNT, account.id)
        if origin is Origin.CUSTODIAN:
            work.outbox.add("account.requested", name)
        trail.add(
            "account.requested",
            name,
            now,
            live=place.live,
            details={"family": family.value},
        )
