"""What becomes of a subscription, as the payment provider's news is recorded."""

from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from application.audit.trail import Trail
from application.credits.licence import follow_licence, licence_of
from application.ports.storage.work import Scope, Store
from domain.audit import WORKER
from domain.catalogue import TariffName
from domain.identifiers import OperationId, OrganisationId
from domain.ledger import Hold
from domain.licence import Licence
from domain.operation import SlotState
from domain.payment import Subscription, SubscriptionId
from tests.application.house import House

SUBSCRIPTION = SubscriptionId("sub_1")
DAY = timedelta(days=1)


def subscribe(house: House, **changes: Any) -> None:
    """A month from now on is paid."""
    now = house.clock.now()
    record(
        house,
        **(
            {
                "period_start": now,
                "period_end": now + 30 * DAY,
                "first_failure_at": None,
                "cancelled_at": None,
                "ends_at": None,
            }
            | changes
        ),
    )


def payment_fails(house: House, at: datetime | None = None, store: Store | None = None) -> Licence:
    return record(house, store, first_failure_at=at or house.clock.now())


def record(
    house: House,
    store: Store | None = None,
    organisation: OrganisationId | None = None,
    **changes: Any,
) -> Licence:
    """Keep another state of the one subscription, and follow the licence, in one transaction."""
    organisation = organisation or house.registered.organisation.id
    with (store or house.store).begin(Scope(organisation=organisation)) as work:
        work.billing.lock()
        known = work.billing.subscription(SUBSCRIPTION)
        if known is None:
            now = house.clock.now()
            known = Subscription(
                id=SUBSCRIPTION,
                tariff=TariffName("enterprise"),
                period_start=now - 30 * DAY,
                period_end=now,
                version=0,
            )
        version = work.billing.draw()
        work.billing.put_subscription(evolve(known, version=version, **changes))
        trail = Trail(identifiers=house.identifiers, organisation=organisation, actor=WORKER)
        found = follow_licence(work, trail, house.clock.now())
        trail.write(work)
    return found


def licence_now(house: House) -> Licence:
    with house.store.begin(house.scope) as work:
        return licence_of(work, house.clock.now())


def hold_of(house: House, id: OperationId) -> Hold:
    with house.store.begin(house.scope) as work:
        operation = work.deployments.get(id)
        assert operation is not None
        assert operation.hold is not None
        hold = work.ledger.hold(operation.hold)
    assert hold is not None
    return hold


def slots_of(house: House, id: OperationId) -> list[tuple[SlotState, int]]:
    """Each slot's state, and how many were signed in it."""
    return [
        (slot.state, len(slot.attempts)) for step in house.get(id).steps for slot in step.slots
    ]


def changes_told(house: House) -> list[tuple[str, str]]:
    with house.store.begin(house.scope) as work:
        events = work.audit.all(limit=1_000)
    told = [event for event in events if event.action == "licence.changed"]
    told.sort(key=lambda event: event.sequence)
    details = [event.content()["details"] for event in told]
    return [(each["state_before"], each["state"]) for each in details]
