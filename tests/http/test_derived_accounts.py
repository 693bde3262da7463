"""A signing passphrase over HTTP: accounts that wait for it, and get it once."""

import logging

import pytest
from attrs import evolve
from litestar.testing import TestClient

from application.ports.derivation import TooManyDerivationsError
from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Site
from tests.http.test_identity import is_refused

WORDS = "seven brown foxes under one umbrella"


def derive(person, passphrase=WORDS, **changes):
    body = {"current_password": PASSWORD, "passphrase": passphrase}
    return person.post("/v1/accounts/derive", body | changes)


def account_of(person):
    (found,) = person.get("/v1/accounts").json()["data"]
    return found


@pytest.fixture
def ada(site):
    return site.register_deriving()


def test_an_account_waits_for_its_passphrase_and_issues_then(site, ada):
    waiting = account_of(ada)
    assert (waiting["origin"], waiting["state"], waiting["address"]) == (
        "arc76",
        "requested",
        None,
    )
    is_refused(ada.plan(), 409, "account_not_ready")
    answered = derive(ada)
    assert answered.status_code == 200, answered.text
    (derived,) = answered.json()["data"]
    assert derived == account_of(ada)
    assert derived["state"] == "ready"
    assert ada.issue()["owner"] == derived["address"]
    assert derive(ada).json() == answered.json()


def test_what_is_no_passphrase_is_said(ada):
    is_refused(derive(ada, PASSWORD), 422, "passphrase_is_password")
    for passphrase, code in (("short", "too_short"), ("x" * 1001, "too_long"), (7, "wrong_type")):
        answered = derive(ada, passphrase)
        is_refused(answered, 400, "validation_failed")
        assert [(each["pointer"], each["code"]) for each in answered.json()["errors"]] == [
            ("/passphrase", code)
        ]
    is_refused(derive(ada, slot=-1), 400, "validation_failed")
    assert account_of(ada)["state"] == "requested"


def test_whoever_has_found_a_session_chooses_no_keys(ada):
    for _ in range(5):
        is_refused(derive(ada, current_password="not this one"), 401, "invalid_credentials")
    is_refused(derive(ada), 423, "account_locked")
    assert account_of(ada)["state"] == "requested"


def test_the_first_passphrase_is_the_only_one(ada):
    assert derive(ada).status_code == 200
    before = account_of(ada)
    is_refused(derive(ada, WORDS + "!"), 409, "passphrase_differs")
    is_refused(derive(ada, slot=1), 409, "passphrase_differs")
    assert account_of(ada) == before


def test_whoever_has_accounts_of_a_custodian_gives_none(site):
    is_refused(derive(site.register("bob@example.org")), 422, "passphrase_not_offered")


def test_an_owner_gives_up_what_nobody_gives(site, ada):
    answered = ada.post("/v1/accounts/give_up_passphrase")
    assert answered.status_code == 200, answered.text
    (waiting,) = answered.json()["data"]
    assert (waiting["origin"], waiting["state"]) == ("custodian_instead", "requested")
    assert ada.post("/v1/accounts/give_up_passphrase").json() == answered.json()
    is_refused(derive(ada), 422, "passphrase_not_offered")
    is_refused(ada.key().post("/v1/accounts/give_up_passphrase"), 403, "forbidden")
    bob = site.register("bob@example.org")
    is_refused(bob.post("/v1/accounts/give_up_passphrase"), 409, "no_passphrase_awaited")


def test_accounts_that_are_there_are_not_given_up(ada):
    derive(ada)
    before = account_of(ada)
    is_refused(ada.post("/v1/accounts/give_up_passphrase"), 409, "no_passphrase_awaited")
    assert account_of(ada) == before


def test_an_organisation_that_derives_enough_already_waits(house, services):
    def derive_accounts(*_):
        raise TooManyDerivationsError("2 are under way for this organisation")

    busy = evolve(
        services, derive_accounts=evolve(services.derive_accounts, derive=derive_accounts)
    )
    with TestClient(app_of(busy), raise_server_exceptions=False) as client:
        answered = derive(Site(house, busy, client).register_deriving())
    is_refused(answered, 429, "rate_limited")
    assert int(answered.headers["Retry-After"]) > 0


def test_an_api_key_gives_none(ada):
    is_refused(derive(ada.key()), 403, "forbidden")


def test_a_passphrase_is_nowhere_in_what_is_said(ada, caplog):
    caplog.set_level(logging.DEBUG)
    told = [derive(ada, "short canary").text, derive(ada).text, derive(ada, WORDS + "!").text]
    told += [ada.get("/v1/accounts").text, ada.get("/v1/audit/events").text, caplog.text]
    heard = "\n".join(told)
    assert "account.ready" in heard
    assert WORDS not in heard
    assert "short canary" not in heard
