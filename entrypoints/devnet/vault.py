"""A Vault on the loopback: what of its HTTP API a custodian uses, and what goes wrong there.

It keeps keys and tokens in memory, and forgets everything when it ends.  A policy is paths, with
``*`` at their ends, and what may be done there.  `Vault` is the state and what people do to it;
what is on the wire is in `_Connection`.

    vault = Vault(); vault.start(); vault.url, vault.root
    vault.add_role(policy)       (role id, secret id) of an AppRole
    vault.seal(), vault.unseal()
    vault.fail(status, times)    the next answers, but to logging in
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from entrypoints.devnet.loopback_server import LoopbackServer

#: Paths, with ``*`` for everything behind, and what may be done there.
Policy = Mapping[str, frozenset[str]]
ROOT: Policy = {"*": frozenset({"root"})}
_NONCE = 12
_LONGEST = 32 * 1024 * 1024


class _RefusedError(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status)
        self.status, self.errors = status, errors


@dataclass
class _Token:
    policy: Policy
    seconds: float
    ends: float
    renewals: int = 0
    #: None: as often as one likes.
    most_renewals: int | None = None


@dataclass(frozen=True)
class _Key:
    type: str
    exportable: bool
    versions: list[Any]


@dataclass(eq=False)
class Vault:
    port: int = 0
    #: How long a token of a role lives.
    seconds: float = 3600.0
    root: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    #: Method and path of everything that was asked.
    asked: list[tuple[str, str]] = field(default_factory=list)
    #: Path of everything that was answered well, and the name of that call.
    answered: list[tuple[str, str]] = field(default_factory=list)
    is_sealed: bool = False
    #: Tokens of roles cannot be renewed more often than this.
    most_renewals: int | None = None
    #: Signs with the newest version, whatever it is asked for.
    ignores_versions: bool = False
    #: As servers did that were too old to know associated data.
    ignores_associated_data: bool = False
    _keys: dict[str, _Key] = field(default_factory=dict, repr=False)
    _tokens: dict[str, _Token] = field(default_factory=dict, repr=False)
    _roles: dict[tuple[str, str], Policy] = field(default_factory=dict, repr=False)
    _failures: deque[tuple[int, tuple[str, ...]]] = field(default_factory=deque)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _server: LoopbackServer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        vault = self

        class Connection(_Connection):
            of = vault

        self._tokens[self.root] = _Token(ROOT, 0, float("inf"))
        self._server = LoopbackServer(self.port, Connection)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self._server.url

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    # What people do to it.

    def add_role(self, policy: Policy) -> tuple[str, str]:
        role = str(uuid4()), str(uuid4())
        self._roles[role] = policy
        return role

    def add_token(self, policy: Policy, seconds: float = 3600.0) -> str:
        with self._lock:
            token = secrets.token_urlsafe(16)
            self._tokens[token] = _Token(
                policy, seconds, time.monotonic() + seconds, most_renewals=self.most_renewals
            )
            return token

    def revoke_everything(self) -> None:
        """All tokens but root's."""
        with self._lock:
            self._tokens = {self.root: self._tokens[self.root]}

    def seal(self) -> None:
        self.is_sealed = True

    def unseal(self) -> None:
        self.is_sealed = False

    def fail(self, status: int, *errors: str, times: int = 1) -> None:
        """The next answers, but for logging in and tokens; 0: the line is dropped."""
        self._failures.extend([(status, errors)] * times)

    def make_weak(self, name: str) -> None:
        """A key that may be exported."""
        self._keys[name] = _Key("ed25519", True, [Ed25519PrivateKey.generate()])

    # What is asked of it.

    def answer(
        self, method: str, path: str, token: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Raises: _RefusedError."""
        with self._lock:
            self.asked.append((method, path))
            if path == "sys/health":
                return {"initialized": True, "sealed": self.is_sealed}
            if self.is_sealed:
                raise _RefusedError(503, "Vault is sealed")
            if path == "auth/approle/login":
                return self._log_in(body)
            known = self._tokens.get(token)
            if known is None or known.ends <= time.monotonic():
                raise _RefusedError(403, "permission denied", "invalid token")
            if path.startswith(("auth/token/", "sys/")):
                return self._own(path, token, known, body)
            if self._failures:
                raise _RefusedError(self._failures[0][0], *self._failures.popleft()[1])
            wanted = {"GET": "read"}.get(method, "update")
            if not granted(known.policy, path) & {wanted, "root"}:
                raise _RefusedError(403, "1 error occurred:\n\t* permission denied\n\n")
            return {"data": self._transit(method, path, body)}

    def _log_in(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        policy = self._roles.get((body.get("role_id", ""), body.get("secret_id", "")))
        if policy is None:
            raise _RefusedError(400, "invalid role or secret ID")
        return _auth(self.add_token(policy, self.seconds), self.seconds)

    def _own(
        self, path: str, token: str, known: _Token, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        left = 0 if known.seconds == 0 else int(known.ends - time.monotonic())
        match path:
            case "auth/token/lookup-self":
                return {"data": {"ttl": left, "renewable": known.seconds > 0}}
            case "auth/token/renew-self":
                if known.most_renewals is not None and known.renewals >= known.most_renewals:
                    raise _RefusedError(403, "permission denied")
                known.renewals += 1
                known.ends = time.monotonic() + known.seconds
                return _auth(token, known.seconds)
            case "sys/capabilities-self":
                told = {
                    each: sorted(granted(known.policy, each)) or ["deny"] for each in body["paths"]
                }
                return {"data": told}
        raise _RefusedError(404)

    def _transit(self, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        match method, *path.split("/"):
            case "POST" | "PUT", "transit", "keys", name:
                if name not in self._keys:
                    self._keys[name] = _made(body)
                return self._told(name)
            case "GET", "transit", "keys", name:
                if name not in self._keys:
                    raise _RefusedError(404)
                return self._told(name)
            case "POST" | "PUT", "transit", "keys", name, "rotate":
                key = self._known(name, "no existing key named " + name + " could be found")
                key.versions.append(_secret(key.type))
                return self._told(name)
            case "POST" | "PUT", "transit", "sign", name:
                return self._sign(self._known(name, "signing key not found"), body)
            case "POST" | "PUT", "transit", "encrypt", name:
                return self._encrypt(self._known(name, "encryption key not found"), body)
            case "POST" | "PUT", "transit", "decrypt", name:
                return self._decrypt(self._known(name, "encryption key not found"), body)
        raise _RefusedError(404, f"no handler for route {path!r}")

    def _known(self, name: str, complaint: str) -> _Key:
        if name not in self._keys:
            raise _RefusedError(400, complaint)
        return self._keys[name]

    def _told(self, name: str) -> Mapping[str, Any]:
        key = self._keys[name]
        return {
            "name": name,
            "type": key.type,
            "exportable": key.exportable,
            "allow_plaintext_backup": False,
            "derived": False,
            "latest_version": len(key.versions),
            "keys": {
                str(number): {"public_key": _text(version.public_key().public_bytes_raw())}
                if key.type == "ed25519"
                else 0
                for number, version in enumerate(key.versions, start=1)
            },
        }

    def _sign(self, key: _Key, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if key.type != "ed25519":
            raise _RefusedError(400, f"key type {key.type} does not support signing")
        number = body.get("key_version") or len(key.versions)
        if number > len(key.versions):
            raise _RefusedError(400, "cannot sign with a version above the latest one")
        number = len(key.versions) if self.ignores_versions else number
        signature = key.versions[number - 1].sign(_bytes(body["input"], "input"))
        return {"signature": f"vault:v{number}:{_text(signature)}", "key_version": number}

    def _encrypt(self, key: _Key, body: Mapping[str, Any]) -> Mapping[str, Any]:
        plaintext = _bytes(body["plaintext"], "plaintext")
        if not plaintext:
            raise _RefusedError(400, "missing plaintext to encrypt")
        nonce, number = os.urandom(_NONCE), len(key.versions)
        sealed = AESGCM(key.versions[-1]).encrypt(nonce, plaintext, self._bound(body))
        return {"ciphertext": f"vault:v{number}:{_text(nonce + sealed)}", "key_version": number}

    def _decrypt(self, key: _Key, body: Mapping[str, Any]) -> Mapping[str, Any]:
        head, version, text = [*str(body["ciphertext"]).split(":"), "", ""][:3]
        number = int(version[1:]) if version[1:].isdecimal() else 0
        if head != "vault" or not 0 < number <= len(key.versions):
            raise _RefusedError(400, "invalid ciphertext: version is too new")
        raw = _bytes(text, "ciphertext")
        try:
            plain = AESGCM(key.versions[number - 1]).decrypt(
                raw[:_NONCE], raw[_NONCE:], self._bound(body)
            )
        except (InvalidTag, ValueError):
            raise _RefusedError(400, "cipher: message authentication failed") from None
        return {"plaintext": _text(plain)}

    def _bound(self, body: Mapping[str, Any]) -> bytes | None:
        if self.ignores_associated_data or not body.get("associated_data"):
            return None
        return _bytes(body["associated_data"], "associated_data")


def granted(policy: Policy, path: str) -> frozenset[str]:
    """By the longest rule that fits."""
    fitting = [
        rule
        for rule in policy
        if rule == path or (rule.endswith("*") and path.startswith(rule[:-1]))
    ]
    return policy[max(fitting, key=len)] if fitting else frozenset()


def _auth(token: str, seconds: float) -> Mapping[str, Any]:
    lease = {"client_token": token, "lease_duration": int(seconds), "renewable": True}
    return {"auth": lease}


def _made(body: Mapping[str, Any]) -> _Key:
    kind = body.get("type") or "aes256-gcm96"
    return _Key(kind, bool(body.get("exportable")), [_secret(kind)])


def _secret(kind: str) -> Any:
    makers: Mapping[str, Callable[[], Any]] = {
        "ed25519": Ed25519PrivateKey.generate,
        "aes256-gcm96": lambda: os.urandom(32),
    }
    if kind not in makers:
        raise _RefusedError(400, f"unknown key type {kind}")
    return makers[kind]()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _RefusedError(400, f"failed to base64-decode {what}") from None


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: An answer goes out in one piece: else its second waits for the client's acknowledgement.
    wbufsize = 64 * 1024
    of: Vault

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), _LONGEST)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = self.path.partition("?")[0].removeprefix("/v1/")
        token = self.headers.get("X-Vault-Token") or ""
        try:
            answer = self.of.answer(self.command, path, token, body)
        except _RefusedError as refused:
            if refused.status == 0:
                self.close_connection = True
                return
            self._send(refused.status, {"errors": list(refused.errors)})
        else:
            request_id = str(uuid4())
            self.of.answered.append((path, request_id))
            self._send(200, {"request_id": request_id, **answer})

    def _send(self, status: int, content: Mapping[str, Any]) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing: there are tokens in it."""
