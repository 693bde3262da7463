"""What organisations may cost the treasury in a day, in every store."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from application.deployments.budget import Budgets
from application.deployments.request import Accepted
from application.ports.storage.work import Store
from domain.errors import MisuseError, Refusal
from domain.identifiers import OperationId
from domain.treasury import Budget
from tests.application.house import House
from tests.catalogue import UNLIMITED
from tests.contract.tenants import BoomError, Tenant, a_tenant, added, at_once

TODAY, TOMORROW = date(2026, 6, 1), date(2026, 6, 2)
#: Wei: what no machine word holds.
MUCH = 10**30


def used(store: Store, tenant: Tenant, day: date = TODAY) -> Budget:
    with store.begin(tenant.scope) as work:
        return work.native_budgets.used(tenant.network, day)


def reserved(store: Store, tenant: Tenant, amount: int, day: date = TODAY) -> OperationId:
    id = added(store, tenant).id
    again(store, tenant, id, amount, day)
    return id


def again(store: Store, tenant: Tenant, id: OperationId, amount: int, day: date = TODAY) -> None:
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.native_budgets.reserve(id, tenant.network, day, amount)


def settled(store: Store, tenant: Tenant, id: OperationId, spent: int | None) -> None:
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.native_budgets.settle(id, spent)


def test_what_is_reserved_is_counted_until_it_is_settled_and_then_what_was_spent(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    first, second = reserved(store, ada, MUCH), reserved(store, ada, 7)
    assert used(store, ada) == Budget(MUCH + 7, 0)
    assert used(store, ada, TOMORROW) == used(store, eve) == Budget()
    for _ in range(2):
        settled(store, ada, first, MUCH - 1)
        assert used(store, ada) == Budget(7, MUCH - 1)
    settled(store, ada, second, 9)
    # What it really took counts, where that was more.
    assert used(store, ada) == Budget(0, MUCH - 1 + 9)


def test_what_nobody_can_tell_is_all_that_was_reserved(store: Store):
    tenant = a_tenant(store)
    settled(store, tenant, reserved(store, tenant, 5), None)
    assert used(store, tenant) == Budget(0, 5)


def test_each_try_counts_on_its_own_day_what_it_took_itself(store: Store):
    tenant = a_tenant(store)
    id = reserved(store, tenant, 10)
    settled(store, tenant, id, 4)
    again(store, tenant, id, 10, TOMORROW)
    settled(store, tenant, id, 4 + 3)
    assert (used(store, tenant), used(store, tenant, TOMORROW)) == (Budget(0, 4), Budget(0, 3))


def test_an_operation_without_a_reservation_is_left_alone(store: Store):
    tenant = a_tenant(store)
    settled(store, tenant, added(store, tenant).id, 5)
    assert used(store, tenant) == Budget()


def test_nothing_is_reserved_twice_for_one_try(store: Store):
    tenant = a_tenant(store)
    id = reserved(store, tenant, 5)
    with pytest.raises(MisuseError):
        again(store, tenant, id, 5)
    assert used(store, tenant) == Budget(5, 0)


def test_a_transaction_that_ends_badly_reserves_and_settles_nothing(store: Store):
    tenant = a_tenant(store)
    id = reserved(store, tenant, 5)
    other = added(store, tenant).id

    def fail() -> None:
        with store.begin(tenant.scope) as work:
            work.ledger.lock()
            work.native_budgets.settle(id, 1)
            work.native_budgets.reserve(other, tenant.network, TODAY, 9)
            raise BoomError

    with pytest.raises(BoomError):
        fail()
    assert used(store, tenant) == Budget(5, 0)


CALLERS, FIT = 16, 5


def test_many_who_ask_at_once_never_overdraw_the_day(store: Store):
    """Sixteen threads, and room for five: five are accepted, and each of them once."""
    house = House(ready=False)
    house.store = store
    house.clock = MemoryClock(datetime.now(UTC).replace(hour=12))
    house.identifiers = SystemIdentifiers(house.clock)
    house.move_in()
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "for the test")
    house.grant(1_000)
    limit = FIT * house.allowance + 1
    house.budgets = Budgets(limits={house.network: limit})

    def ask(number: int) -> Accepted | Refusal:
        return house.request(key=f"{number % (CALLERS // 2)}-{uuid4()}")

    answers = at_once([lambda number=number: ask(number) for number in range(CALLERS)])
    accepted = [each.deployment for each in answers if isinstance(each, Accepted)]
    refused = {each.code for each in answers if isinstance(each, Refusal)}
    assert len({each.id for each in accepted}) == FIT
    assert refused == {"network_budget_exhausted"}
    with store.begin(house.scope) as work:
        today = work.native_budgets.used(house.network, house.clock.now().date())
        assert work.ledger.open_holds() == FIT
    assert today == Budget(FIT * house.allowance, 0)
    house.clock.advance(timedelta(days=1))
    assert isinstance(house.request(), Accepted)
