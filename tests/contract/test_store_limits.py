"""What is counted of members, and told of licences, in every store."""

from datetime import timedelta

import pytest

from application.ports.storage.licence import LicenceRecord
from application.ports.storage.work import Scope, Store
from domain.abuse import AbuseRules, Change, LoginFailures, Rule, Spending, Throttle, judge
from domain.errors import MisuseError
from domain.licence import LicenceState
from tests.contract.tenants import NOW, BoomError, Tenant, a_tenant, at_once, die_after

HOUR = timedelta(hours=1)
THROTTLE = Throttle(
    recent=((1_780_000_000, 3), (1_780_000_001, 1)),
    premium_at=NOW,
    failures=LoginFailures(count=5, last_at=NOW, locked_until=NOW + HOUR),
    told={Rule.GAP: NOW, Rule.RATE: NOW + HOUR},
)
SPENDING = Spending(buckets=((NOW - HOUR, 5), (NOW, 500)), alerted_at=NOW, frozen_until=NOW + HOUR)


def test_a_throttle_is_empty_until_something_is_counted_and_then_as_it_was_stored(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        assert work.throttles.lock("mem_1") == Throttle()
        work.throttles.put("mem_1", THROTTLE)
    with store.begin(tenant.scope) as work:
        assert work.throttles.lock("mem_1") == THROTTLE
        work.throttles.put("mem_1", Throttle())
        assert work.throttles.lock("mem_2") == Throttle()
    with store.begin(tenant.scope) as work:
        assert work.throttles.lock("mem_1") == Throttle()


def test_members_of_other_organisations_are_counted_apart(store: Store):
    tenant, stranger = a_tenant(store), a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.throttles.lock("mem_1")
        work.throttles.put("mem_1", THROTTLE)
        work.ledger.lock()
        work.spendings.put({"mem_1": SPENDING})
        work.licences.put(LicenceRecord(told=LicenceState.SUSPENDED))
    with store.begin(stranger.scope) as work:
        assert work.throttles.lock("mem_1") == Throttle()
        assert work.spendings.get(["mem_1"]) == {"mem_1": Spending()}
        assert work.licences.get() == LicenceRecord()


def test_nothing_is_counted_outside_of_an_organisation(store: Store):
    with pytest.raises(MisuseError), store.begin(Scope()) as work:
        work.throttles.lock("mem_1")


def test_a_throttle_is_stored_only_where_there_is_one(store: Store):
    tenant = a_tenant(store)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.throttles.put("mem_1", THROTTLE)


def test_counts_that_were_not_committed_are_not_there(store: Store):
    tenant = a_tenant(store)

    def count(work):
        work.throttles.lock("mem_1")
        work.throttles.put("mem_1", THROTTLE)

    with pytest.raises(BoomError):
        die_after(store, tenant.scope, count)
    with store.begin(tenant.scope) as work:
        assert work.throttles.lock("mem_1") == Throttle()


@pytest.mark.parametrize("threads", [24])
def test_of_many_requests_at_once_exactly_the_limit_go_through(store: Store, threads: int):
    tenant, limit = a_tenant(store), 10

    def ask() -> bool:
        with store.begin(tenant.scope) as work:
            counters = work.throttles.lock("mem_1")
            verdict = judge(AbuseRules(), counters, Change(limit=limit), NOW)
            work.throttles.put("mem_1", verdict.counters)
        return verdict.refusal is None

    assert at_once([ask] * threads).count(True) == limit


def test_spendings_are_stored_as_they_were(store: Store):
    tenant = a_tenant(store)
    later = Spending(buckets=((NOW, 7),))
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.spendings.put({"mem_1": SPENDING, "org_1": later})
        work.spendings.put({})
    with store.begin(tenant.scope) as work:
        found = work.spendings.get(["org_1", "mem_1", "mem_2"])
        assert found == {"org_1": later, "mem_1": SPENDING, "mem_2": Spending()}
        assert work.spendings.get([]) == {}
        work.ledger.lock()
        work.spendings.put({"mem_1": later})
    with store.begin(tenant.scope) as work:
        assert work.spendings.get(["mem_1"]) == {"mem_1": later}


def test_what_was_told_of_a_licence_is_kept(store: Store):
    tenant = a_tenant(store)
    record = LicenceRecord(arranged_at=NOW, told=LicenceState.PAYMENT_FAILED, due_at=NOW + HOUR)
    with store.begin(tenant.scope) as work:
        assert work.licences.get() == LicenceRecord()
        work.ledger.lock()
        work.licences.put(record)
    with store.begin(tenant.scope) as work:
        assert work.licences.get() == record
        work.ledger.lock()
        work.licences.put(LicenceRecord())
    with store.begin(tenant.scope) as work:
        assert work.licences.get() == LicenceRecord()


def test_licences_that_change_by_time_are_found_in_any_scope_longest_due_first(store: Store):
    # Long ago: other tests' licences are in the same store.
    past = NOW - timedelta(days=40_000)
    tenants = [a_tenant(store) for _ in range(3)]
    for tenant, hours in zip(tenants, (2, 1, 3), strict=True):
        put_due(store, tenant, LicenceRecord(due_at=past + hours * HOUR))
    with store.begin(Scope()) as work:
        due = work.licences.due(past + 2 * HOUR, 10)
        assert due == [tenants[1].organisation, tenants[0].organisation]
        assert work.licences.due(past + 2 * HOUR, 1) == [tenants[1].organisation]
    for tenant in tenants:
        put_due(store, tenant, LicenceRecord())
    with store.begin(Scope()) as work:
        assert work.licences.due(past + 3 * HOUR, 10) == []


def put_due(store: Store, tenant: Tenant, record: LicenceRecord) -> None:
    with store.begin(tenant.scope) as work:
        work.ledger.lock()
        work.licences.put(record)
