"""The adapter against a provider that really speaks OpenID Connect, honest and not."""

import json

import pytest

from adapters.egress import Guard, Rules
from application.ports.identity_provider import (
    Identified,
    IdentityRefusedError,
    IdentityUnavailableError,
)
from tests.oidc.conftest import a_handshake, answer_of, connected
from tests.oidc.provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Key,
    Person,
    Provider,
    a_key,
    hs256,
    token,
)

OTHER = a_key("RS256", "other")


def who_comes(client, provider, handshake=None, person=None, **changes):
    shaken = handshake or a_handshake()
    back = provider.log_in(client.page(shaken), person)
    return client.identify(answer_of(back, **changes), shaken)


def refusal(client, provider, *args, **changes):
    with pytest.raises(IdentityRefusedError) as refused:
        who_comes(client, provider, *args, **changes)
    return refused.value.code


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA", "Ed25519"])
def test_somebody_logs_in(client, provider, alg):
    provider.keys = [a_key(alg, "the-key")]
    assert who_comes(client, provider) == Identified(
        issuer=provider.issuer, subject="sub-ada", verified_email="ada@example.org"
    )


def test_what_the_page_is_asked_with_tells_no_secret(client, provider):
    url = client.page(a_handshake())
    assert a_handshake().verifier not in url
    assert f"nonce={a_handshake().nonce}" in url
    assert "code_challenge_method=S256" in url


def test_the_secret_may_travel_in_the_body_where_the_provider_takes_nothing_else(client, provider):
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert who_comes(client, provider).subject == "sub-ada"


def test_another_secret_is_refused(provider, guard, clock):
    client = connected(provider, guard, clock, secret="wrong")
    assert refusal(client, provider) == "client"


# Codes, and what belongs to them.


def test_a_code_is_good_once(client, provider):
    back = provider.log_in(client.page(a_handshake()))
    client.identify(answer_of(back), a_handshake())
    with pytest.raises(IdentityRefusedError, match="code"):
        client.identify(answer_of(back), a_handshake())


def test_somebody_elses_code_is_no_good_in_ones_own_sign_in(client, provider):
    """Code injection: the verifier is the other one's."""
    stolen = provider.log_in(client.page(a_handshake(1)), Person("sub-victim"))
    with pytest.raises(IdentityRefusedError, match="code"):
        client.identify(answer_of(stolen), a_handshake(2))


def test_a_swapped_nonce_is_refused(client, provider):
    """A provider that forgets to look at PKCE: the nonce is still another sign-in's."""
    provider.claims = {"nonce": a_handshake(2).nonce}
    assert refusal(client, provider, a_handshake(1)) == "token:nonce"


@pytest.mark.parametrize("nonce", [None, "", 0, ["x"]])
def test_without_its_nonce_a_token_is_nobodys(client, provider, nonce):
    provider.claims = {"nonce": nonce}
    assert refusal(client, provider) == "token:nonce"


# Mixed-up providers.


def test_an_answer_of_another_provider_is_not_taken_to_this_one(client, provider):
    back = provider.log_in(client.page(a_handshake()))
    with pytest.raises(IdentityRefusedError, match="issuer"):
        client.identify(answer_of(back, issuer="https://evil.example"), a_handshake())
    assert provider.asked("/token") == []


def test_a_provider_that_names_itself_must_do_so(client, provider):
    back = provider.log_in(client.page(a_handshake()))
    with pytest.raises(IdentityRefusedError, match="issuer"):
        client.identify(answer_of(back, issuer=None), a_handshake())
    assert provider.asked("/token") == []


def test_one_that_does_not_name_itself_need_not(client, provider):
    provider.metadata = {"authorization_response_iss_parameter_supported": None}
    assert who_comes(client, provider, issuer=None).subject == "sub-ada"


def test_a_token_of_another_provider_is_refused_also_if_this_one_hands_it_over(
    client, provider, guard, clock
):
    with Provider.running(clock, keys=[OTHER]) as evil:
        provider.forge = lambda header, claims: token(
            header, {**claims, "iss": evil.issuer}, OTHER.sign
        )
        assert refusal(client, provider) == "token:signature"


# Claims.


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://evil.example"}, "token:iss"),
        ({"iss": None}, "token:iss"),
        ({"iss": ["https://evil.example"]}, "token:iss"),
        ({"aud": "somebody-else"}, "token:aud"),
        ({"aud": ["somebody-else"]}, "token:aud"),
        ({"aud": []}, "token:aud"),
        ({"aud": None}, "token:aud"),
        ({"aud": [CLIENT_ID, "somebody-else"]}, "token:azp"),
        ({"aud": [CLIENT_ID, "somebody-else"], "azp": "somebody-else"}, "token:azp"),
        ({"azp": "somebody-else"}, "token:azp"),
        ({"exp": None}, "token:exp"),
        ({"exp": "never"}, "token:exp"),
        ({"exp": True}, "token:exp"),
        ({"iat": None}, "token:iat"),
        ({"iat": "now"}, "token:iat"),
        ({"sub": None}, "token:sub"),
        ({"sub": ""}, "token:sub"),
        ({"sub": 7}, "token:sub"),
        ({"sub": "x" * 256}, "token:sub"),
        ({"sub": "süb"}, "token:sub"),
        ({"at_hash": "AAAA"}, "token:at_hash"),
    ],
)
def test_a_claim_that_is_wrong_is_named_and_refused(client, provider, claims, code):
    provider.claims = claims
    assert refusal(client, provider) == code


def test_the_issuer_is_compared_letter_by_letter(client, provider):
    for issuer in (provider.issuer + "/", provider.issuer.upper()):
        provider.claims = {"iss": issuer}
        assert refusal(client, provider) == "token:iss"


@pytest.mark.parametrize(
    ("claim", "seconds", "is_good"),
    [
        ("exp", -29, True),
        ("exp", -31, False),
        ("iat", 29, True),
        ("iat", 31, False),
        ("iat", -10 * 60, True),
        ("iat", -11 * 60, False),
        ("nbf", 29, True),
        ("nbf", 31, False),
    ],
)
def test_clocks_may_differ_by_half_a_minute(client, provider, clock, claim, seconds, is_good):
    provider.claims = {claim: int(clock.now().timestamp()) + seconds}
    if is_good:
        assert who_comes(client, provider).subject == "sub-ada"
    else:
        assert refusal(client, provider) == f"token:{claim}"


def test_several_audiences_are_good_where_the_token_was_made_for_us(client, provider):
    provider.claims = {"aud": [CLIENT_ID, "somebody-else"], "azp": CLIENT_ID}
    assert who_comes(client, provider).subject == "sub-ada"


@pytest.mark.parametrize("verified", [False, None, "true", "false", 1, "yes", ["true"]])
def test_an_address_that_is_not_verified_is_none(client, provider, verified):
    person = Person(email_verified=verified)
    assert who_comes(client, provider, person=person).verified_email is None


# Games with algorithms and keys.


def test_a_token_without_a_signature_is_none(client, provider):
    for alg in ("none", "None", "NONE", ""):
        provider.forge = lambda header, claims, alg=alg: token(
            {**header, "alg": alg}, claims, lambda _: b""
        )
        assert refusal(client, provider) == "token:signature"


def test_the_public_key_is_no_secret(client, provider):
    """HS256 with what everybody can fetch: the key itself, and each way to write it."""
    public = provider.keys[0]
    writings = [
        public.pem,
        public.pem.strip(),
        json.dumps(public.jwk).encode(),
        public.jwk["n"].encode(),
    ]
    for secret in writings:
        provider.forge = lambda header, claims, secret=secret: token(
            {**header, "alg": "HS256"}, claims, hs256(secret)
        )
        assert refusal(client, provider) == "token:signature"


def test_our_own_secret_signs_nothing(client, provider):
    """HS256 with the client's secret is allowed by the standard, and not here."""
    provider.metadata = {"id_token_signing_alg_values_supported": ["RS256", "HS256"]}
    provider.forge = lambda header, claims: token(
        {**header, "alg": "HS256"}, claims, hs256(CLIENT_SECRET.encode())
    )
    assert refusal(client, provider) == "token:signature"


def test_a_shared_secret_in_the_key_set_is_no_key(client, provider, monkeypatch):
    secret = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0", "alg": "HS256"}
    provider.broken["/jwks"] = (200, {"keys": [secret]})
    provider.forge = lambda _, claims: token(
        {"alg": "HS256", "kid": "oct"}, claims, hs256(b"secret")
    )
    assert refusal(client, provider) == "token:signature"


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES384", "ES256K", "RSA-OAEP", "dir"])
def test_no_other_algorithm_is_taken(client, provider, alg):
    provider.header = {"alg": alg}
    assert refusal(client, provider) == "token:signature"


def test_a_key_signs_in_its_own_way_only(client, provider):
    """An elliptic key under the name of RSA, and an RSA key under that of EdDSA."""
    for alg, said in (("ES256", "RS256"), ("RS256", "EdDSA"), ("EdDSA", "ES256")):
        provider.keys = [a_key(alg, f"{alg}-as-{said}")]
        provider.header = {"alg": said}
        assert refusal(client, provider) == "token:signature"


def test_where_a_token_says_its_key_is_nobody_looks(client, provider, clock):
    """``jku``, ``x5u``, ``jwk``, ``x5c``: the forger's own key, named or brought along."""
    with Provider.running(clock, keys=[OTHER]) as evil:
        places = [
            {"jku": f"{evil.issuer}/jwks"},
            {"x5u": f"{evil.issuer}/certificate"},
            {"jwk": OTHER.jwk},
            {"x5c": ["MIIB"]},
            {"jku": f"{evil.issuer}/jwks", "kid": "other"},
            {"jwk": OTHER.jwk, "kid": None},
        ]
        for place in places:
            provider.header = place
            provider.forge = lambda header, claims: token(header, claims, OTHER.sign)
            assert refusal(client, provider) == "token:signature"
        assert evil.requests == []


@pytest.mark.parametrize(
    "kid",
    [
        "../../../dev/null",
        "/etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "' UNION SELECT 'secret' --",
        "key-1\u0000",
        "",
        7,
        ["key-1"],
        {"key-1": 1},
    ],
)
def test_a_kid_is_a_name_and_nothing_else(client, provider, kid):
    provider.header = {"kid": kid}
    provider.forge = lambda header, claims: token(header, claims, hs256(b""))
    assert refusal(client, provider) == "token:signature"
    assert set(provider.requests) <= {
        "/.well-known/openid-configuration", "/jwks", "/token", "/authorize",
    }  # fmt: skip


def test_what_must_be_understood_is_refused(client, provider):
    for critical in (["b64"], ["x"], []):
        provider.header = {"crit": critical, "b64": False, "x": 1}
        assert refusal(client, provider) == "token:signature"


@pytest.mark.parametrize(
    "text",
    [
        "", "a.b", "a.b.c", "a.b.c.d.e", "..", "e30.e30.", "\u0000.\u0000.\u0000",
        "W10.e30.AAAA", "bnVsbA.e30.AAAA", "A" * 10_000 + ".e30.AAAA",
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(client, provider, text):
    provider.forge = lambda *_: text
    assert refusal(client, provider) in {"token:form", "token:signature"}


def test_a_token_that_was_changed_is_refused(client, provider):
    def changed(header, claims):
        head, _, signature = token(header, claims, provider.keys[0].sign).split(".")
        forged = token(header, {**claims, "sub": "sub-root"}, lambda _: b"")
        return f"{head}.{forged.split('.')[1]}.{signature}"

    provider.forge = changed
    assert refusal(client, provider) == "token:signature"


def test_a_short_key_is_not_there(client, provider):
    provider.keys = [a_key("RS256", "short", bits=1024)]
    assert refusal(client, provider) == "token:signature"


def test_keys_that_cannot_be_read_do_not_hide_the_others(client, provider):
    good = provider.keys[0]
    bad = [
        7,
        {},
        {"kty": "RSA"},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "n": good.jwk["n"], "e": 7},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {**good.jwk, "use": "enc"},
    ]
    provider.broken["/jwks"] = (200, {"keys": [*bad, good.jwk]})
    assert who_comes(client, provider).subject == "sub-ada"


# Rotation.


def test_a_new_key_is_found_without_a_restart(client, provider, guard, clock, later):
    who_comes(client, provider)
    provider.keys = [Key("ES256", "key-2")]
    later(11)
    assert who_comes(client, provider).subject == "sub-ada"
    assert len(provider.asked("/jwks")) == 2


def test_a_key_that_was_withdrawn_is_good_no_more(client, provider, later):
    old = provider.keys[0]
    who_comes(client, provider)
    provider.keys = [Key("ES256", "key-2")]
    provider.forge = lambda _, claims: token({"alg": old.alg, "kid": old.kid}, claims, old.sign)
    # While it is remembered the set says so: that is what remembering costs.
    later(601)
    assert refusal(client, provider) == "token:signature"


def test_keys_are_not_fetched_for_whoever_names_new_ones(client, provider, later):
    who_comes(client, provider)
    for attempt in range(5):
        provider.header = {"kid": f"made-up-{attempt}"}
        assert refusal(client, provider) == "token:signature"
    assert len(provider.asked("/jwks")) == 1


def test_metadata_is_asked_for_once_in_ten_minutes(client, provider, later):
    for _ in range(3):
        client.page(a_handshake())
    assert len(provider.asked("/.well-known/openid-configuration")) == 1
    later(601)
    client.page(a_handshake())
    assert len(provider.asked("/.well-known/openid-configuration")) == 2


# Metadata.


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"issuer": "https://evil.example"}, "metadata:issuer"),
        ({"issuer": None}, "metadata:issuer"),
        ({"token_endpoint": None}, "metadata:token_endpoint"),
        ({"jwks_uri": 7}, "metadata:jwks_uri"),
        ({"authorization_endpoint": ""}, "metadata:authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "url:scheme_refused"),
        ({"authorization_endpoint": "https://user:pw@127.0.0.1/"}, "url:credentials_refused"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "metadata:algorithms"),
        ({"id_token_signing_alg_values_supported": "RS256"}, "metadata:algorithms"),
        ({"code_challenge_methods_supported": ["plain"]}, "metadata:pkce"),
        ({"response_types_supported": ["id_token"]}, "metadata:response_types"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "metadata:client_auth"),
    ],
)
def test_metadata_that_will_not_do_is_refused_before_anybody_is_sent_there(
    client, provider, metadata, code
):
    provider.metadata = metadata
    with pytest.raises(IdentityRefusedError) as refused:
        client.page(a_handshake())
    assert refused.value.code == code


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "https://[fd00::1]/"]
)
def test_no_url_of_the_providers_leads_inside(client, provider, name, url):
    provider.metadata = {name: url}
    provider.by_userinfo = True
    assert refusal_or_page(client, provider) == "url:address_refused"


def refusal_or_page(client, provider):
    with pytest.raises(IdentityRefusedError) as refused:
        who_comes(client, provider)
    return refused.value.code


def test_outside_development_the_providers_own_machine_is_out_of_reach(provider, clock):
    guard = Guard(Rules())
    client = connected(provider, guard, clock, issuer="https://127.0.0.1:8443")
    with pytest.raises(IdentityRefusedError, match="address_refused"):
        client.page(a_handshake())
    client = connected(provider, guard, clock)
    with pytest.raises(IdentityRefusedError, match="scheme_refused"):
        client.page(a_handshake())


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"]
)
@pytest.mark.parametrize(
    "answer",
    [(500, {}), (503, b""), (200, b"<html>"), (200, b"[]"), (200, b"[" * 60_000),
     (200, b"{" + b" " * 70_000 + b"}"), (429, {}), (302, {}, {"Location": "http://10.0.0.1/"})],
)  # fmt: skip
def test_an_answer_that_is_none_is_unavailable(client, provider, path, answer):
    provider.by_userinfo = True
    provider.broken[path] = answer
    with pytest.raises(IdentityUnavailableError):
        who_comes(client, provider)


def test_what_the_provider_says_of_its_faults_is_not_passed_on(client, provider):
    provider.broken["/token"] = (400, {"error": "<b>x", "error_description": "<script>"})
    assert refusal(client, provider) == "token_endpoint"
    provider.broken["/token"] = (200, {"access_token": "at"})
    assert refusal(client, provider) == "token:missing"


# Who tells more of a person elsewhere.


def test_an_address_may_come_from_userinfo(client, provider):
    provider.by_userinfo = True
    assert who_comes(client, provider).verified_email == "ada@example.org"
    provider.userinfo = {"email_verified": False}
    assert who_comes(client, provider).verified_email is None


def test_userinfo_of_somebody_else_is_refused(client, provider):
    provider.by_userinfo = True
    provider.userinfo = {"sub": "sub-root"}
    assert refusal(client, provider) == "userinfo:sub"


def test_a_provider_that_hangs_takes_a_few_threads_only(provider, clock, guard):
    client = connected(provider, guard, clock)
    exchange = client._exchange
    taken = [exchange._places.acquire(blocking=False) for _ in range(9)]
    assert taken == [True] * 8 + [False]
    with pytest.raises(IdentityUnavailableError, match="too many at once"):
        client.page(a_handshake())


@pytest.fixture
def later(client):
    """Lets so many seconds pass for what is remembered."""
    passed = [0.0]
    client._now = client._keys._now = lambda: passed[0] + 1_000.0

    def pass_by(seconds):
        passed[0] += seconds

    return pass_by
