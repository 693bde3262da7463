"""Codes that clients seldom meet, each as an answer of an operation that is described to give it.

Where it takes much for the application to refuse so, its own tests have that; here it is said by
a use case in its place, and what counts is what a client is answered.
"""

import pytest
from attrs import evolve
from litestar.testing import TestClient

from adapters.algorand.standards import publishing_at
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.payments import MemoryPayments
from application.exports.request import RequestExport
from application.ports.egress import EgressUnavailableError
from application.ports.passwords import PasswordsBusyError
from application.ports.payments import PaymentsUnavailableError
from application.tokens.request import ValidateOrder
from domain.errors import FieldFault, Refusal
from domain.identifiers import Prefix, public_id
from domain.token import TokenKind
from entrypoints.http.error_codes import ERROR_CODES
from tests.http.codes import EXPECTED, OF_COMMANDS
from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Site, billing_of, services_of

KEY = {"Idempotency-Key": "key-1"}


def code_of(answered):
    return answered.status_code, answered.json()["code"]


def fields_of(answered):
    assert code_of(answered) == (400, "validation_failed"), answered.text
    return {fault["pointer"]: fault["code"] for fault in answered.json()["errors"]}


def with_services(house, **changes):
    return TestClient(app_of(services_of(house, **changes)), raise_server_exceptions=False)


# Said by a use case in its place.

CREATE, HOLD = ("POST", "/v1/deployments"), ("POST", "/v1/usage/holds")
SAID = {
    "curve_not_offered": ("request_deployment", *CREATE),
    "debt_outstanding": ("request_deployment", *CREATE),
    "licence_premium_off": ("request_deployment", *CREATE),
    "network_budget_exhausted": ("request_deployment", *CREATE),
    "network_halted": ("plan_deployment", "POST", "/v1/deployments/plan"),
    "custodian_unavailable": ("log_in", "POST", "/v1/auth/login"),
    "outcome_open": ("cancel_deployment", "POST", "/v1/deployments/{deployment}/cancel"),
    "address_not_ruled": ("adopt_address", "POST", "/v1/accounts/{account}/adopt"),
    "import_not_offered": ("derive_accounts", "POST", "/v1/accounts/derive"),
    "message_too_long": ("request_deployment", *CREATE),
    "rekey_not_offered": ("adopt_address", "POST", "/v1/accounts/{account}/adopt"),
    "too_many_webhook_secrets": (
        "rotate_secret", "POST", "/v1/webhook_endpoints/{endpoint}/rotate",
    ),
    "evidence_archived": ("give_evidence", "GET", "/v1/deployments/{deployment}/evidence"),
    "evidence_damaged": ("give_evidence", "GET", "/v1/deployments/{deployment}/evidence"),
    "quota_not_set": ("send_gift", "POST", "/v1/credits/gifts"),
}  # fmt: skip


def bodies(site, ada):
    return {
        "/v1/deployments": site.body(),
        "/v1/deployments/plan": site.body(),
        "/v1/auth/login": {"email": "ada@example.org", "password": PASSWORD},
        "/v1/accounts/{account}/key_changes": {"action": "rekey"},
        "/v1/accounts/{account}/adopt": {"address": "ADA", "network": site.house.network},
        "/v1/accounts/derive": {
            "current_password": PASSWORD,
            "passphrase": "seven brown foxes",
        },
        "/v1/credits/gifts": {"to": ada.organisation, "credits": 1},
    }


@pytest.mark.parametrize("code", SAID)
def test_what_a_use_case_says_is_answered_as_described(house, code):
    service, method, path = SAID[code]
    before = {}

    def refuse(*_, **__):
        return Refusal(code=code, detail="for the test")

    services = services_of(house)
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        site = Site(house, services, client)
        ada = site.register()
        hook = {"url": "https://hooks.example.com"}
        before = {
            "{deployment}": ada.deploy()["id"],
            "{account}": ada.get("/v1/accounts").json()["data"][0]["id"],
            "{endpoint}": ada.post("/v1/webhook_endpoints", hook, headers=KEY).json()["id"],
        }
        body = bodies(site, ada).get(path, {})
    services = evolve(services, **{service: refuse})
    for name, id in before.items():
        path = path.replace(name, id)
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        ada.site = Site(house, services, client)
        options = {} if method == "GET" else {"json": body}
        answered = ada.call(method, path, headers={"Idempotency-Key": "other"}, **options)
    assert code_of(answered) == (ERROR_CODES[code].status, code)


# Of what is asked for.


def test_a_request_that_the_framework_does_not_understand(ada):
    headers = {"Content-Length": "many", "Idempotency-Key": "k"}
    assert code_of(ada.post("/v1/deployments", headers=headers)) == (400, "bad_request")


def test_an_account_that_nobody_has_issues_nothing(site, ada):
    nobody = public_id(Prefix.ACCOUNT, site.house.identifiers.next())
    assert code_of(ada.create(account=nobody)) == (404, "account_not_found")


def test_a_custodian_that_has_no_account_of_ours(ada):
    assert code_of(ada.plan(custodian="elsewhere"))[1] == "custodian_not_offered"


def test_a_key_that_ends_at_no_instant(ada):
    answered = ada.post("/v1/api_keys", {"name": "ci", "expires_at": "tomorrow"})
    assert fields_of(answered) == {"/expires_at": "invalid_instant"}


def test_an_organisation_without_a_name(site):
    body = {"email": "ada@example.org", "password": PASSWORD, "organisation": "  "}
    answered = site.call("POST", "/v1/auth/register", json=body)
    assert fields_of(answered) == {"/organisation": "invalid_name"}


def test_an_order_that_the_chain_does_not_understand(house, monkeypatch):
    def refuse(*_, **__):
        return Refusal(code="invalid_order", detail="for the test")

    with with_services(house) as client:
        ada = Site(house, services_of(house), client).register()
        token = ada.issue()
        monkeypatch.setattr(ValidateOrder, "__call__", refuse)
        assert code_of(ada.order(token, "pause")) == (422, "invalid_order")


def test_a_receiver_whose_name_leads_nowhere(site, ada, monkeypatch):
    def lost(self, url):
        raise EgressUnavailableError("unresolved", "no such name")

    monkeypatch.setattr(type(site.house.egress), "check", lost)
    body = {"url": "https://hooks.example.com"}
    answered = ada.post("/v1/webhook_endpoints", body, headers=KEY)
    assert code_of(answered) == (422, "webhook_url_unresolved")


# Of the installation.


def test_too_many_log_ins_at_once(site, ada, monkeypatch):
    def busy(self, password_hash, password):
        raise PasswordsBusyError("queue is full")

    monkeypatch.setattr(MemoryPasswords, "verify", busy)
    body = {"email": "ada@example.org", "password": PASSWORD}
    answered = site.call("POST", "/v1/auth/login", json=body)
    assert code_of(answered) == (503, "busy")
    assert answered.headers["Retry-After"] == "2"


def test_an_installation_without_a_place_for_exports(house):
    common = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
    export = RequestExport(**common, has_place=False)
    with with_services(house, request_export=export) as client:
        ada = Site(house, services_of(house), client).register()
        answered = ada.post("/v1/audit/exports", {"format": "csv"}, headers=KEY)
        assert code_of(answered) == (503, "exports_not_configured")


def test_a_payment_provider_that_does_not_answer(house, monkeypatch):
    def away(self, *_):
        raise PaymentsUnavailableError("away")

    monkeypatch.setattr(MemoryPayments, "create_customer", away)
    payments = MemoryPayments(house.clock.now)
    with with_services(house, **billing_of(house, payments)) as client:
        ada = Site(house, services_of(house), client).register()
        answered = ada.post("/v1/billing/checkout", {"pack": "small"}, headers=KEY)
        assert code_of(answered) == (503, "payments_unavailable")


# Of a token's own kind.

ARC3 = {"name": "Gold", "unit_name": "GLD", "decimals": 2, "total": "1000"}


def ask_for_arc3(site, ada, **changes):
    kind = publishing_at(lambda digest: "https://meta.example.com/m/x")[TokenKind("arc3_ft")]
    site.house.chain.token = lambda _, parameters: kind.token(parameters)
    return ada.plan(kind="memory_token", token=ARC3 | changes)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("total", "many", "not_an_amount"),
        ("total", "007", "not_an_amount"),
        ("name", " Gold", "surrounding_blank"),
        ("name", "Go\u0301ld", "not_normalized"),
        ("metadata", {"image": "gopher://x"}, "invalid_url"),
        ("metadata", {"image": "https://x.example/a.png", "image_integrity": "x"},
         "invalid_integrity"),
        ("metadata", {"image": "https://x.example/a.png", "image_mimetype": "x"},
         "invalid_media_type"),
        ("metadata", {"background_color": "red"}, "invalid_color"),
        ("metadata", {"extra_metadata": "*"}, "invalid_base64"),
        ("metadata", {"localization": {"uri": "https://x.example/{locale}.json",
                                       "default": "nowhere", "locales": ["not one"]}},
         "invalid_locale"),
    ],
)  # fmt: skip
def test_a_field_of_a_kind_is_named_in_its_own_code(site, ada, field, value, code):
    answered = ask_for_arc3(site, ada, **{field: value})
    assert code in fields_of(answered).values(), answered.text


# All of them.


def test_what_is_for_commands_only_is_answered_to_nobody():
    assert not OF_COMMANDS & EXPECTED
    assert len(EXPECTED) >= 62
    assert {"not_found", "rate_limited", "internal_error", "validation_failed"} <= EXPECTED


def test_a_fault_has_a_place(site, ada):
    faults = (FieldFault("/name", "surrounding_blank", "begins with a blank"),)
    refusal = Refusal(code="invalid_token", detail="one field", faults=faults)
    site.house.chain.token = lambda *_: refusal
    assert fields_of(ada.plan()) == {"/token/name": "surrounding_blank"}
