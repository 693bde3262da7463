"""A statement, and what a deployment is said to be worth, as clients see them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.identifiers import OrganisationId, Prefix, parse_id
from domain.money import Rate
from tests.catalogue import CHARGED

WORTH = {"amount": "1000000.00", "currency": "EUR"}


@pytest.fixture
def ada(site):
    ada = site.register()
    id = OrganisationId(parse_id(Prefix.ORGANISATION, ada.organisation))
    site.house.set_tariff(id, CHARGED, "pays for the network")
    return ada


def test_a_statement_tells_credits_and_fees(site, ada):
    deployment = ada.deploy(declared_value=WORTH)
    assert deployment["declared_value"] == WORTH
    site.work_until_done()
    stated = ada.get("/v1/billing/statement").json()
    assert stated["opening"] == {"available": 0, "held": 0, "debt": 0, "balance": 0}
    assert stated["closing"] == {"available": 20, "held": 0, "debt": 0, "balance": 20}
    assert stated["lines"] == [
        {"what": "captured", "of": "deployment", "credits": -5},
        {"what": "granted", "of": "plan", "credits": 25},
    ]
    network, value = stated["fees"]
    assert (network["kind"], network["amount"], network["waiting_for"]) == (
        "network",
        None,
        "rate",
    )
    assert network["deployment"] == value["deployment"] == deployment["id"]
    assert (value["kind"], value["amount"], value["currency"]) == ("value", "5000.00", "EUR")
    assert (value["declared_value"], value["basis_points"]) == (WORTH, 50)
    assert stated["totals"] == [
        {"currency": "EUR", "amount": "5000.00"},
        {"currency": "USD", "amount": "0.00"},
    ]


def test_a_fee_tells_cost_and_rate(site, ada):
    now = site.house.clock.now()
    with site.house.store.begin(site.house.scope) as work:
        rate = Rate(price=Decimal("3120.550"), currency="USD", source="ECB", at=now)
        work.rates.add(site.house.network, rate)
    ada.deploy()
    site.work_until_done()
    (fee,) = ada.get("/v1/billing/statement").json()["fees"]
    (cost,) = fee["costs"]
    assert int(cost["amount"]) > 0
    assert cost["rate"]["price"] == "3120.550"
    assert (cost["rate"]["currency"], cost["rate"]["source"]) == ("USD", "ECB")
    assert fee["waiting_for"] is None


def test_a_month_is_asked_for_by_its_name(site, ada):
    ada.deploy()
    site.work_until_done()
    this = site.house.clock.now()
    before = (this.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    assert ada.get(f"/v1/billing/statement?period={before}").json()["lines"] == []
    own = ada.get(f"/v1/billing/statement?period={this:%Y-%m}").json()
    assert own == ada.get("/v1/billing/statement").json()


@pytest.mark.parametrize("period", ["2026", "2026-13", "2026-1", "1969-12", "9999-12", "now"])
def test_what_is_no_month_is_refused(ada, period):
    refused = ada.get(f"/v1/billing/statement?period={period}")
    assert refused.status_code == 400
    assert [each["code"] for each in refused.json()["errors"]] == ["invalid_month"]


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ("1 USD", {"/declared_value": "wrong_type"}),
        ({}, {"/declared_value/amount": "missing", "/declared_value/currency": "missing"}),
        ({"amount": 1, "currency": "USD"}, {"/declared_value/amount": "wrong_type"}),
        ({"amount": "1", "currency": "BTC"}, {"/declared_value/currency": "not_offered"}),
        ({"amount": "0.001", "currency": "USD"}, {"/declared_value/amount": "not_money"}),
        ({"amount": "-1", "currency": "USD"}, {"/declared_value/amount": "not_money"}),
        ({**WORTH, "of": "me"}, {"/declared_value/of": "unknown_field"}),
    ],
)
@pytest.mark.parametrize("path", ["/v1/deployments", "/v1/deployments/plan"])
def test_every_fault_of_a_value_has_its_place(site, ada, path, value, faults):
    body = site.body() | {"declared_value": value}
    refused = ada.post(path, body, headers={"Idempotency-Key": "k"})
    assert refused.status_code == 400
    assert {each["pointer"]: each["code"] for each in refused.json()["errors"]} == faults


def test_what_it_is_worth_is_no_part_of_the_plan(ada):
    planned = ada.plan(declared_value=WORTH).json()
    accepted = ada.create(deployment_id=planned["deployment_id"], plan_hash=planned["plan_hash"])
    assert accepted.status_code == 202
    assert accepted.json()["declared_value"] is None


def test_the_same_key_with_another_value_is_another_request(ada):
    ada.deploy("k", declared_value=WORTH)
    again = ada.create("k", declared_value=WORTH | {"amount": "2"})
    assert again.json()["code"] == "idempotency_key_reused"
