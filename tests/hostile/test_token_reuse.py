"""Whatever let somebody in once: dead after log-out, a new password, removal, or its own use."""

from datetime import timedelta

import pytest
from litestar.testing import TestClient

from tests.application.house import House
from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Person, Site, identity_of, services_of
from tests.http.test_identity import letter_to, register, token_of

EMAIL, NEW = "ada@example.org", "a better battery staple"


@pytest.fixture
def site():
    house = House()
    services = services_of(house, **identity_of(house, verifies=True))
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        yield Site(house, services, client)


def opened(site, email=EMAIL, password=PASSWORD):
    """Access and refresh token of a new session."""
    body = {"email": email, "password": password}
    return site.call("POST", "/v1/auth/login", json=body).json()


def is_dead(site, tokens):
    access = Person(site, tokens["access_token"]).get("/v1/auth/sessions")
    body = {"refresh_token": tokens["refresh_token"]}
    refresh = site.call("POST", "/v1/auth/refresh", json=body)
    return (access.status_code, refresh.status_code) == (401, 401)


def reset_token(site):
    site.call("POST", "/v1/auth/password/reset", json={"email": EMAIL})
    return token_of(letter_to(site))


def confirm(site, token, password=NEW):
    body = {"token": token, "password": password}
    return site.call("POST", "/v1/auth/password/reset/confirm", json=body)


def test_after_logging_out_neither_token_of_the_session_is_good(site):
    register(site)
    tokens, other = opened(site), opened(site)
    Person(site, tokens["access_token"]).post("/v1/auth/logout")
    assert is_dead(site, tokens)
    assert not is_dead(site, other)


def test_after_a_changed_password_every_other_session_is_dead(site):
    register(site)
    here, there = opened(site), opened(site)
    body = {"current_password": PASSWORD, "password": NEW}
    assert Person(site, here["access_token"]).post("/v1/auth/password", body).status_code == 204
    assert is_dead(site, there)
    assert not is_dead(site, here)
    assert opened(site)["code"] == "invalid_credentials"


def test_after_a_changed_password_a_letter_of_before_is_no_good(site):
    """Whoever read the mail last week does not come in today."""
    register(site)
    token = reset_token(site)
    body = {"current_password": PASSWORD, "password": NEW}
    Person(site, opened(site)["access_token"]).post("/v1/auth/password", body)
    assert confirm(site, token, "and another one still").json()["code"] == "invalid_mail_token"
    assert opened(site, password=NEW)["access_token"]


def test_after_a_password_by_letter_all_of_before_is_dead(site):
    register(site)
    one, two = reset_token(site), reset_token(site)
    before = [opened(site), opened(site)]
    assert confirm(site, two).status_code == 204
    assert all(is_dead(site, each) for each in before)
    assert confirm(site, one, "and another one still").json()["code"] == "invalid_mail_token"
    assert confirm(site, two, "and another one still").json()["code"] == "invalid_mail_token"


def test_a_refresh_token_that_is_used_again_ends_the_session_for_both(site):
    register(site)
    tokens = opened(site)
    body = {"refresh_token": tokens["refresh_token"]}
    thief = site.call("POST", "/v1/auth/refresh", json=body).json()
    site.house.clock.advance(timedelta(seconds=11))
    again = site.call("POST", "/v1/auth/refresh", json=body)
    assert again.json()["code"] == "refresh_token_reused"
    assert is_dead(site, thief)
    assert is_dead(site, tokens)


def test_a_verification_is_good_once(site):
    body = {"email": EMAIL, "password": PASSWORD, "organisation": "Ada's"}
    site.call("POST", "/v1/auth/register", json=body)
    token = token_of(letter_to(site))
    codes = [
        site.call("POST", "/v1/auth/verify", json={"token": token, "password": PASSWORD})
        for _ in range(2)
    ]
    assert [each.status_code for each in codes] == [200, 400]


def invited(site, owner, email=EMAIL):
    made = owner.post("/v1/members/invitations", {"email": email, "role": "owner"}).json()
    return made["id"], token_of(letter_to(site, email))


def test_an_invitation_is_good_once_also_after_its_guest_was_removed(site):
    ada, owner = register(site), register(site, "owner@example.org")
    _, token = invited(site, owner)
    joined = ada.post("/v1/invitations/accept", {"token": token})
    assert joined.status_code == 201, joined.text
    owner.call("DELETE", f"/v1/members/{joined.json()['id']}")
    again = ada.post("/v1/invitations/accept", {"token": token})
    assert again.json()["code"] == "invalid_mail_token"


def test_an_invitation_that_was_withdrawn_is_over(site):
    ada, owner = register(site), register(site, "owner@example.org")
    id, token = invited(site, owner)
    owner.call("DELETE", f"/v1/members/invitations/{id}")
    assert ada.post("/v1/invitations/accept", {"token": token}).status_code == 400


def test_who_was_removed_is_out_with_every_session_and_key_they_have(site):
    ada, owner = register(site), register(site, "owner@example.org")
    _, token = invited(site, owner)
    member = ada.post("/v1/invitations/accept", {"token": token}).json()["id"]
    ada.post("/v1/auth/switch", {"organisation": owner.organisation})
    key = ada.key()
    assert key.get("/v1/deployments").status_code == 200
    owner.call("DELETE", f"/v1/members/{member}")
    assert ada.get("/v1/deployments").status_code == 401
    assert key.get("/v1/deployments").status_code == 401
    assert ada.post("/v1/auth/switch", {"organisation": owner.organisation}).status_code == 401


def test_no_token_is_good_where_another_kind_is_wanted(site):
    ada, owner = register(site), register(site, "owner@example.org")
    _, invitation = invited(site, owner)
    reset = reset_token(site)
    tokens = opened(site)
    flow = "A" * 64
    for token in (invitation, reset, tokens["refresh_token"], tokens["access_token"], flow):
        bearer = Person(site, token).get("/v1/auth/sessions")
        assert bearer.status_code == (200 if token == tokens["access_token"] else 401)
        if token != tokens["refresh_token"]:
            body = {"refresh_token": token[:500]}
            assert site.call("POST", "/v1/auth/refresh", json=body).status_code in {400, 401}
        if token != reset:
            assert confirm(site, token[:500]).status_code == 400
        if token != invitation:
            answered = ada.post("/v1/invitations/accept", {"token": token[:500]})
            assert answered.status_code == 400
