"""Who gets in, as whom, and for how long."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain.organisation import OF_PEOPLE, PERMISSIONS, Permission, Role
from entrypoints.http.access_tokens import AccessTokens
from entrypoints.http.authentication import source_prefix
from tests.http.site import PASSWORD, Person, without_request_id

LOGIN, REFRESH, LOGOUT = "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"


def log_in(site, email="ada@example.org", password=PASSWORD, **more):
    return site.call("POST", LOGIN, json={"email": email, "password": password} | more)


def refresh(site, token):
    return site.call("POST", REFRESH, json={"refresh_token": token})


def is_in(site, token):
    return site.call(
        "GET", "/v1/credits/balance", headers={"Authorization": f"Bearer {token}"}
    ).status_code == 200  # fmt: skip


def test_somebody_who_registered_can_log_in(site, ada):
    answered = log_in(site, " ADA@example.org ")
    assert answered.status_code == 200
    assert answered.json()["organisation"] == ada.organisation
    assert is_in(site, answered.json()["access_token"])


def test_an_address_registers_once(site, ada):
    answered = site.call(
        "POST",
        "/v1/auth/register",
        json={"email": "ADA@example.org", "password": PASSWORD, "organisation": "Other"},
    )
    assert (answered.status_code, answered.json()["code"]) == (409, "email_taken")


def test_an_unknown_address_is_answered_like_a_wrong_password(site, ada):
    wrong = log_in(site, password="something else")
    unknown = log_in(site, "nobody@example.org")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert without_request_id(wrong) == without_request_id(unknown)


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_five_failures_lock_an_address_known_or_not(site, ada, email):
    for _ in range(5):
        assert log_in(site, email, "something else").status_code == 401
    locked = log_in(site, email)
    assert (locked.status_code, locked.json()["code"]) == (423, "account_locked")
    assert locked.headers["Retry-After"] == "900"
    assert locked.json()["retry"] == "after_cooldown"
    site.house.pass_time(timedelta(minutes=15))
    assert log_in(site, email).status_code == (200 if email.startswith("ada") else 401)


def test_a_stranger_elsewhere_locks_nobody_out(site, ada, services):
    assert source_prefix("192.0.2.77", [], 0) == "192.0.2.0/24"
    assert source_prefix("::ffff:192.0.2.77", [], 0) == "192.0.2.0/24"
    assert source_prefix("2001:db8:1:2::3", [], 0) == "2001:db8:1::/48"
    assert source_prefix("a socket", [], 0) == "unknown"


def test_only_our_own_proxies_say_where_a_request_comes_from():
    headers = ["203.0.113.9, 198.51.100.7"]
    assert source_prefix("192.0.2.77", headers, 0) == "192.0.2.0/24"
    assert source_prefix("192.0.2.77", headers, 1) == "198.51.100.0/24"
    assert source_prefix("192.0.2.77", headers, 2) == "203.0.113.0/24"
    assert source_prefix("192.0.2.77", [], 1) == "192.0.2.0/24"
    a_line_each = ["6.6.6.6", "198.51.100.7"]
    assert source_prefix("192.0.2.77", a_line_each, 1) == "198.51.100.0/24"
    assert source_prefix("192.0.2.77", ["198.51.100.7:51234"], 1) == "198.51.100.0/24"
    assert source_prefix("192.0.2.77", ["[2001:db8:1::3]:443"], 1) == "2001:db8:1::/48"


def test_a_foreign_organisation_cannot_be_chosen(site, ada):
    bob = site.register("bob@example.org")
    answered = log_in(site, organisation=bob.organisation)
    assert (answered.status_code, answered.json()["code"]) == (409, "organisation_needed")
    assert log_in(site, organisation=ada.organisation).status_code == 200


def test_an_access_token_lasts_ten_minutes(site, ada):
    site.house.pass_time(timedelta(minutes=9))
    assert is_in(site, ada.token)
    site.house.pass_time(timedelta(minutes=2))
    answered = ada.get("/v1/credits/balance")
    assert (answered.status_code, answered.json()["code"]) == (401, "invalid_token")
    assert (
        answered.headers["WWW-Authenticate"] == 'Bearer realm="tallystick", error="invalid_token"'
    )


def test_a_refresh_token_is_good_once_with_a_grace_for_lost_answers(site, ada):
    token = ada.registered["tokens"]["refresh_token"]
    first = refresh(site, token).json()["refresh_token"]
    assert refresh(site, token).json()["refresh_token"] == first, "the same successor"
    assert is_in(site, refresh(site, first).json()["access_token"])


def test_a_refresh_token_used_twice_revokes_the_session(site, ada):
    token = ada.registered["tokens"]["refresh_token"]
    successor = refresh(site, token).json()
    site.house.pass_time(timedelta(seconds=11))
    reused = refresh(site, token)
    assert (reused.status_code, reused.json()["code"]) == (401, "refresh_token_reused")
    assert not is_in(site, successor["access_token"])
    assert refresh(site, successor["refresh_token"]).json()["code"] == "invalid_refresh_token"


@pytest.mark.parametrize("token", ["x", "é", "A" * 128, "=" * 128])
def test_nonsense_is_no_refresh_token(site, token):
    answered = refresh(site, token)
    assert (answered.status_code, answered.json()["code"]) == (401, "invalid_refresh_token")


def test_logging_out_ends_the_session_at_once(site, ada):
    assert ada.post(LOGOUT).status_code == 204
    assert not is_in(site, ada.token)
    answered = refresh(site, ada.registered["tokens"]["refresh_token"])
    assert answered.json()["code"] == "invalid_refresh_token"


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "Bearer ", "bearer\t"])
def test_without_credentials_one_is_asked_for_them(site, header):
    headers = {} if header is None else {"Authorization": header}
    answered = site.call("GET", "/v1/deployments", headers=headers)
    assert (answered.status_code, answered.json()["code"]) == (401, "authentication_required")
    assert answered.headers["WWW-Authenticate"] == 'Bearer realm="tallystick"'


def forged(ada, services):
    other = AccessTokens(bytes(32), services.tokens.installation)
    elsewhere = AccessTokens(services.tokens.seed, UUID(int=7))
    user, session = b"x" * 16, b"y" * 16
    now = services.clock.now()
    head, body, signature = ada.token.split(".")
    yield "another key", other.issue(_id(user), _id(session), now)
    yield "another installation", elsewhere.issue(_id(user), _id(session), now)
    yield "a session that is none", services.tokens.issue(_id(user), _id(session), now)
    yield "no algorithm", f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{body}."
    yield "no signature", f"{head}.{body}."
    yield "another signature", f"{head}.{body}.{'A' * len(signature)}"
    yield "nonsense", "a.b.c"
    yield "not ASCII", "é.é.é"


def _id(raw):
    return UUID(bytes=raw)


def test_forged_tokens_are_refused(site, ada, services):
    for why, token in forged(ada, services):
        answered = site.call(
            "GET", "/v1/deployments", headers={"Authorization": f"Bearer {token}".encode()}
        )
        assert (answered.status_code, answered.json()["code"]) == (401, "invalid_token"), why


def test_the_public_key_is_published(site, services):
    (key,) = site.call("GET", "/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["crv"], key["use"]) == ("OKP", "Ed25519", "sig")
    assert "d" not in key


def test_an_api_key_acts_for_its_organisation_until_it_is_revoked(site, ada):
    key = ada.key(name="ci")
    assert key.token.startswith("tsk_test_")
    assert key.deploy()["requested_by"] == key.registered["id"]
    shown = ada.get("/v1/api_keys")
    assert key.token not in shown.text
    assert shown.json()["data"][0]["hint"] == f"…{key.token[-12:-8]}"
    revoked = ada.post(f"/v1/api_keys/{key.registered['id']}/revoke")
    assert (revoked.status_code, revoked.json()["active"]) == (200, False)
    answered = key.get("/v1/deployments")
    assert (answered.status_code, answered.json()["code"]) == (401, "invalid_api_key")


def test_an_api_key_expires(site, ada):
    expires_at = (site.house.clock.now() + timedelta(hours=1)).isoformat()
    key = ada.key(expires_at=expires_at)
    assert key.get("/v1/deployments").status_code == 200
    site.house.pass_time(timedelta(hours=1))
    assert key.get("/v1/deployments").json()["code"] == "invalid_api_key"


def test_an_api_key_cannot_be_born_dead(site, ada):
    answered = ada.post("/v1/api_keys", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"})
    assert (answered.status_code, answered.json()["code"]) == (400, "expiry_in_the_past")


@pytest.mark.parametrize("expires_at", ["tomorrow", "2030-01-01", "2030-01-01T00:00:00", 1, ""])
def test_an_instant_has_a_zone(ada, expires_at):
    answered = ada.post("/v1/api_keys", {"name": "x", "expires_at": expires_at})
    assert answered.json()["errors"][0]["pointer"] == "/expires_at"


def test_the_faults_of_an_api_key_are_listed_at_once(ada):
    answered = ada.post("/v1/api_keys", {"scopes": ["all", 1], "live": "no", "ip": []})
    assert {(f["pointer"], f["code"]) for f in answered.json()["errors"]} == {
        ("/name", "missing"),
        ("/scopes/0", "not_offered"),
        ("/scopes/1", "wrong_type"),
        ("/live", "wrong_type"),
        ("/ip", "unknown_field"),
    }


def test_a_key_does_what_its_scopes_say_and_no_more(ada):
    reader = ada.key(scopes=["deployments:read", "api_keys:write"])
    assert reader.get("/v1/deployments").status_code == 200
    assert reader.create().json()["code"] == "forbidden"
    assert reader.plan().json()["code"] == "forbidden"
    assert reader.get("/v1/credits/balance").json()["code"] == "forbidden"
    more = reader.post("/v1/api_keys", {"name": "more", "scopes": ["credits:read"]})
    assert (more.status_code, more.json()["code"]) == (403, "forbidden")


def test_a_live_key_does_nothing_on_other_networks(ada):
    deployment = ada.deploy()
    live = ada.key(live=True)
    assert live.token.startswith("tsk_live_")
    assert live.create("other").json()["code"] == "mode_mismatch"
    assert live.get(f"/v1/deployments/{deployment['id']}").json()["code"] == "mode_mismatch"
    assert live.get("/v1/deployments").json()["data"] == []
    assert live.get("/v1/deployments?live=false").json()["code"] == "mode_mismatch"
    assert ada.key().post("/v1/api_keys", {"name": "x", "live": True}).status_code == 403


def test_a_key_has_no_session_to_end(ada):
    answered = ada.key().post(LOGOUT)
    assert (answered.status_code, answered.json()["code"]) == (403, "session_required")


@pytest.mark.parametrize("change", [str.upper, lambda key: key[:-1] + "0", lambda key: key + "0"])
def test_a_mistyped_key_is_refused(ada, change):
    key = ada.key()
    key.token = change(key.token)
    assert key.get("/v1/deployments").status_code == 401


ROUTES = {
    Permission.READ_ORGANISATION: ["GET /v1/organisations"],
    Permission.READ_DEPLOYMENTS: ["GET /v1/deployments", "GET /v1/accounts"],
    Permission.WRITE_DEPLOYMENTS: ["POST /v1/deployments", "POST /v1/deployments/plan"],
    Permission.READ_CREDITS: ["GET /v1/credits/balance", "GET /v1/credits/journal"],
    Permission.READ_AUDIT: ["GET /v1/deployments/{deployment}/audit_events"],
    Permission.READ_API_KEYS: ["GET /v1/api_keys"],
    Permission.WRITE_API_KEYS: ["POST /v1/api_keys"],
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_one_table_says(ada, role):
    """As a key with the role's scopes, but for what people do (`test_members.py`);
    `deployments:read` finds the thing that is asked about."""
    deployment = ada.deploy()["id"]
    key = ada.key(scopes=sorted(PERMISSIONS[role] - OF_PEOPLE))
    for permission, routes in ROUTES.items():
        for route in routes:
            method, path = route.format(deployment=deployment).split()
            answered = key.call(method, path, **({"json": {}} if method == "POST" else {}))
            is_refused = answered.status_code == 403 and answered.json()["code"] == "forbidden"
            assert is_refused == (permission not in PERMISSIONS[role]), (role, route)


def test_nobody_is_let_in_as_a_person_of_another_session(site, ada):
    """The token names user and session; the pair must exist."""
    bob = site.register("bob@example.org")
    tokens, now = site.services.tokens, site.services.clock.now()
    mine, theirs = (tokens.verify(each.token, now) for each in (ada, bob))
    mixed = Person(site, tokens.issue(mine.user, theirs.session, now))
    assert mixed.get("/v1/credits/balance").status_code == 401
