"""Fee lines and rates, in every store."""

from datetime import timedelta
from decimal import Decimal

import pytest
from attrs import evolve

from application.ports.storage.work import Scope, Store
from domain.errors import MisuseError
from domain.fees import Cost, FeeKind, FeeLine
from domain.identifiers import INSTALLATION, NetworkId
from domain.money import Money, Rate
from tests.contract.tenants import NOW, Tenant, a_deployment, a_tenant

DAY = timedelta(days=1)
RATE = Rate(price=Decimal("3120.55"), currency="USD", source="ECB", at=NOW)


def a_line(store: Store, tenant: Tenant, **changes: object) -> FeeLine:
    """Of a deployment that is there, not kept."""
    deployment = a_deployment(tenant)
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, due_at=NOW)
    line = FeeLine(
        deployment=deployment.id,
        kind=FeeKind.NETWORK,
        live=False,
        at=NOW,
        currency="USD",
        amount_minor=None,
        basis_points=1_500,
        decimals=18,
        costs=(
            Cost(transaction_id="0x1", amount=10**30, rate=RATE),
            Cost(transaction_id="0x2", amount=7, rate=None),
        ),
    )
    return evolve(line, **changes)


def test_a_line_round_trips_and_is_kept_once(store: Store):
    tenant = a_tenant(store)
    line = a_line(store, tenant)
    share = evolve(
        line,
        kind=FeeKind.VALUE,
        currency="JPY",
        amount_minor=5,
        decimals=0,
        costs=(),
        declared=Money(amount_minor=1_000, currency="JPY"),
    )
    with store.begin(tenant.scope) as work:
        assert work.fees.add(line)
        assert work.fees.add(share)
        assert not work.fees.add(evolve(line, amount_minor=9))
    with store.begin(tenant.scope) as work:
        assert work.fees.get(line.fact) == line
        assert work.fees.get(share.fact) == share
        assert work.fees.get("fee:dep_1:network") is None
    with store.begin(a_tenant(store).scope) as work:
        assert work.fees.get(line.fact) is None


def test_a_line_waits_for_a_rate_then_for_an_invoice_then_for_nothing(store: Store):
    tenant = a_tenant(store)
    line = a_line(store, tenant)
    with store.begin(tenant.scope) as work:
        work.fees.add(line)
        assert list(work.fees.unpriced()) == [line]
        assert list(work.fees.unbilled()) == []
        with pytest.raises(MisuseError):
            work.fees.mark_billed(line.fact, "ii_1", NOW)
    priced = line.priced(RATE)
    with store.begin(tenant.scope) as work:
        work.fees.price(priced)
        work.fees.price(evolve(priced, amount_minor=1))
        assert list(work.fees.unpriced()) == []
        assert list(work.fees.unbilled()) == [priced]
    with store.begin(tenant.scope) as work:
        assert work.fees.mark_billed(line.fact, "ii_1", NOW)
        assert not work.fees.mark_billed(line.fact, "ii_1", NOW + DAY), "it is told once"
        assert not work.fees.mark_billed(line.fact, "ii_2", NOW)
    with store.begin(tenant.scope) as work:
        assert list(work.fees.unbilled()) == []
        assert work.fees.get(line.fact) == evolve(priced, invoice_item="ii_1")


def test_nothing_is_not_billed(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work, pytest.raises(MisuseError):
        work.fees.mark_billed("fee:dep_1:network", "ii_1", NOW)
    line = a_line(store, tenant, amount_minor=0)
    with store.begin(tenant.scope) as work:
        work.fees.add(line)
        assert list(work.fees.unbilled()) == []


def test_lines_are_found_by_when_the_deployment_was_completed(store: Store):
    tenant = a_tenant(store)
    lines = [a_line(store, tenant, at=NOW + n * DAY, amount_minor=n) for n in (2, 0, 1)]
    with store.begin(tenant.scope) as work:
        for line in lines:
            work.fees.add(line)
        found = work.fees.between(NOW, NOW + 2 * DAY)
    assert [line.amount_minor for line in found] == [0, 1]


def test_who_owes_is_found_across_organisations(store: Store):
    waiting, owing, free = (a_tenant(store) for _ in range(3))
    for tenant, amount in ((waiting, None), (owing, 7), (free, 0)):
        line = a_line(store, tenant, amount_minor=amount)
        with store.begin(tenant.scope) as work:
            work.fees.add(line)
    with store.begin(Scope()) as work:
        found = list(work.fees.owing(INSTALLATION, 100_000))
        assert found == sorted(found)
        assert {waiting.organisation, owing.organisation} <= set(found)
        assert free.organisation not in found
        assert list(work.fees.owing(found[0], 1)) == found[1:2]
    with store.begin(owing.scope) as work:
        (line,) = work.fees.unbilled()
        work.fees.mark_billed(line.fact, "ii_1", NOW)
    with store.begin(Scope()) as work:
        assert owing.organisation not in work.fees.owing(INSTALLATION, 100_000)


def test_the_newest_rate_that_is_not_of_the_future_counts(store: Store):
    network = NetworkId(f"eip155:{a_tenant(store).organisation.int >> 80}")
    with store.begin(Scope.installation()) as work:
        assert work.rates.newest(network, "USD", NOW) is None
        for days, price in ((0, "1.50"), (-2, "9"), (2, "7")):
            assert work.rates.add(network, evolve(RATE, price=Decimal(price), at=NOW + days * DAY))
        assert not work.rates.add(network, evolve(RATE, price=Decimal(8)))
        assert work.rates.add(network, evolve(RATE, currency="EUR"))
    with store.begin(a_tenant(store).scope) as work:
        assert work.rates.newest(network, "USD", NOW + DAY) == evolve(RATE, price=Decimal("1.50"))
        assert work.rates.newest(network, "USD", NOW - DAY).price == 9
        assert work.rates.newest(network, "USD", NOW - 3 * DAY) is None
        assert work.rates.newest(NetworkId("eip155:0"), "USD", NOW) is None
