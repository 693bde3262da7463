"""`tallystick keys give-up`: what an operator does for an organisation whose founder has left."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from domain.account import AccountState
from domain.identifiers import Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.test_derived_accounts import DerivingHouse


@pytest.fixture
def house(monkeypatch):
    house = DerivingHouse()

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(give_up_passphrase=house.giving_up)

    monkeypatch.setattr(setting_up, "container", container)
    return house


def give_up(house, *options, organisation=None):
    of = organisation or public_id(Prefix.ORGANISATION, house.caller.organisation)
    done = CliRunner().invoke(main, ["keys", "give-up", "--organisation", of, *options])
    assert "Traceback" not in done.output
    return done


def test_an_operator_has_the_custodian_make_the_keys(house):
    done = give_up(house, "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)
    assert (told["origin"], told["state"], told["keys"]) == ("custodian_instead", "requested", [])
    assert give_up(house, "--json").stdout == done.stdout
    assert house.prepare_account().state is AccountState.READY


def test_the_answer_is_for_people_too(house):
    done = give_up(house)
    assert "custodian_instead" in done.stdout
    assert house.custodian_scheme in done.stdout


def test_what_was_derived_is_not_given_up(house):
    house.derive()
    before = house.account
    done = give_up(house)
    assert done.exit_code == 1
    assert "refused (no_passphrase_awaited)" in done.stderr
    assert house.account == before


def test_an_organisation_is_named(house):
    done = give_up(house, organisation="acct_1")
    assert done.exit_code == 2
    assert house.account.awaits_passphrase
