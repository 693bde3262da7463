"""After the operator has ended all access: who is out, and how they come in again."""

from datetime import timedelta

import pytest
from attrs import evolve

from application.access.api_keys import KeyRequest
from application.operator.end_access import EndAllAccess
from application.ports.storage.work import Scope
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, ApiKeyId, Prefix, parse_id, public_id
from tests.http.site import PASSWORD
from tests.http.test_identity import (
    ask_to_register,
    is_refused,
    letter_to,
    log_in,
    register,
    site,  # noqa: F401 - a fixture
    token_of,
    verify,
)
from tests.http.test_members import accept, invitation_to, invite, joined

GRACE = "grace@example.org"


@pytest.fixture
def ada(site):  # noqa: F811 - the fixture of that name
    return register(site)


def end_all(site, reason="restored"):  # noqa: F811 - as above
    house = site.house
    ending = EndAllAccess(store=house.store, clock=house.clock, identifiers=house.identifiers)
    return ending(reason)


def back_in(person, site, email="ada@example.org"):  # noqa: F811 - as above
    person.token = log_in(site, email).json()["access_token"]
    return person


def enable(person, key):
    return person.post(f"/v1/api_keys/{key.registered['id']}/enable")


def listed(person):
    return {
        each["id"]: (each["active"], each["needs_enabling"])
        for each in person.get("/v1/api_keys").json()["data"]
    }


def events(site, organisation, action):  # noqa: F811 - as above
    with site.house.store.begin(Scope(organisation=organisation)) as work:
        return [each.content() for each in work.audit.all(limit=1_000) if each.action == action]


def test_everybody_is_out_and_logs_in_anew(site, ada):  # noqa: F811 - as above
    tokens = log_in(site).json()
    assert end_all(site) == 1
    is_refused(ada.get("/v1/deployments"), 401, "invalid_token")
    body = {"refresh_token": tokens["refresh_token"]}
    is_refused(site.call("POST", "/v1/auth/refresh", json=body), 401, "invalid_refresh_token")
    back_in(ada, site)
    assert ada.get("/v1/deployments").status_code == 200
    assert len(ada.get("/v1/auth/sessions").json()["data"]) == 1
    assert end_all(site) == 2
    is_refused(ada.get("/v1/deployments"), 401, "invalid_token")


def test_the_installations_trail_says_why(site):  # noqa: F811 - as above
    end_all(site, "restored the backup of Tuesday")
    (event,) = events(site, INSTALLATION, "operator.ended_access")
    assert event["details"] == {"auth_epoch": 1, "reason": "restored the backup of Tuesday"}
    assert event["subject"] == public_id(Prefix.ORGANISATION, INSTALLATION)
    refused = end_all(site, "  ")
    assert isinstance(refused, Refusal)
    assert refused.code == "reason_missing"


def test_api_keys_wait_until_somebody_enables_them_one_by_one(site, ada):  # noqa: F811
    one, two = ada.key(), ada.key()
    end_all(site)
    for key in (one, two):
        answered = key.get("/v1/deployments")
        is_refused(answered, 401, "api_key_not_enabled")
        assert 'error="invalid_token"' in answered.headers["WWW-Authenticate"]
    back_in(ada, site)
    names = [each.registered["id"] for each in (one, two)]
    assert listed(ada) == dict.fromkeys(names, (False, True))
    enabled = enable(ada, one).json()
    assert (enabled["id"], enabled["active"], enabled["needs_enabling"]) == (names[0], True, False)
    assert listed(ada) == {names[0]: (True, False), names[1]: (False, True)}
    assert one.get("/v1/deployments").status_code == 200
    is_refused(two.get("/v1/deployments"), 401, "api_key_not_enabled")
    assert enable(ada, one).status_code == 200
    organisation = parse_id(Prefix.ORGANISATION, ada.organisation)
    (event,) = events(site, organisation, "api_key.enabled")
    assert (event["subject"], event["actor"]["kind"]) == (names[0], "member")
    new = ada.key()
    assert new.get("/v1/deployments").status_code == 200
    end_all(site)
    for key in (one, two, new):
        is_refused(key.get("/v1/deployments"), 401, "api_key_not_enabled")


def test_what_is_over_is_not_enabled(site, ada):  # noqa: F811 - as above
    ends = site.house.clock.now() + timedelta(hours=1)
    revoked, expired = ada.key(), ada.key(expires_at=ends.isoformat())
    ada.post(f"/v1/api_keys/{revoked.registered['id']}/revoke")
    end_all(site)
    site.house.clock.advance(timedelta(hours=1))
    back_in(ada, site)
    for key in (revoked, expired):
        is_refused(enable(ada, key), 409, "api_key_over")
        is_refused(key.get("/v1/deployments"), 401, "invalid_api_key")
    assert set(listed(ada).values()) == {(False, False)}


def test_only_a_person_enables_and_nothing_that_may_do_more_than_they(site, ada):  # noqa: F811
    grace = register(site, GRACE)
    joined(ada, grace, "developer")
    reading, all_of_it = ada.key(scopes=["deployments:read"]), ada.key()
    end_all(site)
    back_in(ada, site)
    body = {"email": GRACE, "password": PASSWORD, "organisation": ada.organisation}
    grace.token = site.call("POST", "/v1/auth/login", json=body).json()["access_token"]
    new = ada.key()
    is_refused(enable(new, reading), 403, "session_required")
    is_refused(enable(grace, all_of_it), 403, "forbidden")
    assert enable(grace, reading).status_code == 200
    eve = register(site, "eve@example.org")
    is_refused(enable(eve, all_of_it), 404, "not_found")
    is_refused(ada.post("/v1/api_keys/key_x/enable"), 404, "not_found")


def test_every_link_in_a_letter_is_dead(site, ada):  # noqa: F811 - as above
    address = "new@example.org"
    grace = register(site, GRACE)
    invite(ada)
    invitation = invitation_to(ada)
    site.call("POST", "/v1/auth/password/reset", json={"email": "ada@example.org"})
    reset = token_of(letter_to(site))
    ask_to_register(site, address)
    registration = token_of(letter_to(site, address))
    end_all(site)
    back_in(grace, site, GRACE)
    is_refused(accept(grace, invitation), 400, "invalid_mail_token")
    body = {"token": reset, "password": "a better battery staple"}
    is_refused(
        site.call("POST", "/v1/auth/password/reset/confirm", json=body), 400, "invalid_mail_token"
    )
    is_refused(verify(site, registration), 400, "invalid_mail_token")
    back_in(ada, site)
    assert ada.get("/v1/members/invitations").json()["data"] == []
    invite(ada)
    assert accept(grace, invitation_to(ada)).status_code == 201


def test_what_is_dead_is_not_sent(site, ada):  # noqa: F811 - as above
    invite(ada)
    end_all(site)
    sent = len(site.house.mail.sent)
    site.house.post()
    assert len(site.house.mail.sent) == sent


def test_whoever_was_let_in_a_moment_before_makes_no_key_that_lasts(site, ada):  # noqa: F811
    """The request of a session passes the door, and then all access is ended."""
    key = ada.key()
    services = site.services
    door = services.authenticate
    bearer = services.tokens.verify(ada.token, site.house.clock.now())
    session = door.session(bearer.session, bearer.user, "req_1")
    by_key = door.api_key(key.token, "req_2")
    end_all(site)
    id = ApiKeyId(parse_id(Prefix.API_KEY, key.registered["id"]))
    assert services.enable_api_key(session, id).code == "invalid_token"
    wanted = KeyRequest(name="x", live=False, scopes=None, expires_at=None)
    assert services.create_api_key(session, wanted).code == "invalid_token"
    assert services.create_api_key(by_key, wanted).code == "invalid_api_key"
    assert services.create_api_key(evolve(session, session=None), wanted).key.auth_epoch == 1


def test_whoever_was_let_in_a_moment_before_they_were_logged_out_makes_none(site, ada):  # noqa: F811
    services = site.services
    bearer = services.tokens.verify(ada.token, site.house.clock.now())
    session = services.authenticate.session(bearer.session, bearer.user, "req_1")
    ada.post("/v1/auth/logout")
    wanted = KeyRequest(name="x", live=False, scopes=None, expires_at=None)
    assert services.create_api_key(session, wanted).code == "invalid_token"
