"""Single sign-on as clients meet it: who is let in as whom, and who is not."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from litestar.testing import TestClient

from adapters.memory.identity_provider import Account, MemoryIdentityProvider
from application.operator.erase import EraseSubject
from application.ports.storage.work import Scope
from domain.identifiers import Prefix, UserId, parse_id
from domain.sign_in import SignInRules
from entrypoints.http.single_sign_on import COOKIE
from tests.application.house import House
from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Person, Site, identity_of, services_of, sign_in_of
from tests.http.test_identity import letter_to, register, token_of

EMAIL = "ada@example.org"
ADA = Account("sub-ada", EMAIL)
OPEN = SignInRules(allowed=frozenset({"example.org"}), signs_up=True)
TRUSTING = SignInRules(
    allowed=frozenset({"example.org"}), trusted=frozenset({"example.org"}), signs_up=True
)


@pytest.fixture
def provider():
    return MemoryIdentityProvider()


@pytest.fixture
def rules():
    return SignInRules()


@pytest.fixture
def site(provider, rules):
    """Where addresses are verified, and one provider's log-in is taken."""
    house = House()
    services = services_of(
        house, **identity_of(house, verifies=True) | sign_in_of(house, rules, provider)
    )
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        yield Site(house, services, client)


def start(site, **body):
    answered = site.call("POST", "/v1/auth/sso/start", json=body)
    assert answered.status_code == 200, answered.text
    return answered.json()


def brought_back(provider, started, account=ADA):
    code, state = provider.log_in(started["authorization_url"], account)
    return {"code": code, "state": state, "flow_token": started["flow_token"]}


def finish(site, body):
    return site.call("POST", "/v1/auth/sso/callback", json=body)


def sign_in(site, provider, account=ADA, **body):
    return finish(site, brought_back(provider, start(site, **body), account))


def link(person, provider, account=ADA, password=PASSWORD):
    started = person.post("/v1/auth/sso/link", {"password": password})
    assert started.status_code == 200, started.text
    back = brought_back(provider, started.json(), account)
    return person.post("/v1/auth/sso/link/confirm", back)


def is_refused(answered, status, code):
    assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text
    return True


def me(site, tokens):
    return Person(site, tokens["access_token"])


def trail_of(person):
    found = person.get("/v1/audit/events?limit=100").json()["data"]
    events = [each["event"] for each in found]
    return [each for each in events if each["action"].startswith(("identity.", "session."))]


# Being linked by oneself, and let in.


def test_who_has_linked_an_identity_signs_in_with_it(site, provider):
    ada = register(site)
    linked = link(ada, provider)
    assert linked.status_code == 200
    assert linked.json()["issuer"] == provider.issuer
    tokens = sign_in(site, provider)
    assert tokens.status_code == 200
    assert tokens.json()["user"] == ada.registered["user"]["id"]
    assert me(site, tokens.json()).get("/v1/auth/sessions").status_code == 200
    assert "A log-in was linked" in letter_to(site).subject
    told = {each["action"]: each["details"] for each in trail_of(ada)}
    assert told["identity.linked"]["by"] == "session"
    assert told["session.opened"]["by"] == "single_sign_on"
    # Of a subject there is no word in the trail.
    assert "sub-ada" not in ada.get("/v1/audit/events?limit=100").text


def test_the_subject_counts_and_not_the_address(site, provider):
    ada = register(site)
    link(ada, provider)
    renamed = Account("sub-ada", "countess@example.net")
    assert sign_in(site, provider, renamed).json()["user"] == ada.registered["user"]["id"]
    # Whoever has her old address at the provider by now.
    assert is_refused(sign_in(site, provider, Account("sub-eve", EMAIL)), 403, "sso_not_linked")


def test_an_identity_that_is_unlinked_lets_nobody_in(site, provider):
    ada = register(site)
    id = link(ada, provider).json()["id"]
    assert [each["id"] for each in ada.get("/v1/auth/identities").json()["data"]] == [id]
    assert ada.call("DELETE", f"/v1/auth/identities/{id}").status_code == 204
    assert is_refused(ada.call("DELETE", f"/v1/auth/identities/{id}"), 404, "not_found")
    assert is_refused(sign_in(site, provider), 403, "sso_not_linked")
    assert link(ada, provider).status_code == 200


def test_an_identity_is_one_persons(site, provider):
    ada, eve = register(site), register(site, "eve@example.org")
    id = link(ada, provider).json()["id"]
    assert is_refused(link(eve, provider), 409, "sso_already_linked")
    assert is_refused(eve.call("DELETE", f"/v1/auth/identities/{id}"), 404, "not_found")
    assert is_refused(link(ada, provider, Account("sub-2", EMAIL)), 409, "sso_already_linked")
    assert sign_in(site, provider).json()["user"] == ada.registered["user"]["id"]


# Attacks on linking.


def test_linking_takes_the_password(site, provider):
    """A found device is not enough to come back for ever."""
    ada = register(site)
    wrong = ada.post("/v1/auth/sso/link", {"password": "not the right one"})
    assert is_refused(wrong, 401, "invalid_credentials")
    for _ in range(4):
        ada.post("/v1/auth/sso/link", {"password": "not the right one"})
    locked = ada.post("/v1/auth/sso/link", {"password": PASSWORD})
    assert is_refused(locked, 423, "account_locked")


def test_an_address_that_the_provider_has_not_verified_links_nobody(site, provider):
    ada = register(site)
    anybody = Account("sub-eve", EMAIL, is_verified=False)
    assert is_refused(sign_in(site, provider, anybody), 403, "sso_not_linked")
    assert is_refused(link(ada, provider, anybody), 403, "address_not_verified")
    assert is_refused(sign_in(site, provider, Account("sub-eve")), 403, "sso_not_linked")


def test_a_verified_address_alone_links_nobody_unless_the_operator_says_so(site, provider):
    """A provider where everybody has the addresses they say."""
    register(site)
    assert is_refused(sign_in(site, provider), 403, "sso_not_linked")


def test_what_somebody_else_has_begun_to_link_is_not_finished_in_another_session(site, provider):
    """Eve's identity in Ada's account: she has Ada confirm what Eve has begun, or the reverse."""
    ada, eve = register(site), register(site, "eve@example.org")
    of_eve = eve.post("/v1/auth/sso/link", {"password": PASSWORD}).json()
    back = brought_back(provider, of_eve, Account("sub-eve", "eve@example.org"))
    assert is_refused(ada.post("/v1/auth/sso/link/confirm", back), 401, "sso_failed")
    again = Person(site, site.log_in("eve@example.org"))
    assert is_refused(again.post("/v1/auth/sso/link/confirm", back), 401, "sso_failed")
    assert ada.get("/v1/auth/identities").json()["data"] == []


def test_a_sign_in_is_no_linking_and_a_linking_no_sign_in(site, provider):
    ada = register(site)
    back = brought_back(provider, start(site))
    assert is_refused(ada.post("/v1/auth/sso/link/confirm", back), 401, "sso_failed")
    begun = ada.post("/v1/auth/sso/link", {"password": PASSWORD}).json()
    assert is_refused(finish(site, brought_back(provider, begun)), 401, "sso_failed")


def test_a_session_that_ended_meanwhile_links_nothing(site, provider):
    ada = register(site)
    begun = ada.post("/v1/auth/sso/link", {"password": PASSWORD}).json()
    back = brought_back(provider, begun)
    ada.post("/v1/auth/logout")
    assert is_refused(ada.post("/v1/auth/sso/link/confirm", back), 401, "invalid_token")


def test_a_new_password_ends_what_the_old_one_has_linked(site, provider):
    """Whoever knew it may have linked an identity of theirs."""
    ada = register(site)
    link(ada, provider, Account("sub-eve", "eve@example.org"))
    assert "linked" in letter_to(site).subject
    site.call("POST", "/v1/auth/password/reset", json={"email": EMAIL})
    token = token_of(letter_to(site))
    body = {"token": token, "password": "a better battery staple"}
    assert site.call("POST", "/v1/auth/password/reset/confirm", json=body).status_code == 204
    answered = sign_in(site, provider, Account("sub-eve", "eve@example.org"))
    assert is_refused(answered, 403, "sso_not_linked")
    ada = Person(site, site.log_in(password="a better battery staple"))
    reasons = [e["details"]["reason"] for e in trail_of(ada) if e["action"] == "identity.unlinked"]
    assert reasons == ["password_reset"]


def test_a_changed_password_ends_them_too(site, provider):
    ada = register(site)
    link(ada, provider)
    body = {"current_password": PASSWORD, "password": "a better battery staple"}
    assert ada.post("/v1/auth/password", body).status_code == 204
    assert is_refused(sign_in(site, provider), 403, "sso_not_linked")


def test_an_api_key_links_nothing(site, provider):
    ada = register(site)
    key = ada.key()
    answered = key.post("/v1/auth/sso/link", {"password": PASSWORD})
    assert is_refused(answered, 403, "session_required")
    assert is_refused(key.get("/v1/auth/identities"), 403, "session_required")
    gone = key.call("DELETE", "/v1/auth/identities/idn_00000000000000000000000000")
    assert is_refused(gone, 403, "session_required")


class TestWhereTheOperatorTrustsTheDomain:
    @pytest.fixture
    def rules(self):
        return TRUSTING

    def test_a_verified_address_links_who_has_it(self, site, provider):
        ada = register(site)
        tokens = sign_in(site, provider)
        assert tokens.json()["user"] == ada.registered["user"]["id"]
        told = {each["action"]: each["details"] for each in trail_of(ada)}
        assert told["identity.linked"]["by"] == "verified_address"
        assert "A log-in was linked" in letter_to(site).subject

    def test_one_that_is_not_verified_links_nobody(self, site, provider):
        ada = register(site)
        anybody = Account("sub-eve", EMAIL, is_verified=False)
        assert is_refused(sign_in(site, provider, anybody), 403, "sso_not_allowed")
        assert ada.get("/v1/auth/identities").json()["data"] == []

    def test_whoever_gets_the_address_later_gets_nobodys_account(self, site, provider):
        register(site)
        assert sign_in(site, provider).status_code == 200
        answered = sign_in(site, provider, Account("sub-successor", EMAIL))
        assert is_refused(answered, 403, "sso_not_linked")

    def test_an_account_that_somebody_made_ahead_of_its_owner_is_not_handed_to_them(
        self, site, provider
    ):
        """With a password of theirs, and an address that was never verified here."""
        register(site)
        users = site.house.store._access.verifications.rows
        users.clear()
        assert is_refused(sign_in(site, provider), 403, "sso_not_linked")

    @pytest.mark.parametrize(
        "address",
        [
            "ada@example.org.evil.example",
            "ada@evil.example",
            "ada@example.org@evil.example",
            "ada@exаmple.org",  # noqa: RUF001 - a Cyrillic letter
            "ada@sub.example.org",
            '"ada@example.org"@evil.example',
            "ada@evil.example\nada@example.org",
            "ada@evil.example,ada@example.org",
        ],
    )
    def test_an_address_that_looks_alike_is_another_one(self, site, provider, address):
        register(site)
        answered = sign_in(site, provider, Account("sub-eve", address))
        assert is_refused(answered, 403, "sso_not_allowed")

    def test_an_address_is_compared_as_log_ins_compare_it(self, site, provider):
        ada = register(site)
        tokens = sign_in(site, provider, Account("sub-ada", " Ada@Example.ORG "))
        assert tokens.json()["user"] == ada.registered["user"]["id"]

    def test_nobody_who_was_erased_comes_back(self, site, provider):
        ada = register(site)
        assert sign_in(site, provider).status_code == 200
        house = site.house
        erase = EraseSubject(store=house.store, clock=house.clock, identifiers=house.identifiers)
        user = UserId(parse_id(Prefix.USER, ada.registered["user"]["id"]))
        erase(user, "asked for it")
        with house.store.begin(Scope(user=user)) as work:
            assert work.identities.all() == []
        # A stranger by now: registered anew.
        assert sign_in(site, provider).json()["user"] != ada.registered["user"]["id"]


class TestWhereNewcomersAreRegistered:
    @pytest.fixture
    def rules(self):
        return OPEN

    def test_somebody_new_has_an_organisation_and_a_verified_address(self, site, provider):
        tokens = sign_in(site, provider, organisation_name="Ada's Assets").json()
        ada = me(site, tokens)
        organisation = ada.get(f"/v1/organisations/{tokens['organisation']}").json()
        assert organisation["name"] == "Ada's Assets"
        assert [each["issuer"] for each in ada.get("/v1/auth/identities").json()["data"]] == [
            provider.issuer
        ]
        again = sign_in(site, provider).json()
        assert (again["user"], again["organisation"]) == (tokens["user"], tokens["organisation"])
        # No letter is left to be answered.
        answered = ada.post("/v1/auth/verify/send")
        assert answered.status_code == 202
        assert site.house.post() == []
        assert site.house.mail.sent == []

    def test_an_organisation_without_a_name_is_called_after_the_domain(self, site, provider):
        tokens = sign_in(site, provider).json()
        found = me(site, tokens).get(f"/v1/organisations/{tokens['organisation']}").json()
        assert found["name"] == "example.org"

    def test_no_password_lets_them_in_before_a_letter_has_chosen_one(self, site, provider):
        sign_in(site, provider)
        for guess in ("", PASSWORD, "erased", "None"):
            body = {"email": EMAIL, "password": guess or "x"}
            answered = site.call("POST", "/v1/auth/login", json=body)
            assert is_refused(answered, 401, "invalid_credentials")

    def test_who_is_registered_already_is_not_registered_again(self, site, provider):
        register(site)
        assert is_refused(sign_in(site, provider), 403, "sso_not_linked")

    @pytest.mark.parametrize(
        "account",
        [
            Account("sub-eve", "eve@evil.example"),
            Account("sub-eve", "eve@example.org", is_verified=False),
            Account("sub-eve"),
        ],
    )
    def test_nobody_of_another_domain_comes_in(self, site, provider, account):
        assert is_refused(sign_in(site, provider, account), 403, "sso_not_allowed")

    def test_who_is_linked_and_of_another_domain_by_now_comes_in_no_more(self, site, provider):
        sign_in(site, provider)
        moved = Account("sub-ada", "ada@elsewhere.example")
        assert is_refused(sign_in(site, provider, moved), 403, "sso_not_allowed")


def test_where_nobody_is_registered_so_nobody_is(site, provider):
    assert is_refused(sign_in(site, provider), 403, "sso_not_linked")
    with site.house.store.begin(Scope()) as work:
        assert work.users.find_login(EMAIL) is None


def test_the_answer_does_not_tell_who_is_known(site, provider):
    register(site)
    known = sign_in(site, provider, Account("sub-1", EMAIL)).json()
    unknown = sign_in(site, provider, Account("sub-2", "nobody@example.org")).json()
    known.pop("request_id")
    unknown.pop("request_id")
    assert known == unknown


# The way there and back.


def test_what_came_back_is_good_once(site, provider):
    link(register(site), provider)
    started = start(site)
    back = brought_back(provider, started)
    # Somebody logs in twice at the same page: the provider would take the second code, too.
    again = brought_back(provider, started)
    assert finish(site, back).status_code == 200
    assert is_refused(finish(site, back), 401, "sso_failed")
    assert is_refused(finish(site, again), 401, "sso_failed")


def test_what_somebody_else_brings_back_is_not_ours(site, provider):
    """Log-in by a link of Eve's: Ada's browser would finish what Eve has begun."""
    link(register(site, "eve@example.org"), provider, Account("sub-eve", "eve@example.org"))
    of_eve = brought_back(provider, start(site), Account("sub-eve", "eve@example.org"))
    of_ada = start(site)
    mixed = of_eve | {"flow_token": of_ada["flow_token"]}
    assert is_refused(finish(site, mixed), 401, "sso_failed")
    stolen = brought_back(provider, of_ada)["code"]
    assert is_refused(finish(site, of_eve | {"code": stolen}), 401, "sso_failed")


def test_a_sign_in_takes_ten_minutes_at_most(site, provider):
    link(register(site), provider)
    back = brought_back(provider, start(site))
    site.house.clock.advance(timedelta(minutes=10))
    assert is_refused(finish(site, back), 401, "sso_failed")


def test_a_provider_that_was_replaced_meanwhile_answers_nothing(site, provider):
    link(register(site), provider)
    back = brought_back(provider, start(site))
    provider.issuer = "https://another.example"
    assert is_refused(finish(site, back), 401, "sso_failed")


def test_an_answer_in_another_providers_name_is_refused(site, provider):
    link(register(site), provider)
    back = brought_back(provider, start(site))
    evil = back | {"iss": "https://evil.example"}
    assert is_refused(finish(site, evil), 401, "sso_failed")


@pytest.mark.parametrize("name", ["flow_token", "state", "code"])
@pytest.mark.parametrize("value", ["x", "A" * 64, "\u2028", "../..", "A" * 65])
def test_made_up_answers_are_refused(site, provider, name, value):
    back = brought_back(provider, start(site)) | {name: value}
    assert finish(site, back).json()["code"] in {"sso_failed", "validation_failed"}


def test_a_provider_that_does_not_answer_is_said_to_be_away(site, provider):
    back = brought_back(provider, start(site))
    provider.is_away = True
    assert is_refused(site.call("POST", "/v1/auth/sso/start", json={}), 503, "sso_unavailable")
    assert is_refused(finish(site, back), 503, "sso_unavailable")


def test_members_of_several_say_which_organisation(site, provider):
    ada = register(site)
    link(ada, provider)
    other = register(site, "eve@example.org")
    invited = other.post("/v1/members/invitations", {"email": EMAIL, "role": "developer"})
    assert invited.status_code == 201, invited.text
    ada.post("/v1/invitations/accept", {"token": token_of(letter_to(site))})
    assert is_refused(sign_in(site, provider), 409, "organisation_needed")
    tokens = sign_in(site, provider, organisation=other.organisation).json()
    assert tokens["organisation"] == other.organisation


def test_nobody_signs_in_for_an_organisation_that_they_are_not_in(site, provider):
    link(register(site), provider)
    other = register(site, "eve@example.org")
    answered = sign_in(site, provider, organisation=other.organisation)
    assert is_refused(answered, 409, "organisation_needed")


def test_starts_are_counted_by_network(site):
    begin = site.services.start_sign_in
    for _ in range(600):
        begin("192.0.2.0/24")
    assert begin("192.0.2.0/24").code == "rate_limited"
    assert begin("198.51.100.0/24").url


# With a browser.


def test_a_browser_keeps_its_secret_in_a_cookie_of_this_host_only(site, provider):
    ada = register(site)
    link(ada, provider)
    led = site.call("GET", "/v1/auth/sso/start", follow_redirects=False)
    assert led.status_code == 303
    cookie = led.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == COOKIE == "__Host-tallystick-sso"
    assert set(rest.split("; ")[1:]) == {
        "Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600",
    }  # fmt: skip
    token = rest.partition(";")[0]
    assert token not in led.headers["location"]
    code, state = provider.log_in(led.headers["location"], ADA)
    # Providers add members of their own.
    query = urlencode({"code": code, "state": state, "session_state": "x", "scope": "openid"})
    sent = {"Cookie": f"theme=dark; {COOKIE}={token}"}
    back = site.call("GET", f"/v1/auth/sso/callback?{query}", headers=sent)
    assert back.json()["user"] == ada.registered["user"]["id"]
    assert back.headers["set-cookie"].startswith(f"{COOKIE}=; ")
    assert "Max-Age=0" in back.headers["set-cookie"]
    assert back.headers["cache-control"] == "no-store"
    assert is_refused(
        site.call("GET", f"/v1/auth/sso/callback?{query}", headers=sent), 401, "sso_failed"
    )


def test_a_browser_that_has_not_begun_finishes_nothing(site, provider):
    link(register(site), provider)
    led = site.call("GET", "/v1/auth/sso/start", follow_redirects=False)
    code, state = provider.log_in(led.headers["location"], ADA)
    for cookie in ({}, {"Cookie": f"{COOKIE}=x"}, {"Cookie": '"'}, {"Cookie": f"{COOKIE}=\x7f"}):
        query = urlencode({"code": code, "state": state})
        site.client.cookies.clear()
        answered = site.call("GET", f"/v1/auth/sso/callback?{query}", headers=cookie)
        assert is_refused(answered, 401, "sso_failed")


@pytest.mark.parametrize(
    "query",
    ["", "error=access_denied&state=x", "code=&state=x", "code=a&code=b&state=x",
     "code=a&state=x&state=y", "code=" + "a" * 5000],
)  # fmt: skip
def test_an_answer_without_one_good_code_is_refused(site, query):
    answered = site.call("GET", f"/v1/auth/sso/callback?{query}")
    assert is_refused(answered, 401, "sso_failed")
    assert "access_denied" not in answered.text


def test_where_there_is_no_provider_it_is_said():
    house = House()
    with TestClient(app_of(services_of(house)), raise_server_exceptions=False) as client:
        site = Site(house, services_of(house), client)
        for method, path in (("GET", "start"), ("POST", "start"), ("GET", "callback?code=a")):
            body = {"json": {}} if method == "POST" else {}
            answered = site.call(method, f"/v1/auth/sso/{path}", **body)
            assert is_refused(answered, 503, "sso_not_configured")
