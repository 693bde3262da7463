"""Looking for what is rare: every page looks at so many events, and together they miss nothing."""

import pytest

from application.audit.browse import find_page
from application.audit.trail import Trail
from application.ports.storage.work import Scope
from domain.audit import WORKER, EventFilter
from tests.application.house import House
from tests.contract.subjects import memory, postgres
from tests.contract.tenants import NOW, a_tenant

MOST = 10


@pytest.fixture(params=["memory", "postgres"])
def store(request):
    with {"memory": memory.store, "postgres": postgres.store}[request.param]() as store:
        yield store


@pytest.fixture
def trail(store):
    """95 events, of which every 30th is rare."""
    tenant = a_tenant(store)
    house = House(ready=False)
    trail = Trail(identifiers=house.identifiers, organisation=tenant.organisation, actor=WORKER)
    for number in range(95):
        trail.add("account.rare" if number % 30 == 29 else "deployment.queued", "dep_1", NOW)
    with store.begin(tenant.scope) as work:
        before = work.audit.head()
        trail.write(work)
    return tenant, before


def walk(store, tenant, wanted, limit, after=0):
    """All pages, by their cursors."""
    pages = []
    while True:
        with store.begin(tenant.scope) as work:
            page = find_page(work, wanted, after=after, limit=limit, most_looked_at=MOST)
        pages.append(page)
        assert page.last is None or page.last - after <= MOST
        if not page.has_more:
            return pages
        assert page.last > after
        after = page.last


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_what_is_rare_is_found_in_steps_and_all_of_it(store, trail, limit):
    tenant, before = trail
    pages = walk(store, tenant, EventFilter(action="account.rare"), limit)
    found = [event.sequence for page in pages for event in page.events]
    assert found == [before + 30, before + 60, before + 90]
    assert len(pages) >= 95 // MOST


def test_what_is_everywhere_fills_its_pages(store, trail):
    tenant, _ = trail
    pages = walk(store, tenant, EventFilter(action="deployment"), 5)
    assert {len(page.events) for page in pages[:-1]} == {5}
    assert sum(len(page.events) for page in pages) == 92


def test_beyond_the_end_there_is_nothing(store, trail):
    tenant, before = trail
    with store.begin(tenant.scope) as work:
        page = find_page(work, EventFilter(), after=before + 95, limit=5)
        assert (page.events, page.has_more, page.last) == ((), False, None)
        page = find_page(work, EventFilter(until=NOW), after=before, limit=5)
        assert (page.events, page.has_more) == ((), False)
    with store.begin(Scope()) as work:
        assert not find_page(work, EventFilter(), after=0, limit=5).events
