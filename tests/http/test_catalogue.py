"""What is sold, as a member sees it."""

from datetime import timedelta

import pytest
from attrs import evolve

from domain.catalogue import TariffName
from domain.identifiers import OrganisationId, Prefix, parse_id
from tests.catalogue import STARTER


@pytest.fixture
def sold(site):
    answered = site.register().get("/v1/billing/tariffs")
    assert answered.status_code == 200
    return answered.json()


def test_tariffs_tell_their_price_and_what_is_included(sold):
    assert (sold["name"], sold["currency"], sold["first_tariff"]) == ("tokens", "USD", "free")
    assert [each["name"] for each in sold["tariffs"]] == [
        "free", "starter", "professional", "enterprise", "unlimited", "charged",
    ]  # fmt: skip
    assert sold["tariffs"][0] == {
        "name": "free", "price_minor": 0, "price_is_least": False, "deployments_per_month": 5,
        "credits_per_month": 25, "classes": ["core"], "networks": ["development", "test"],
        "fees": None, "requests_per_minute": None,
    }  # fmt: skip
    assert sold["tariffs"][3]["deployments_per_month"] is None
    assert sold["tariffs"][3]["price_is_least"] is True
    assert sold["tariffs"][3]["fees"] == {
        "markup_basis_points": 1500,
        "value_basis_points": 50,
        "networks": ["live"],
    }


def test_packs_and_operations_tell_their_price(sold):
    assert sold["packs"] == [
        {"name": "small", "price_minor": 2900, "credits": 500, "days": None},
        {"name": "large", "price_minor": 7900, "credits": 2000, "days": None},
    ]
    assert [tuple(each.values()) for each in sold["operations"]] == [
        ("deployment", 5, False, None),
        ("token_operation", 1, False, None),
        ("premium_call", 3, True, "premium"),
        ("report", 2, True, "core"),
    ]
    assert sold["most_credits_per_request"] == 10


def test_a_stranger_is_not_told(site):
    assert site.call("GET", "/v1/billing/tariffs").status_code == 401


def test_an_organisation_whose_tariff_is_not_sold_any_more_is_told_so(site):
    ada = site.register()
    with site.house.store.begin(evolve(site.house.scope, organisation=ada_id(ada))) as work:
        work.organisations.set_tariff(TariffName("gold"))
    refused = ada.create("key-1")
    assert (refused.status_code, refused.json()["code"]) == (403, "tariff_not_in_catalogue")
    assert ada.get("/v1/organisations").json()["data"][0]["tariff"] == "gold"
    assert ada.balance == (25, 0)
    site.house.set_tariff(ada_id(ada), STARTER, "gold is history")
    # It was about the catalogue: the same request is not told the same again.
    assert ada.create("key-1").status_code == 202


def ada_id(person):
    return OrganisationId(parse_id(Prefix.ORGANISATION, person.organisation))


def test_a_balance_shows_what_a_new_month_gives_before_it_is_written(site):
    ada = site.register()
    ada.deploy()
    site.work_until_done()
    before = ada.get("/v1/credits/journal").json()["data"]
    site.house.pass_time(timedelta(days=31))
    ada.token = site.log_in()
    shown = ada.get("/v1/credits/balance").json()
    assert (shown["available"], shown["held"]) == (25, 0)
    (lot,) = [each for each in shown["lots"] if each["remaining"]]
    assert ada.get("/v1/credits/journal").json()["data"] == before
    ada.deploy("key-2")
    shown = ada.get("/v1/credits/balance").json()
    assert (shown["available"], shown["held"]) == (20, 5)
    assert shown["lots"][0]["id"] == lot["id"], "it keeps its name"
