"""A provider of log-ins, on this machine, that can be told to lie.

It speaks OpenID Connect by itself: nothing of it is shared with what it tests, signatures are made
with ``cryptography`` and checks of PKCE with ``hashlib``.  As long as nobody tells it otherwise it
is a strict one: a code is good once, for one client, one address to come back to, one verifier.
"""

import hashlib
import hmac
import json
import threading
from base64 import b64decode, urlsafe_b64encode
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from attrs import define, field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT_ID, CLIENT_SECRET = "tallystick", "s3cret:with+every%thing"
CALLBACK = "https://issue.example.com/v1/auth/sso/callback"


@cache
def a_key(alg="RS256", kid="key-1", bits=2048):
    """Made once: RSA keys take their time."""
    return Key(alg, kid, bits)


def b64(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


@define(eq=False)
class Key:
    """One of the provider's; *alg* is how it signs."""

    alg: str
    kid: str
    bits: int = 2048
    private: object = None

    def __attrs_post_init__(self):
        if self.private is None:
            self.private = {
                "RS256": lambda: rsa.generate_private_key(65537, self.bits),
                "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                "EdDSA": ed25519.Ed25519PrivateKey.generate,
                "Ed25519": ed25519.Ed25519PrivateKey.generate,
            }[self.alg]()

    @property
    def jwk(self):
        public = self.private.public_key()
        common = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg == "RS256":
            numbers = public.public_numbers()
            return {**common, "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        if self.alg == "ES256":
            numbers = public.public_numbers()
            point = {"x": number(numbers.x, 32), "y": number(numbers.y, 32)}
            return {**common, "kty": "EC", "crv": "P-256", **point}
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {**common, "kty": "OKP", "crv": "Ed25519", "x": b64(raw)}

    @property
    def pem(self):
        """The public half, as somebody would use it for the secret of an HMAC."""
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data):
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        return self.private.sign(data)


def token(header, claims, sign):
    """A compact JWS; *sign* makes the last part of what stands before it."""
    head = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return f"{head}.{b64(sign(head.encode()))}"


def hs256(secret):
    return lambda data: hmac.digest(secret, data, "sha256")


@define
class Person:
    sub: str = "sub-ada"
    email: str | None = "ada@example.org"
    email_verified: object = True

    @property
    def claims(self):
        if self.email is None:
            return {}
        return {"email": self.email, "email_verified": self.email_verified}


@define(eq=False)
class Provider:
    """``with Provider.running(clock) as provider``; *clock* is its clock, too."""

    clock: object
    keys: list = field(factory=lambda: [a_key()])
    #: Members of the metadata that are otherwise than they should be; None: not there.
    metadata: dict = field(factory=dict)
    #: Changes claims before they are signed.
    claims: dict = field(factory=dict)
    header: dict = field(factory=dict)
    #: Makes the ID token instead: of header and claims.
    forge: object = None
    #: Claims of a person come from the userinfo endpoint, and what it says besides.
    by_userinfo: bool = False
    userinfo: dict = field(factory=dict)
    #: Path to what is answered there: status and body.
    broken: dict = field(factory=dict)
    requests: list = field(factory=list)
    codes: dict = field(factory=dict)
    tokens: dict = field(factory=dict)
    server: ThreadingHTTPServer = None

    @classmethod
    @contextmanager
    def running(cls, clock, **settings):
        self = cls(clock, **settings)
        handler = type("Handler", (_Handler,), {"provider": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join(5)

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def asked(self, path):
        return [each for each in self.requests if each == path]

    # What somebody does with a browser.

    def log_in(self, url, person=None):
        """At the page of *url*; what the provider sends them back with."""
        assert url.startswith(f"{self.issuer}/authorize?")
        self.people = {(person or Person()).sub: person or Person()}
        opener = build_opener(_Stay)
        with opener.open(f"{url}&login={quote((person or Person()).sub)}", timeout=5) as answered:
            assert answered.status == 302, answered.read()
            location = answered.headers["Location"]
        assert location.startswith(CALLBACK + "?")
        return {name: found for name, (found,) in parse_qs(urlsplit(location).query).items()}

    people: dict = field(factory=dict)

    # What it answers.

    def authorize(self, query):
        asked = {name: found for name, (found,) in parse_qs(query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["redirect_uri"] == CALLBACK
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return 302, {}, {"Location": f"{CALLBACK}?{urlencode(back)}"}

    def exchange(self, authorization, form):
        if not self._knows(authorization, form):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code"), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_good = (
            asked is not None
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
        )
        if not is_good:
            return 400, {"error": "invalid_grant", "error_description": "<script>no</script>"}
        person = self.people[asked["login"]]
        access_token = f"at-{len(self.tokens)}"
        self.tokens[access_token] = person
        return 200, {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.id_token(asked, person, access_token),
        }

    def id_token(self, asked, person, access_token):
        key = self.keys[0]
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": person.sub,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "at_hash": self.at_hash(access_token),
            **({} if self.by_userinfo else person.claims),
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        if self.forge is not None:
            return self.forge(header, claims)
        return token(header, claims, key.sign)

    def at_hash(self, access_token):
        """Core, 3.1.3.6: the left half of the hash that goes with the algorithm."""
        is_edwards = self.keys[0].alg in {"EdDSA", "Ed25519"}
        digest = hashlib.new("sha512" if is_edwards else "sha256", access_token.encode()).digest()
        return b64(digest[: len(digest) // 2])

    def about(self, authorization):
        person = self.tokens.get(authorization.removeprefix("Bearer "))
        if person is None:
            return 401, {"error": "invalid_token"}
        return 200, {"sub": person.sub, **person.claims, **self.userinfo}

    def configuration(self):
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "Ed25519"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return {name: value for name, value in found.items() if value is not None}

    def jwks(self):
        return {"keys": [key.jwk for key in self.keys]}

    def _knows(self, authorization, form):
        if authorization.startswith("Basic "):
            pair = b64decode(authorization.removeprefix("Basic ")).decode()
            id, _, secret = pair.partition(":")
            # RFC 6749, 2.3.1.
            return (unquote(id), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.provider.requests.append(path)
        if path in self.provider.broken:
            return self._answer(*self.provider.broken[path])
        if path == "/.well-known/openid-configuration":
            return self._answer(200, self.provider.configuration())
        if path == "/jwks":
            return self._answer(200, self.provider.jwks())
        if path == "/userinfo":
            return self._answer(*self.provider.about(self.headers.get("Authorization", "")))
        if path == "/authorize":
            return self._answer(*self.provider.authorize(query))
        return self._answer(404, {})

    def do_POST(self):
        self.provider.requests.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path in self.provider.broken:
            return self._answer(*self.provider.broken[self.path])
        form = {name: found for name, (found,) in parse_qs(body).items()}
        return self._answer(*self.provider.exchange(self.headers.get("Authorization", ""), form))

    def _answer(self, status, body, headers=()):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class _Stay(HTTPRedirectHandler):
    """Hands a redirection over instead of following it."""

    def http_error_302(self, _request, answered, *_):
        return answered
