"""People as the API meets them: letters, verification, passwords, sessions."""

import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from attrs import evolve
from litestar.testing import TestClient

from adapters.folder import FolderMail
from application.ports.storage.work import Scope
from domain.network import NetworkClass
from entrypoints.http.app import create_app
from tests.application.house import House
from tests.http.site import PASSWORD, Site, identity_of, services_of

EMAIL = "ada@example.org"
ANOTHER = "a better battery staple"


@pytest.fixture
def site():
    """Where addresses are verified."""
    house = House()
    services = services_of(house, **identity_of(house, verifies=True))
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield Site(house, services, client)


def token_of(letter):
    """What stands on a line of its own, long as nothing else."""
    text = letter if isinstance(letter, str) else letter.text
    (token,) = re.findall(r"^    ([\w-]{80,})\r?$", text, re.MULTILINE)
    return token


def ask_to_register(site, email=EMAIL, password=PASSWORD):
    body = {"email": email, "password": password, "organisation": "Ada's Assets"}
    return site.call("POST", "/v1/auth/register", json=body)


def letter_to(site, email=EMAIL):
    """The newest one."""
    site.house.post()
    return next(message for message in reversed(site.house.mail.sent) if message.to == email)


def verify(site, token, password=PASSWORD):
    return site.call("POST", "/v1/auth/verify", json={"token": token, "password": password})


def register(site, email=EMAIL):
    assert ask_to_register(site, email).status_code == 202
    answered = verify(site, token_of(letter_to(site, email)))
    assert answered.status_code == 200, answered.text
    return site.person(answered.json())


def is_refused(answered, status, code):
    assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text


def on_a_test_network(house):
    network = evolve(house.chain.network, network_class=NetworkClass.TEST)
    with house.store.begin(Scope.installation()) as work:
        work.networks.register(network)
    house.chain._network = network


def test_from_a_registration_to_a_token_on_a_test_network(tmp_path):
    house = House(ready=False)
    on_a_test_network(house)
    house.move_in()
    house.chain.fund(house.signer.address, 10**15)
    services = services_of(house, **identity_of(house, verifies=True))
    folder = FolderMail(folder=tmp_path, sender="Tallystick <issue@example.com>")
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        site = Site(house, services, client)
        assert ask_to_register(site).status_code == 202
        assert house.post(house.send_letter(mail=folder)) == []
        (file,) = tmp_path.glob("*.eml")
        letter = message_from_bytes(file.read_bytes(), policy=policy.default)
        assert (letter["to"], letter["subject"]) == (EMAIL, "Finish your registration")
        ada = site.person(verify(site, token_of(letter.get_content())).json())
        site.give_key(ada.organisation)
        grants_a_paid_tariff(house, ada)
        deployment = ada.deploy()
        site.work_until_done()
        assert ada.get(f"/v1/deployments/{deployment['id']}").json()["state"] == "Completed"


def grants_a_paid_tariff(house, person):
    from domain.identifiers import Prefix, parse_id
    from tests.catalogue import UNLIMITED

    house.set_tariff(parse_id(Prefix.ORGANISATION, person.organisation), UNLIMITED, "for a test")


def test_before_the_token_comes_back_there_is_nobody(site):
    before = len(site.house.store._access.organisations.rows)
    assert ask_to_register(site).json() == {"status": "letter_written"}
    is_refused(log_in(site), 401, "invalid_credentials")
    assert len(site.house.store._access.organisations.rows) == before


def log_in(site, email=EMAIL, password=PASSWORD):
    return site.call("POST", "/v1/auth/login", json={"email": email, "password": password})


def test_a_token_is_good_once(site):
    ask_to_register(site)
    token = token_of(letter_to(site))
    assert verify(site, token).status_code == 200
    is_refused(verify(site, token), 400, "invalid_mail_token")


@pytest.mark.parametrize(
    "change", [lambda t: t[:-2] + "AA", lambda t: t + "A", lambda t: "no", str.lower]
)
def test_no_other_token_is_good(site, change):
    ask_to_register(site)
    token = token_of(letter_to(site))
    is_refused(verify(site, change(token)), 400, "invalid_mail_token")
    assert verify(site, token).status_code == 200


def test_a_token_is_good_for_a_day(site):
    ask_to_register(site)
    token = token_of(letter_to(site))
    site.house.pass_time(timedelta(hours=24))
    is_refused(verify(site, token), 400, "invalid_mail_token")


def test_whoever_only_reads_the_mail_cannot_finish_what_somebody_else_began(site):
    ask_to_register(site)
    token = token_of(letter_to(site))
    for _ in range(5):
        is_refused(verify(site, token, "a guess of a password"), 401, "invalid_credentials")
    is_refused(verify(site, token), 423, "account_locked")


def test_a_token_of_one_kind_is_none_of_another(site):
    ada = register(site)
    ask_for_password(site)
    is_refused(verify(site, token_of(letter_to(site))), 400, "invalid_mail_token")
    ask_to_register(site, "grace@example.org")
    other = token_of(letter_to(site, "grace@example.org"))
    is_refused(reset(site, other), 400, "invalid_mail_token")
    assert ada.get("/v1/auth/sessions").status_code == 200


def test_a_known_address_is_answered_like_an_unknown_one_and_its_owner_is_told(site):
    register(site)
    again = ask_to_register(site)
    fresh = ask_to_register(site, "grace@example.org")
    assert (again.status_code, again.json()) == (fresh.status_code, fresh.json())
    told = letter_to(site)
    assert told.subject == "You are registered already"
    # The other password does not log in.
    ask_to_register(site, password=ANOTHER)
    is_refused(log_in(site, password=ANOTHER), 401, "invalid_credentials")


def test_the_first_of_two_registrations_of_one_address_has_it(site):
    ask_to_register(site)
    first = token_of(letter_to(site))
    ask_to_register(site, password=ANOTHER)
    second = token_of(letter_to(site))
    assert verify(site, second, ANOTHER).status_code == 200
    is_refused(verify(site, first), 409, "email_taken")


def test_an_address_gets_three_letters_an_hour_and_the_answer_does_not_tell(site):
    answers = [ask_to_register(site) for _ in range(5)]
    assert {(each.status_code, each.text) for each in answers} == {
        (202, '{"status":"letter_written"}')
    }
    site.house.post()
    assert len(site.house.mail.sent) == 3
    site.house.pass_time(timedelta(hours=1))
    ask_to_register(site)
    site.house.post()
    assert len(site.house.mail.sent) == 4


def test_a_network_has_thirty_letters_an_hour(site):
    for number in range(30):
        assert ask_to_register(site, f"ada{number}@example.org").status_code == 202
    refused = ask_to_register(site, "one-more@example.org")
    is_refused(refused, 429, "rate_limited")
    assert refused.headers["retry-after"] == "3600"
    is_refused(ask_for_password(site), 429, "rate_limited")


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nX: y",
        "ada@example.org,eve@example.org",
        '"ada, eve"@example.org',
        "<ada@example.org>",
        "ada(comment)@example.org",
        "ådå@example.org",
        "a:ada@example.org;",
    ],
)
def test_no_letter_goes_to_what_is_not_one_plain_address(site, email):
    is_refused(ask_to_register(site, email), 400, "validation_failed")
    site.house.post()
    assert site.house.mail.sent == []


def test_an_organisations_name_stays_out_of_headers(site):
    body = {"email": EMAIL, "password": PASSWORD, "organisation": "Your Bank {token} Subject: x"}
    assert site.call("POST", "/v1/auth/register", json=body).status_code == 202
    letter = letter_to(site)
    assert "Bank" not in letter.subject
    assert "    Your Bank {token} Subject: x\n" in letter.text


def test_without_mail_nobody_registers_where_addresses_are_verified():
    house = House()
    parts = identity_of(house)
    parts["register"] = house.registering(verifies=True, has_mail=False)
    services = services_of(house, **parts)
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        is_refused(ask_to_register(Site(house, services, client)), 503, "mail_not_configured")


def test_whoever_was_there_before_verifies_with_a_letter(site):
    ada = register(site)
    site.house.store._access.verifications.rows.clear()
    answered = ada.post("/v1/auth/verify/send")
    assert (answered.status_code, answered.json()) == (202, {"status": "letter_written"})
    token = token_of(letter_to(site))
    is_refused(verify(site, token, ANOTHER), 401, "invalid_credentials")
    assert verify(site, token).status_code == 200
    assert site.house.store._access.verifications.rows
    sent = len(site.house.mail.sent)
    assert ada.post("/v1/auth/verify/send").status_code == 202
    site.house.post()
    assert len(site.house.mail.sent) == sent, "nothing is left to verify"


# Passwords.


def ask_for_password(site, email=EMAIL):
    return site.call("POST", "/v1/auth/password/reset", json={"email": email})


def reset(site, token, password=ANOTHER):
    body = {"token": token, "password": password}
    return site.call("POST", "/v1/auth/password/reset/confirm", json=body)


def test_a_forgotten_password_is_chosen_anew_and_everything_else_is_over(site):
    ada = register(site)
    elsewhere = log_in(site).json()
    ask_for_password(site)
    older = token_of(letter_to(site))
    ask_for_password(site)
    token = token_of(letter_to(site))
    assert reset(site, token).status_code == 204
    is_refused(ada.get("/v1/auth/sessions"), 401, "invalid_token")
    refresh = {"refresh_token": elsewhere["refresh_token"]}
    is_refused(site.call("POST", "/v1/auth/refresh", json=refresh), 401, "invalid_refresh_token")
    is_refused(reset(site, token), 400, "invalid_mail_token")
    is_refused(reset(site, older), 400, "invalid_mail_token")
    is_refused(log_in(site), 401, "invalid_credentials")
    assert log_in(site, password=ANOTHER).status_code == 200
    assert letter_to(site).subject == "Your password was changed"


def test_asking_for_a_password_tells_nothing_of_who_is_registered(site):
    register(site)
    known, unknown = ask_for_password(site), ask_for_password(site, "nobody@example.org")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    site.house.post()
    assert [each.to for each in site.house.mail.sent if "new password" in each.subject] == [EMAIL]


def test_a_weak_password_does_not_use_the_token_up(site):
    register(site)
    ask_for_password(site)
    token = token_of(letter_to(site))
    answered = reset(site, token, "short")
    is_refused(answered, 400, "validation_failed")
    assert answered.json()["errors"][0]["pointer"] == "/password"
    assert reset(site, token).status_code == 204


def test_a_token_for_a_password_is_good_for_an_hour(site):
    register(site)
    ask_for_password(site)
    token = token_of(letter_to(site))
    site.house.pass_time(timedelta(hours=1))
    is_refused(reset(site, token), 400, "invalid_mail_token")


def test_a_locked_address_gets_in_again_by_a_new_password(site):
    register(site)
    for _ in range(5):
        log_in(site, password=ANOTHER)
    is_refused(log_in(site), 423, "account_locked")
    ask_for_password(site)
    assert reset(site, token_of(letter_to(site))).status_code == 204
    assert log_in(site, password=ANOTHER).status_code == 200


def change(person, current, new):
    return person.post("/v1/auth/password", {"current_password": current, "password": new})


def test_whoever_changes_their_password_stays_in_and_others_do_not(site):
    ada = register(site)
    elsewhere = site.person({**ada.registered, "tokens": log_in(site).json()})
    ask_for_password(site)
    token = token_of(letter_to(site))
    assert change(ada, PASSWORD, ANOTHER).status_code == 204
    assert ada.get("/v1/auth/sessions").status_code == 200
    is_refused(elsewhere.get("/v1/auth/sessions"), 401, "invalid_token")
    is_refused(reset(site, token, PASSWORD), 400, "invalid_mail_token")
    assert log_in(site, password=ANOTHER).status_code == 200
    assert letter_to(site).subject == "Your password was changed"


def test_guessing_the_current_password_locks_like_logging_in(site):
    ada = register(site)
    for _ in range(5):
        is_refused(change(ada, ANOTHER, ANOTHER + "!"), 401, "invalid_credentials")
    is_refused(change(ada, PASSWORD, ANOTHER), 423, "account_locked")
    is_refused(log_in(site), 423, "account_locked")


def test_an_api_key_has_neither_password_nor_sessions(site):
    key = register(site).key()
    is_refused(change(key, PASSWORD, ANOTHER), 403, "session_required")
    is_refused(key.get("/v1/auth/sessions"), 403, "session_required")
    is_refused(key.post("/v1/auth/verify/send"), 403, "session_required")


# Sessions.


def test_sessions_are_listed_and_ended(site):
    ada = register(site)
    site.house.pass_time(timedelta(minutes=1))
    other = log_in(site).json()
    newest, oldest = ada.get("/v1/auth/sessions").json()["data"]
    assert (newest["id"], newest["current"]) == (other["session"], False)
    assert (oldest["id"], oldest["current"]) == (ada.registered["tokens"]["session"], True)
    assert ada.call("DELETE", f"/v1/auth/sessions/{newest['id']}").status_code == 204
    elsewhere = site.person({**ada.registered, "tokens": other})
    is_refused(elsewhere.get("/v1/auth/sessions"), 401, "invalid_token")
    assert [each["id"] for each in ada.get("/v1/auth/sessions").json()["data"]] == [oldest["id"]]
    assert ada.call("DELETE", f"/v1/auth/sessions/{newest['id']}").status_code == 204


def test_a_strangers_session_is_none(site):
    ada, eve = register(site), register(site, "eve@example.org")
    theirs = ada.registered["tokens"]["session"]
    is_refused(eve.call("DELETE", f"/v1/auth/sessions/{theirs}"), 404, "not_found")
    assert ada.get("/v1/auth/sessions").status_code == 200


def test_nobody_switches_to_where_they_are_no_member(site):
    ada, eve = register(site), register(site, "eve@example.org")
    answered = eve.post("/v1/auth/switch", {"organisation": ada.organisation})
    is_refused(answered, 404, "not_found")
    same = eve.post("/v1/auth/switch", {"organisation": eve.organisation})
    assert same.json()["organisation"] == eve.organisation


def from_network(site, number, email, password=PASSWORD):
    headers = {"X-Forwarded-For": f"192.0.{number}.1"}
    body = {"email": email, "password": password}
    return site.call("POST", "/v1/auth/login", json=body, headers=headers)


def test_whoever_tries_a_list_of_addresses_is_stopped_and_others_are_not():
    house = House()
    services = services_of(house, trusted_proxies=1, **identity_of(house, verifies=True))
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        site = Site(house, services, client)
        register(site)
        for number in range(100):
            wrong = from_network(site, 2, f"stolen{number}@example.org")
            is_refused(wrong, 401, "invalid_credentials")
        stopped = from_network(site, 2, EMAIL)
        is_refused(stopped, 429, "rate_limited")
        # Known or not, it is the same answer.
        assert from_network(site, 2, "nobody@example.org").json()["code"] == "rate_limited"
        assert from_network(site, 3, EMAIL).status_code == 200
        house.pass_time(timedelta(hours=1))
        assert from_network(site, 2, EMAIL).status_code == 200
