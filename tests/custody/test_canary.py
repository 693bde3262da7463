"""No secret in a repr, a log line, an exception or a row: canaries are put in, and looked for.

Every logger is at its loudest, the clients' too.
"""

import base64
import json
import logging
import subprocess
import traceback
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import frozen

from adapters import aws_kms, local_keys, pkcs11, vault
from adapters.memory.storage import MemoryStore
from adapters.postgres import connect as connect_store
from application.ports.custody import (
    Custodian,
    CustodyRefusedError,
    CustodyUnavailableError,
    KeyDescription,
)
from application.ports.storage.work import Scope, Store
from domain.identifiers import INSTALLATION, AccountId, KeyRef
from domain.signing import CURVES, KeyUse, Purpose
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.vault import ROOT, Vault
from entrypoints.settings import load
from tests import ministack, softhsm
from tests.contract.custody import guarded, registered
from tests.contract.subjects.postgres import application_url, database
from tests.contract.test_custodian import SECRETS, TX

PURPOSES = {
    KeyUse.EVM_ACCOUNT: (Purpose.EVM_TRANSACTION, bytes(range(32))),
    KeyUse.ALGORAND_ACCOUNT: (Purpose.ALGORAND_TRANSACTION, TX),
}


@frozen
class Cage:
    custodian: Custodian
    #: What must not be seen.
    canaries: tuple[bytes, ...]
    store: Store
    #: Custodians that cannot be logged in to, or do not answer.
    broken: tuple[Custodian, ...]


@contextmanager
def at_local_keys(monkeypatch, store):
    master = b"canary-master-key-of-32-bytes!!!"
    kept = guarded(local_keys.connect(store, {1: master}))
    other = guarded(local_keys.connect(store, {1: bytes(32)}))
    yield Cage(kept, (master,), store, (other,))


@contextmanager
def at_a_token(monkeypatch, store):
    pin = softhsm.PIN
    holder, wrong = softhsm.a_holder(), "canary-of-a-wrong-pin"
    refused = pkcs11.connect(softhsm.a_token(), {"pin": wrong})
    gone = pkcs11.connect("token=gone?module-path=/nowhere/x.so", {"pin": wrong})
    yield Cage(
        guarded(registered("pkcs11", holder, store)),
        (pin.encode(), wrong.encode()),
        store,
        tuple(guarded(registered("pkcs11", each, store)) for each in (refused, gone)),
    )


@contextmanager
def at_vault(monkeypatch, store):
    wrong = "canary-of-a-wrong-token"
    with Vault() as server, Vault() as sealed:
        sealed.seal()
        role_id, secret_id = server.add_role(ROOT)
        logins = {"role_id": role_id, "secret_id": secret_id}
        holder = vault.connect(server.url, logins)
        broken = [
            vault.connect(server.url, {"token": wrong}),
            vault.connect(server.url, {"role_id": role_id, "secret_id": wrong}),
            vault.connect(sealed.url, logins),
        ]
        yield Cage(
            guarded(registered("vault", holder, store)),
            (wrong.encode(), secret_id.encode(), server.root.encode()),
            store,
            tuple(guarded(registered("vault", each, store)) for each in broken),
        )


@contextmanager
def at_kms(monkeypatch, store):
    running, secret = ministack.ministack_or_skip(), "canary-of-an-aws-secret"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AWS_SESSION_TOKEN", secret + "-session")
    gone = aws_kms.connect("eu-central-1?endpoint=http://127.0.0.1:9", {})
    yield Cage(
        guarded(registered("aws-kms", aws_kms.connect(running.address, {}), store)),
        (secret.encode(),),
        store,
        (guarded(registered("aws-kms", gone, store)),),
    )


CAGES = pytest.mark.parametrize(
    "at", [at_local_keys, at_a_token, at_vault, at_kms], ids=lambda each: each.__name__
)


def forms(secret: bytes) -> set[str]:
    """However somebody might write it."""
    return {
        secret.decode("latin-1"),
        repr(secret)[2:-1],
        secret.hex(),
        base64.b64encode(secret).decode(),
        str(list(secret)),
    }


@CAGES
def test_no_canary_sings(at, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)  # its requests carry session tokens
    with at(monkeypatch, MemoryStore()) as cage:
        told, keys, canaries = lived(cage)
        told.append(caplog.text)
        told += [row(cage.store, key.key) for key in keys]
    heard = "\n".join(told)
    assert "refused" in heard or "Error" in heard
    for canary in canaries:
        for form in forms(canary):
            assert form not in heard


@CAGES
def test_no_canary_is_in_a_dump(at, monkeypatch, tmp_path):
    """Of the whole database, after everything that a custodian does."""
    with database() as url:
        store = connect_store(application_url(url), min_size=1, max_size=4)
        store.open()
        try:
            with at(monkeypatch, store) as cage:
                _, keys, canaries = lived(cage)
        finally:
            store.close()
        file = tmp_path / "dump.sql"
        program = embedded_postgres.programs() / "pg_dump"
        subprocess.run([program, f"--file={file}", f"--dbname={url}"], check=True)
        dumped = file.read_text("utf-8", errors="surrogateescape")
    assert all(key.key.rpartition("/acct_")[2] in dumped for key in keys), "it has the records"
    for canary in canaries:
        for form in forms(canary):
            assert form not in dumped
        # A record is JSON in bytes: in a dump, base64 in hexadecimal.
        assert base64.b64encode(canary).hex() not in dumped


def test_no_canary_is_in_what_settings_say(tmp_path):
    """Neither in their repr nor in what `config print` shows."""
    canaries = {
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": base64.b64encode(b"canary-master-key-of-32-bytes!!!"),
        "TALLYSTICK_PKCS11_PIN": b"canary-of-a-pin",
        "TALLYSTICK_VAULT_TOKEN": b"canary-of-a-token",
        "TALLYSTICK_VAULT_ROLE_ID": b"canary-of-a-role",
        "TALLYSTICK_VAULT_SECRET_ID": b"canary-of-a-secret-id",
        "TALLYSTICK_STRIPE_SECRET_KEY": b"sk_test_canary0123456789",
        "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": b"whsec_canary0123456789",
    }
    passwords = ("canary-of-a-database", "canary-of-mail")
    settings = load(
        None,
        {name: text.decode() for name, text in canaries.items()}
        | {
            "TALLYSTICK_CONFIG": str(written(tmp_path)),
            "TALLYSTICK_INSTALLATION_ID": "ins_01k9zvkx9te1mt5qg4s7z9ht6e",
            "TALLYSTICK_INSTALLATION_ENVIRONMENT": "test",
            "TALLYSTICK_DATABASE_URL": f"postgresql://tallystick:{passwords[0]}@db/tallystick",
            "TALLYSTICK_MAIL_URL": f"smtps://us:{passwords[1]}@mail.example:465",
            "TALLYSTICK_MAIL_FROM": "us@example.com",
            "TALLYSTICK_LOCAL_KEYS_ALLOW": "true",
            "TALLYSTICK_CUSTODIAN_OTHERS": "vault:https://vault.example:8200",
        },
    )
    heard = repr(settings) + json.dumps(settings.redacted(), default=str)
    for canary in (*canaries.values(), *(each.encode() for each in passwords)):
        for form in forms(canary):
            assert form not in heard


def written(folder: Path) -> Path:
    file = folder / "tallystick.toml"
    file.write_text(
        """
        [networks."eip155:31337"]
        name = "anvil"
        family = "evm"
        class = "development"
        nodes = ["http://127.0.0.1:9"]
        finality_tag = "finalized"
        fee_ceiling = 1
        native_currency = "ETH"
        """
    )
    return file


def lived(cage: Cage) -> tuple[list[str], list[KeyDescription], list[bytes]]:
    """Everything that a custodian does, and what came of it: what was said, keys, canaries."""
    told, keys = [repr(cage.custodian)], []
    canaries = [*cage.canaries]
    for use in PURPOSES:
        secret, account = SECRETS[use][0], AccountId(uuid4())
        arguments = (INSTALLATION, account, CURVES[use], use)
        if CURVES[use] in cage.custodian.capabilities().imports:
            canaries.append(secret)
            keys.append(cage.custodian.import_key(*arguments, bytearray(secret)))
            told += attempted(cage.custodian.import_key, *arguments, bytearray(secret[1:]))
        else:
            keys.append(cage.custodian.create_key(*arguments))
        told += exercised(cage.custodian, keys[-1].key, use)
    for custodian in cage.broken:
        told.append(repr(custodian))
        for key in keys:
            told += exercised(custodian, key.key, key.use)
        told += attempted(custodian.create_key, INSTALLATION, AccountId(uuid4()), CURVES[use], use)
        told += attempted(custodian.lacks)
    return told, keys, canaries


def row(store: Store, key: KeyRef) -> str:
    """What the database has of it."""
    scheme, _, rest = key.partition(":")
    with store.begin(Scope.installation()) as work:
        found = work.secrets.get(f"{scheme}:{rest.partition('/')[2]}")
    assert found is not None
    return repr(found) + found.ciphertext.decode("latin-1")


def exercised(custodian: Custodian, key: KeyRef, use: KeyUse) -> list[str]:
    purpose, message = PURPOSES[use]
    told = [repr(custodian)]
    told += attempted(custodian.sign, key, message, purpose)
    told += attempted(custodian.sign, key, message + b"x", Purpose.CHECKPOINT)
    told += attempted(custodian.describe, key)
    told += attempted(custodian.sign, KeyRef(key + "7"), message, purpose)
    told += attempted(custodian.lacks)
    return told


def attempted(question, *arguments) -> list[str]:
    """What came of it, with every cause."""
    try:
        return [repr(question(*arguments))]
    except (CustodyRefusedError, CustodyUnavailableError) as error:
        return ["".join(traceback.format_exception(error))]


def test_the_test_hears_a_canary():
    """An adapter that tells its secret is found out by the very same look."""
    secret = SECRETS[KeyUse.EVM_ACCOUNT][0]

    @frozen
    class Chatty:
        secret: bytes

    for said in (repr(Chatty(secret)), f"no such key {secret.hex()}", str(list(secret))):
        assert any(form in said for form in forms(secret))
