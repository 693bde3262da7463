"""What only Vault has: versions, tokens that end, policies, and being sealed."""

import base64
import logging
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from adapters.memory.storage import MemoryStore
from adapters.vault import Address, connect, line
from adapters.vault.line import Login
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.storage.work import Scope
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse, Purpose
from entrypoints.devnet.vault import ROOT, Vault
from tests.contract.custody import guarded, registered
from tests.contract.test_custodian import SECRETS, TX, refused

POLICY = {
    "transit/keys/tallystick-*": frozenset({"read", "update"}),
    "transit/sign/tallystick-*": frozenset({"update"}),
    "transit/encrypt/tallystick-wrapping": frozenset({"update"}),
    "transit/decrypt/tallystick-wrapping": frozenset({"update"}),
}


@pytest.fixture
def vault():
    with Vault() as server:
        yield server


@pytest.fixture
def by_role(vault):
    """A holder whose role has that policy."""

    def logging_in(policy=POLICY):
        role_id, secret_id = vault.add_role(policy)
        return connect(vault.url, {"role_id": role_id, "secret_id": secret_id})

    return logging_in


@pytest.fixture
def clock(monkeypatch):
    """Moves the adapter's clock; the server's stands still."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(line.time, "monotonic", lambda: Clock.now)
    return Clock


def paths(vault, word):
    return [path for _, path in vault.asked if word in path]


def test_a_key_is_made_so_that_it_cannot_leave(vault, by_role):
    key = by_role().make("ours", 1, Curve.ED25519)
    told = vault._told(key.handle)
    assert (told["type"], told["exportable"], told["derived"]) == ("ed25519", False, False)
    assert not told["allow_plaintext_backup"]


def test_a_key_that_may_be_exported_is_not_taken(vault, by_role):
    vault.make_weak("tallystick-ours")
    with refused("wrong_context"):
        by_role().make("ours", 1, Curve.ED25519)


@pytest.mark.parametrize(
    ("curve", "message", "call"),
    [(Curve.ED25519, TX, "transit/sign/"), (Curve.SECP256K1, bytes(32), "transit/decrypt/")],
)
def test_a_signature_is_found_in_the_log_of_vault(vault, by_role, curve, message, call):
    holder = by_role()
    signing = holder.sign(holder.make("ours", 1, curve), message)
    (path,) = [path for path, request_id in vault.answered if request_id == signing.request_id]
    assert path.startswith(call)


def test_the_version_is_pinned_whatever_transit_has_since(vault, by_role):
    """By default transit signs with the newest version: another Algorand address."""
    holder = by_role()
    first = holder.make("ours", 1, Curve.ED25519)
    second = holder.make("ours", 2, Curve.ED25519)
    assert holder.make("ours", 1, Curve.ED25519) == first
    for key in (first, second):
        signing = holder.sign(key, TX)
        assert signing.key_version == key.version
        assert signing.request_id
        Ed25519PublicKey.from_public_bytes(key.public_key.raw).verify(signing.signature.raw, TX)
    vault.ignores_versions = True
    with refused("wrong_signature"):
        holder.sign(first, TX)


def test_a_wrapped_key_is_no_secret_without_the_vault(vault, by_role):
    store, account = MemoryStore(), AccountId(uuid4())
    custodian = guarded(registered("vault", by_role(), store))
    secret, _ = SECRETS[KeyUse.EVM_ACCOUNT]
    key = custodian.import_key(
        INSTALLATION, account, Curve.SECP256K1, KeyUse.EVM_ACCOUNT, bytearray(secret)
    )
    custodian.sign(key.key, bytes(32), Purpose.EVM_TRANSACTION)
    with store.begin(Scope.installation()) as work:
        row = work.secrets.get("vault:" + key.key.rpartition("org_")[2].partition("/")[2])
    assert row is not None
    for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
        assert form not in row.ciphertext
    with Vault() as other:
        stranger = registered("vault", connect(other.url, {"token": other.root}), store)
        with pytest.raises(CustodyRefusedError):
            stranger.sign(key.key, bytes(32), Purpose.EVM_TRANSACTION)


def test_a_wrapped_key_signs_under_its_own_name_only(by_role):
    """What transit wrapped for one key opens for no other."""
    holder = by_role()
    ours, theirs = (holder.make(name, 1, Curve.SECP256K1) for name in ("ours", "theirs"))
    with refused("wrong_context"):
        holder.sign(evolve(ours, public_key=theirs.public_key), bytes(32))
    with refused("wrong_context"):
        holder.sign(evolve(ours, version="2"), bytes(32))


def test_a_server_that_does_not_bind_is_told_of(vault, by_role):
    assert not by_role().lacks()
    vault.ignores_associated_data = True
    (lack,) = by_role().lacks()
    assert "too old" in lack


@pytest.mark.parametrize(
    ("path", "permissions"),
    [
        ("transit/keys/tallystick-*", "read"),
        ("transit/keys/tallystick-*", "update"),
        ("transit/sign/tallystick-*", "update"),
        ("transit/encrypt/tallystick-wrapping", "update"),
        ("transit/decrypt/tallystick-wrapping", "update"),
    ],
)
def test_a_missing_permission_is_named(by_role, path, permissions):
    without = POLICY | {path: POLICY[path] - {permissions}}
    assert f"{permissions} on {path}" in by_role(without).lacks()


def test_what_a_question_takes_is_named_when_it_is_forbidden(by_role):
    holder = by_role(POLICY | {"transit/sign/tallystick-*": frozenset()})
    key = holder.make("ours", 1, Curve.ED25519)
    with pytest.raises(CustodyRefusedError, match="update on transit/sign/tallystick-ours"):
        holder.sign(key, TX)


def test_a_role_logs_in_once(vault, by_role):
    holder = by_role()
    for _ in range(3):
        holder.make("ours", 1, Curve.ED25519)
    assert len(paths(vault, "login")) == 1


def test_a_token_is_renewed_at_two_thirds_of_its_life(vault, by_role, clock):
    holder = by_role()
    key = holder.make("ours", 1, Curve.ED25519)
    clock.now += vault.seconds * 0.66
    holder.sign(key, TX)
    assert not paths(vault, "renew")
    clock.now += vault.seconds * 0.01
    for _ in range(2):
        holder.sign(key, TX)
    assert len(paths(vault, "renew")) == 1
    assert len(paths(vault, "login")) == 1


def test_a_token_of_ones_own_is_renewed_too(vault, clock):
    holder = connect(vault.url, {"token": vault.add_token(POLICY, seconds=600.0)})
    key = holder.make("ours", 1, Curve.ED25519)
    clock.now += 401
    holder.sign(key, TX)
    assert len(paths(vault, "renew")) == 1


def test_a_token_that_cannot_be_renewed_is_replaced(vault, by_role, clock):
    vault.most_renewals = 0
    holder = by_role()
    key = holder.make("ours", 1, Curve.ED25519)
    clock.now += vault.seconds
    holder.sign(key, TX)
    assert len(paths(vault, "login")) == 2


def test_a_revoked_token_is_replaced_and_a_question_asked_once_more(vault, by_role):
    holder = by_role()
    key = holder.make("ours", 1, Curve.ED25519)
    vault.revoke_everything()
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda _: holder.sign(key, TX), range(8)))
    assert 2 <= len(paths(vault, "login")) <= 5


def test_a_token_without_a_role_is_not_replaced(vault):
    holder = connect(vault.url, {"token": vault.add_token(POLICY)})
    key = holder.make("ours", 1, Curve.ED25519)
    vault.revoke_everything()
    with refused("denied"):
        holder.sign(key, TX)


def test_what_is_forbidden_for_good_is_asked_twice_and_no_more(vault, by_role):
    holder = by_role(POLICY | {"transit/sign/tallystick-*": frozenset()})
    key = holder.make("ours", 1, Curve.ED25519)
    with refused("denied"):
        holder.sign(key, TX)
    assert len(paths(vault, "sign")) == len(paths(vault, "login")) == 2


def test_a_wrong_secret_id_is_refused(vault):
    role_id, _ = vault.add_role(ROOT)
    holder = connect(vault.url, {"role_id": role_id, "secret_id": "wrong"})
    with pytest.raises(CustodyRefusedError, match="logging in"):
        holder.make("ours", 1, Curve.ED25519)


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503])
@pytest.mark.parametrize("curve", list(Curve))
def test_what_may_pass_is_unavailable_and_nothing_is_tried_twice(vault, by_role, status, curve):
    holder = by_role()
    key = holder.make("ours", 1, curve)
    message = TX if curve is Curve.ED25519 else bytes(32)
    vault.fail(status, "no")
    before = len(vault.asked)
    with pytest.raises(CustodyUnavailableError):
        holder.sign(key, message)
    assert len(vault.asked) == before + 1
    assert holder.sign(key, message)


def test_a_sealed_vault_is_unavailable(vault, by_role):
    holder = by_role()
    vault.seal()
    with pytest.raises(CustodyUnavailableError, match="sealed"):
        holder.make("ours", 1, Curve.ED25519)
    vault.unseal()
    assert holder.make("ours", 1, Curve.ED25519)


def test_nobody_there_is_unavailable(vault, by_role):
    holder = by_role()
    vault.stop()
    with pytest.raises(CustodyUnavailableError, match="does not answer"):
        holder.make("ours", 1, Curve.ED25519)
    vault._server = Vault()._server  # closed when the fixture ends
    vault.start()


def test_a_key_that_is_not_there_is_unknown(by_role):
    holder = by_role()
    key = holder.make("ours", 1, Curve.ED25519)
    with refused("unknown_key"):
        holder.sign(evolve(key, handle="tallystick-nothing"), TX)


def test_six_kilobytes_are_signed(by_role):
    holder = by_role()
    key = holder.make("ours", 1, Curve.ED25519)
    assert holder.sign(key, TX * 400)


def test_without_credentials_nothing_is_asked(vault):
    holder = connect(vault.url, {"token": "", "role_id": "", "secret_id": ""})
    with refused("denied"):
        holder.make("ours", 1, Curve.ED25519)
    assert holder.lacks()
    assert holder.capabilities().curves == set(Curve)
    assert not vault.asked


def test_no_credential_is_told(vault, caplog):
    caplog.set_level(logging.DEBUG)
    role_id, secret_id = vault.add_role(POLICY | {"transit/sign/tallystick-*": frozenset()})
    holder = connect(vault.url, {"role_id": role_id, "secret_id": secret_id})
    key = holder.make("ours", 1, Curve.ED25519)
    wrapped = holder.make("ours", 1, Curve.SECP256K1)
    with pytest.raises(CustodyRefusedError) as denied:
        holder.sign(key, TX)
    vault.seal()
    with pytest.raises(CustodyUnavailableError) as sealed:
        holder.sign(wrapped, bytes(32))
    told = "".join(
        f"{each!r} {each} {each.__cause__!r} {each.__cause__}"
        for each in (denied.value, sealed.value)
    ) + repr((holder, holder._line, holder._line._login, wrapped))
    for secret in (secret_id, *(token for token in vault._tokens), wrapped.handle):
        assert secret not in told + caplog.text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "https"),
        ("http://vault.example:8200", "https"),
        ("https://vault.example:8200/v1", "nothing behind"),
        ("https://me:hunter2@vault.example", "credentials"),
        ("https://vault.example?token=hunter2", "not token"),
    ],
)
def test_a_wrong_address_is_explained(text, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        Address.read(text)
    assert "hunter2" not in str(error.value)


def test_an_address_names_engine_and_namespace():
    read = Address.read("https://vault.example:8200?mount=keys/&namespace=ours")
    assert read == Address(url="https://vault.example:8200", mount="keys", namespace="ours")


@pytest.mark.parametrize(
    "secrets",
    [
        {"role_id": "r"},
        {"secret_id": "s"},
        {"token": "t", "role_id": "r", "secret_id": "s"},
        {"token": "t", "role_id": "r"},
    ],
)
def test_there_is_one_way_to_log_in(secrets):
    with pytest.raises(ValueError, match="either"):
        Login.read(secrets)
