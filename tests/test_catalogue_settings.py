"""The catalogue's file: what is shipped, and every fault of an operator's own."""

import tomllib
from decimal import Decimal

import pytest

from domain.catalogue import Fees
from entrypoints.catalogue_settings import parse_catalogue, read_catalogue, shipped
from tests.catalogue import AI, ENTERPRISE, TOKENS

SMALL = """
name = "own"
currency = "EUR"
first_tariff = "basic"
[tariffs.basic]
price_minor = 0
credits_per_month = 10
classes = ["core"]
networks = ["test"]
[operations.deployment]
credits = 7
[operations.token_operation]
credits = 2
"""
PERCENTAGE = "a percentage from 0 to 100, with two digits behind the point at most"


def parsed(text):
    return parse_catalogue(tomllib.loads(text, parse_float=Decimal))


@pytest.mark.parametrize(("name", "table"), [("tokens", TOKENS), ("ai", AI)])
def test_a_shipped_catalogue_is_as_the_specification_prices_it(name, table):
    assert read_catalogue(name) == (table, [])


def test_both_are_shipped():
    assert shipped() == ("ai", "tokens")


def test_an_own_catalogue_is_read_from_its_path(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(SMALL)
    found, faults = read_catalogue(str(file))
    assert not faults
    assert (found.name, found.currency, found.first_tariff) == ("own", "EUR", "basic")
    assert found.tariffs["basic"].deployments_per_month is None
    assert (found.deployment_credits, found.token_operation_credits) == (7, 2)
    assert (found.packs, found.most_credits_per_request) == ({}, 10)


@pytest.mark.parametrize("file", ["gold", "/nowhere/own.toml"])
def test_a_file_that_is_not_there_is_said_with_those_that_are(file):
    found, (fault,) = read_catalogue(file)
    assert found is None
    assert fault.startswith(f"{file} cannot be read; name one of ai, tokens, or a path")


def test_a_file_that_is_no_toml_is_said(tmp_path):
    file = tmp_path / "own.toml"
    file.write_bytes(b"\xff = 1")
    found, (fault,) = read_catalogue(str(file))
    assert found is None
    assert "cannot be read" in fault


def test_a_share_is_exact():
    fees = "[tariffs.basic.fees]\nmarkup_percent = 12.34\nvalue_percent = 0.07"
    found, _ = parsed(f"{SMALL}\n{fees}")
    assert found.tariffs["basic"].fees == Fees(markup_basis_points=1_234, value_basis_points=7)
    assert found.tariffs["basic"].fees != TOKENS.tariffs[ENTERPRISE].fees


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('name = "own"', 'name = "Own"', "name must be a to z, digits and _, at most 40"),
        ('name = "own"\n', "", "name is missing"),
        ('"EUR"', '"QQQ"', "currency must be a code of ISO 4217, such as USD"),
        ('first_tariff = "basic"', 'first_tariff = "gold"',
         "first_tariff must be one of those without a price: basic"),
        ("price_minor = 0", "price_minor = 1",
         "first_tariff must be one of those without a price: "),
        ("price_minor = 0", "price_minor = 0.0",
         "[tariffs.basic] price_minor must be a whole number, from 0 to 10^12"),
        ("price_minor = 0", "price_minor = -1",
         "[tariffs.basic] price_minor must be a whole number, from 0 to 10^12"),
        ("price_minor = 0", "price_minor = 1000000000001",
         "[tariffs.basic] price_minor must be a whole number, from 0 to 10^12"),
        ("price_minor = 0", "price_minor = 0\nis_price_least = 1",
         "[tariffs.basic] is_price_least must be true or false"),
        ("credits_per_month = 10", 'credits_per_month = "10"',
         "[tariffs.basic] credits_per_month must be a whole number, from 0 to 10^12"),
        ("credits_per_month = 10\n", "", "[tariffs.basic] credits_per_month is missing"),
        ('["core"]', '["gold"]',
         "[tariffs.basic] classes must be one of core, premium, compliance"),
        ('["core"]', '"core"',
         "[tariffs.basic] classes must be a list of core, premium, compliance"),
        ('["test"]', '["tests"]',
         "[tariffs.basic] networks must be one of development, test, live"),
        ('networks = ["test"]', 'networks = ["test"]\ncolour = 1',
         "[tariffs.basic] colour is unknown"),
        ('networks = ["test"]', 'networks = ["test"]\nfees = 1',
         "[tariffs.basic] fees is no table"),
        ('networks = ["test"]', 'networks = ["test"]\nfees = {markup_percent = 101}',
         f"[tariffs.basic.fees] markup_percent must be {PERCENTAGE}"),
        ('networks = ["test"]', 'networks = ["test"]\nfees = {value_percent = 0.001}',
         f"[tariffs.basic.fees] value_percent must be {PERCENTAGE}"),
        ('networks = ["test"]', 'networks = ["test"]\nfees = {value_percent = nan}',
         f"[tariffs.basic.fees] value_percent must be {PERCENTAGE}"),
        ('networks = ["test"]', 'networks = ["test"]\nfees = {other = 1}',
         "[tariffs.basic.fees] other is unknown"),
        ("[operations.token_operation]\ncredits = 2", "",
         "[operations.token_operation] is missing"),
        ("credits = 2", 'credits = 2\nclass = "core"',
         "[operations.token_operation] class is unknown"),
        ("credits = 2", "credits = 2\n[operations.call]\ncredits = 1",
         "[operations.call] class is missing"),
        ("credits = 2", 'credits = 2\n[operations.call]\nclass = "core"\ncredits = 11',
         "[operations.call] credits must not be above most_credits_per_request, 10"),
        ("credits = 2", "credits = 0",
         "[operations.token_operation] credits must be a whole number, from 1 to 10^12"),
        ("credits = 2", 'credits = 2\n[operations.call]\nclass = "core"\ncredits = 0',
         "[operations.call] credits must be a whole number, from 1 to 10^12"),
        ("credits = 2", 'credits = 2\n[operations."Call"]\nclass = "core"\ncredits = 1',
         "[operations.Call] must be named by a to z, digits and _, at most 40"),
        ("credits = 2", "credits = 2\n[packs.small]\nprice_minor = 0\ncredits = 1",
         "[packs.small] price_minor must be a whole number, from 1 to 10^12"),
        ("credits = 2", "credits = 2\n[packs]\nsmall = 1", "[packs.small] is no table"),
        ("credits = 2", "credits = 2\n[colours]\nred = 1", "colours is unknown"),
    ],
)  # fmt: skip
def test_a_fault_is_said_with_its_place(before, after, fault):
    assert before in SMALL
    found, faults = parsed(SMALL.replace(before, after, 1))
    assert (found, faults) == (None, [fault])


def test_every_fault_is_said_at_once():
    text = SMALL.replace("price_minor = 0", "").replace("credits = 7", "credits = -7")
    _, faults = parsed(text.replace('"EUR"', '""'))
    assert [fault.partition(" must")[0].partition(" is")[0] for fault in faults] == [
        "currency",
        "[tariffs.basic] price_minor",
        "[operations.deployment] credits",
    ]


@pytest.mark.parametrize("table", ["tariffs", "operations"])
def test_without_tariffs_or_prices_there_is_no_catalogue(table):
    content = tomllib.loads(SMALL)
    del content[table]
    found, faults = parse_catalogue(content)
    assert found is None
    assert f"{table} must be tables, [{table}.…]" in faults
