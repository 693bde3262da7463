"""Access tokens that were not made here: games with algorithms, keys, types and times.

The same games with a provider's tokens: `tests/oidc/test_provider.py`.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.http.site import Person


def b64(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token):
    head, body, signature = token.split(".")
    return [json.loads(urlsafe_b64decode(part + "==")) for part in (head, body)] + [signature]


def signed(header, claims, sign):
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def refused(site, token):
    answered = Person(site, token).get("/v1/organisations")
    assert (answered.status_code, answered.json()["code"]) == (401, "invalid_token"), token
    return True


@pytest.fixture
def mine(site, services):
    """The house's own key, to sign what it would never say."""
    return Ed25519PrivateKey.from_private_bytes(services.tokens.seed).sign


def test_the_oracle_can_make_a_good_one(site, ada, mine):
    header, claims, _ = parts(ada.token)
    good = signed(header, claims, mine)
    assert Person(site, good).get("/v1/organisations").status_code == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["none"]])
def test_without_a_signature(site, ada, alg):
    header, claims, signature = parts(ada.token)
    for last in (b"", urlsafe_b64decode(signature + "==")):
        assert refused(site, signed({**header, "alg": alg}, claims, lambda _, last=last: last))


def test_with_the_public_key_as_a_secret(site, ada):
    """HS256 over what /.well-known/jwks.json publishes, in every way to write it."""
    header, claims, _ = parts(ada.token)
    (jwk,) = site.call("GET", "/.well-known/jwks.json").json()["keys"]
    raw = urlsafe_b64decode(jwk["x"] + "==")
    key = Ed25519PublicKey.from_public_bytes(raw)
    writings = [
        raw,
        jwk["x"].encode(),
        json.dumps(jwk).encode(),
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        b"",
    ]
    for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for secret in writings:
            forged = signed(
                {**header, "alg": alg},
                claims,
                lambda data, secret=secret, digest=digest: hmac.digest(secret, data, digest),
            )
            assert refused(site, forged)


@pytest.mark.parametrize(
    "place",
    ["jwk", "jku", "x5u", "x5c", "kid"],
)
def test_with_a_key_that_was_brought_along(site, ada, place):
    header, claims, _ = parts(ada.token)
    own = Ed25519PrivateKey.generate()
    public = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(public), "kid": "evil"}
    brought = {
        "jwk": {"jwk": jwk},
        "jku": {"jku": "https://evil.example/jwks.json", "kid": "evil"},
        "x5u": {"x5u": "https://evil.example/cert"},
        "x5c": {"x5c": [b64(public)]},
        "kid": {"kid": "../../../../dev/null"},
    }[place]
    assert refused(site, signed({**header, **brought}, claims, own.sign))


@pytest.mark.parametrize(
    "changes",
    [{"typ": "JWT"}, {"typ": None}, {"typ": "AT+JWT;x"}, {"kid": "another"}, {"kid": None},
     {"crit": ["x"], "x": 1}, {"b64": False, "crit": ["b64"]}, {"alg": "EdDSA"},
     {"alg": "ed25519"}],
)  # fmt: skip
def test_with_our_own_signature_under_another_header(site, ada, mine, changes):
    header, claims, _ = parts(ada.token)
    changed = {name: value for name, value in {**header, **changes}.items() if value is not None}
    assert refused(site, signed(changed, claims, mine))


@pytest.mark.parametrize(
    "changes",
    [{"iss": "ins_x"}, {"iss": None}, {"aud": "somebody"}, {"aud": None}, {"aud": []},
     {"exp": 1}, {"exp": None}, {"exp": "never"}, {"exp": True}, {"exp": float("nan")},
     {"iat": 10**11}, {"iat": None}, {"sub": None}, {"sub": "usr_x"}, {"sub": 7},
     {"sid": None}, {"sid": "ses_x"}, {"sid": ["ses"]}, {"nbf": 10**11}, {"exp": 10**400}],
)  # fmt: skip
def test_with_our_own_signature_over_other_claims(site, ada, mine, changes):
    header, claims, _ = parts(ada.token)
    changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    answered = Person(site, signed(header, changed, mine)).get("/v1/organisations")
    assert answered.status_code == 401, answered.text


def test_a_session_under_another_users_name(site, ada, eve, mine):
    """The session is Ada's, the subject Eve: neither comes in."""
    header, of_ada, _ = parts(ada.token)
    _, of_eve, _ = parts(eve.token)
    assert refused(site, signed(header, {**of_ada, "sub": of_eve["sub"]}, mine))
    assert refused(site, signed(header, {**of_eve, "sub": of_ada["sub"]}, mine))


@pytest.mark.parametrize(
    "token",
    ["a.b", "a.b.c.d", "...", "..", "e30.e30.e30", "\u2028", "A" * 20_000, "tsk_live_x_y",
     "tsk_test_" + "0" * 26 + "_" + "x" * 40, "Bearer x", "null", "undefined", "[object Object]"],
)  # fmt: skip
def test_what_is_no_token_at_all(site, token):
    answered = site.client.get(
        "/v1/organisations", headers={"Authorization": f"Bearer {token}".encode()}
    )
    assert answered.status_code == 401
