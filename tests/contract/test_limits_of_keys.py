"""What an API key may reach and spend, in every store."""

from datetime import timedelta
from uuid import uuid4

from attrs import evolve

from application.credits.quotas import standings
from application.ports.storage.work import Store
from domain.errors import Refusal
from domain.identifiers import HoldId, NetworkId, Prefix, public_id
from domain.ledger import HoldCredits
from domain.quota import Quota, Subject, Window
from tests.contract.tenants import NOW, Tenant, a_tenant, act
from tests.contract.test_store_access import a_key


def hold(store: Store, tenant: Tenant, amount: int, member: str, at=NOW) -> None:
    command = HoldCredits(id=HoldId(uuid4()), subject=uuid4(), amount=amount, member=member)
    with store.begin(tenant.scope) as work:
        assert not isinstance(act(work, command, at), Refusal)


def test_a_key_has_a_quota_of_its_own_for_ever(store: Store):
    """Beside those of its maker; what others of the maker's take is not the key's."""
    tenant = a_tenant(store, granted=1_000)
    key, other = a_key(tenant), a_key(tenant)
    quota = Quota(
        organisation=tenant.organisation,
        subject=Subject.key(key.id),
        window=Window.EVER,
        limit=10,
        set_at=NOW,
    )
    mine = Quota(
        organisation=tenant.organisation,
        subject=Subject.member(tenant.member),
        window=Window.DAY,
        limit=100,
        set_at=NOW,
    )
    with store.begin(tenant.scope) as work:
        for each in (key, other):
            work.api_keys.add(each)
        work.ledger.lock()
        work.quotas.put(quota)
        work.quotas.put(mine)
    name, others = (public_id(Prefix.API_KEY, each.id) for each in (key, other))
    hold(store, tenant, 4, name, NOW - timedelta(hours=20))
    hold(store, tenant, 3, name)
    hold(store, tenant, 50, others)
    much_later = NOW + timedelta(days=900)
    with store.begin(tenant.scope) as work:
        assert set(work.quotas.binding(name).quotas) == {quota, mine}
        assert work.quotas.binding(others).quotas == (mine,)
        (standing,) = standings(work, [quota], much_later)
        assert (standing.taken.held, standing.left) == (7, 3)


def test_where_a_key_may_issue_and_when_it_was_used_is_kept(store: Store):
    tenant = a_tenant(store)
    networks = frozenset({NetworkId("eip155:1"), NetworkId("eip155:2")})
    nowhere = evolve(a_key(tenant), networks=frozenset())
    key = evolve(a_key(tenant), networks=networks)
    with store.begin(tenant.scope) as work:
        for each in (key, nowhere):
            work.api_keys.add(each)
            assert work.api_keys.get(each.id) == each
        work.api_keys.used(key.id, NOW)
        used = evolve(key, last_used_at=NOW)
        assert work.api_keys.get(key.id) == used
        standing = work.api_keys.recognise(key.id)
        assert standing is not None
        assert standing.key == used


def test_a_stranger_writes_down_no_use(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    key = a_key(ada)
    with store.begin(ada.scope) as work:
        work.api_keys.add(key)
    with store.begin(eve.scope) as work:
        work.api_keys.used(key.id, NOW)
    with store.begin(ada.scope) as work:
        assert work.api_keys.get(key.id) == key
