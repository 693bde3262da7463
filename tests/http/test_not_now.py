"""What nobody can be served now, though nothing is wrong with what was asked."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from attrs import evolve
from litestar.testing import TestClient

from application.operator.watch_treasuries import WatchTreasuries
from application.ports.storage.work import Scope
from domain.abuse import AbuseRules
from domain.identifiers import Prefix, parse_id
from domain.treasury import Thresholds
from tests.http.prepared import app_of
from tests.http.site import Site, services_of

KEY = {"Idempotency-Key": "other"}


def code_of(answered):
    return answered.status_code, answered.json()["code"]


@pytest.fixture
def site_with(house):
    """A site on which every use case that takes credits has these parts."""
    clients = []

    def make(**parts):
        services = services_of(house)
        changed = {
            name: evolve(getattr(services, name), **parts)
            for name in ("request_deployment", "request_token_operation")
        }
        services = evolve(services, **changed)
        client = TestClient(app_of(services), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return Site(house, services, client)

    yield make
    for client in clients:
        client.__exit__()


def test_a_custodian_that_is_not_configured_here(site_with):
    ada = site_with(custodians={}).register()
    answered = ada.create()
    assert code_of(answered) == (503, "custodian_not_configured")
    assert ada.balance[1] == 0, "nothing is held"


def test_a_network_on_which_the_operator_has_no_treasury(house, site, ada):
    signers = next(table for table, _ in house.backup() if table.name == "signers")
    signers.rows = {}
    assert code_of(ada.create()) == (503, "network_not_ready")
    assert ada.balance[1] == 0, "nothing is held"


def test_a_treasury_that_cannot_pay(house, site, ada):
    house.chain.node.funds.clear()
    WatchTreasuries(
        store=house.store,
        chains=house.chains,
        thresholds={house.network: Thresholds(low=1, empty=1)},
        alarms=house.alarms,
        clock=house.clock,
        identifiers=house.identifiers,
    )()
    for answered in (ada.plan(), ada.create()):
        assert code_of(answered) == (503, "treasury_empty")
    assert ada.balance[1] == 0, "nothing is held"


def test_an_organisation_that_spent_much_within_an_hour(site_with):
    """Whatever it takes credits for; when it may again is said."""
    site = site_with(rules=AbuseRules(credits_per_hour=1, freezes=True))
    ada = site.register()
    token = ada.issue()
    mint = {"amount": "1", "to": token["owner"]}
    for answered in (ada.create("key-2"), ada.order(token, "mint", mint)):
        assert code_of(answered) == (423, "spending_frozen")
        assert 0 < int(answered.headers["Retry-After"]) <= 3_600


def test_a_retry_while_spending_is_frozen(house, site_with):
    """Retrying takes a new hold."""
    ada = site_with(rules=AbuseRules(credits_per_hour=6, freezes=True)).register()
    house.chain.refuses = "the token is cursed"
    failed = ada.deploy()
    ada.site.work_until_done(3)
    house.chain.refuses = None
    ada.deploy("key-2")
    answered = ada.post(f"/v1/deployments/{failed['id']}/retry", headers=KEY)
    assert code_of(answered) == (423, "spending_frozen")


def test_whoever_reads_waits_for_nobodys_wallet(house, site, ada):
    """As many requests as there are threads for them wait for Ada's."""
    eve = site.register("eve@example.org")
    number = site.services.limits.brief_threads
    scope = Scope(organisation=parse_id(Prefix.ORGANISATION, ada.organisation))
    with ThreadPoolExecutor(number + 1) as clients:
        with house.store.begin(scope) as work:
            work.ledger.stand_in_line()
            created = [clients.submit(ada.create, key=f"key-{each}") for each in range(number)]
            # By the last of them, all that are created have come as far as they can.
            for each in [ada, eve] * 10:
                read = clients.submit(each.get, "/v1/deployments")
                assert read.result(10).status_code == 200
            assert not any(each.done() for each in created)
        assert 202 in {each.result(10).status_code for each in created}
