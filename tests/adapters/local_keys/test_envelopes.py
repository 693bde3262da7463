import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from attrs import evolve, frozen

from adapters.local_keys import LocalKeyWrapping, connect, read_master_keys
from adapters.local_keys.custody import LocalKeysCustodian
from adapters.memory.storage import MemoryStore
from application.ports.custody import (
    CustodyRefusedError,
    CustodyUnavailableError,
    KeyDescription,
    Wrapped,
)
from application.ports.storage.work import Scope, Store, StoreUnavailableError, Work
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse, Purpose

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
DIGEST = bytes(32)


@frozen
class Vault:
    """A custodian, and the rows under it."""

    store: MemoryStore
    custodian: LocalKeysCustodian

    def key(self, curve: Curve = Curve.SECP256K1) -> KeyDescription:
        use = KeyUse.EVM_ACCOUNT if curve is Curve.SECP256K1 else KeyUse.CHECKPOINT
        return self.custodian.create_key(INSTALLATION, AccountId(uuid4()), curve, use)

    def name(self, key: KeyDescription) -> str:
        return "local-keys:" + key.key.partition("/")[2]

    def row(self, key: KeyDescription) -> Wrapped:
        with self.store.begin(Scope.installation()) as work:
            row = work.secrets.get(self.name(key))
        assert row is not None
        return row

    def rewrite(self, key: KeyDescription, row: Wrapped) -> None:
        with self.store.begin(Scope.installation()) as work:
            work.secrets.replace(self.name(key), row)

    def edit(self, key: KeyDescription, **changes: object) -> None:
        row = self.row(key)
        fields = json.loads(row.ciphertext) | changes
        self.rewrite(key, evolve(row, ciphertext=json.dumps(fields).encode()))


@pytest.fixture
def vault() -> Vault:
    store = MemoryStore()
    return Vault(store, connect(store, {1: OLD}))


def sign(vault: Vault, key: KeyDescription) -> object:
    return vault.custodian.sign(key.key, DIGEST, Purpose.EVM_TRANSACTION)


def test_the_store_alone_opens_nothing(vault: Vault):
    key = vault.key()
    thief = connect(vault.store, {1: NEW})
    assert thief.describe(key.key) == key
    with pytest.raises(CustodyRefusedError) as refused:
        thief.sign(key.key, DIGEST, Purpose.EVM_TRANSACTION)
    assert refused.value.code == "wrong_context"


def test_keys_outlive_the_process(vault: Vault):
    key = vault.key()
    again = connect(vault.store, {1: OLD})
    assert again.sign(key.key, DIGEST, Purpose.EVM_TRANSACTION) == sign(vault, key)


def test_a_row_that_was_moved_to_another_account_does_not_open(vault: Vault):
    mine, theirs = vault.key(), vault.key()
    vault.rewrite(mine, vault.row(theirs))
    with pytest.raises(CustodyRefusedError):
        sign(vault, mine)


@pytest.mark.parametrize(
    "changes",
    [
        {"public_key": "00" * 64},
        {"use": "checkpoint"},
        {"record_version": 2},
        {"curve": "unheard of"},
        {"nonce": base64.b64encode(bytes(12)).decode()},
        {"ciphertext": base64.b64encode(bytes(48)).decode()},
        {"ciphertext": ""},
        {"data_key": base64.b64encode(bytes(60)).decode()},
        {"data_key": None},
    ],
    ids=str,
)
def test_a_row_that_was_edited_does_not_open(vault: Vault, changes: dict[str, object]):
    key = vault.key()
    vault.edit(key, **changes)
    with pytest.raises(CustodyRefusedError):
        sign(vault, key)


def test_a_disabled_key_is_not_enabled_by_editing_its_row(vault: Vault):
    key = vault.key()
    vault.custodian.disable(key.key)
    vault.edit(key, enabled=True)
    with pytest.raises(CustodyRefusedError) as refused:
        sign(vault, key)
    assert refused.value.code == "wrong_context"


def test_a_row_that_is_no_envelope_is_refused(vault: Vault):
    key = vault.key()
    for text in (b"", b"{}", b"[]", b"\xff", b"null"):
        vault.rewrite(key, evolve(vault.row(key), ciphertext=text))
        with pytest.raises(CustodyRefusedError):
            vault.custodian.describe(key.key)


def test_every_key_has_a_data_key_of_its_own(vault: Vault):
    rows = [json.loads(vault.row(vault.key()).ciphertext) for _ in range(3)]
    for field in ("data_key", "nonce", "ciphertext", "public_key"):
        assert len({row[field] for row in rows}) == 3


def test_no_secret_shows(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    """Secret, data key and master key are bytes of our own here, and are looked for."""
    drawn: list[bytes] = []

    def draw(length: int) -> bytes:
        drawn.append(bytes([0x41 + len(drawn)]) * length)
        return drawn[-1]

    with monkeypatch.context() as patch:
        patch.setattr(os, "urandom", draw)
        key = vault.key()
    seen = [repr(vault.custodian), repr(key), repr(vault.row(key)), str(vault.row(key).ciphertext)]
    vault.edit(key, use="checkpoint")
    with pytest.raises(CustodyRefusedError) as refused:
        vault.custodian.sign(key.key, DIGEST, Purpose.CHECKPOINT)
    seen += [repr(refused.value), str(refused.value)]
    for secret in [*(value for value in drawn if len(value) == 32), OLD]:
        for spelling in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert not any(spelling[:8] in text.encode() for text in seen)


def test_old_master_keys_open_and_the_newest_wraps():
    old = LocalKeyWrapping({1: OLD})
    both = LocalKeyWrapping({1: OLD, 2: NEW})
    wrapped = old.wrap(b"secret", b"place")
    assert wrapped.wrapping == "local-keys:master/1"
    assert both.unwrap(wrapped, b"place") == b"secret"
    renewed = both.wrap(b"secret", b"place")
    assert renewed.wrapping == "local-keys:master/2"
    with pytest.raises(CustodyRefusedError) as refused:
        old.unwrap(renewed, b"place")
    assert refused.value.code == "unknown_key"
    # The name is part of the seal: an envelope cannot be made to look older than it is.
    with pytest.raises(CustodyRefusedError):
        LocalKeyWrapping({1: NEW, 2: NEW}).unwrap(
            evolve(renewed, wrapping="local-keys:master/1"), b"place"
        )


def test_a_store_that_does_not_answer_is_a_custodian_that_does_not():
    class Broken(Store):
        @contextmanager
        def begin(self, scope: Scope) -> Iterator[Work]:
            raise StoreUnavailableError("gone")
            yield

    custodian = connect(Broken(), {1: OLD})
    key = Vault(MemoryStore(), connect(MemoryStore(), {1: OLD})).key()
    asks: list[Callable[[], object]] = [
        lambda: custodian.create_key(
            INSTALLATION, AccountId(uuid4()), Curve.SECP256K1, KeyUse.EVM_ACCOUNT
        ),
        lambda: custodian.describe(key.key),
        lambda: custodian.sign(key.key, DIGEST, Purpose.EVM_TRANSACTION),
        lambda: custodian.disable(key.key),
    ]
    for ask in asks:
        with pytest.raises(CustodyUnavailableError):
            ask()


def test_who_comes_second_gets_the_key_of_who_was_first(vault: Vault):
    """Another process makes the account's key between our look and our writing."""
    account = AccountId(uuid4())
    rival = vault.custodian
    made: list[KeyDescription] = []

    class Slow(Store):
        looks = 0

        @contextmanager
        def begin(self, scope: Scope) -> Iterator[Work]:
            self.looks += 1
            if self.looks == 2:
                made.append(
                    rival.create_key(INSTALLATION, account, Curve.SECP256K1, KeyUse.EVM_ACCOUNT)
                )
            with vault.store.begin(scope) as work:
                yield work

    late = connect(Slow(), {1: OLD})
    ours = late.create_key(INSTALLATION, account, Curve.SECP256K1, KeyUse.EVM_ACCOUNT)
    assert [ours] == made
    assert late.describe(ours.key) == ours


def test_master_keys_are_read_line_by_line():
    first, second = (base64.b64encode(key).decode() for key in (OLD, NEW))
    assert read_master_keys(first + "\n") == {1: OLD}
    assert read_master_keys(f"1:{first}\n\n  2:{second}  \n") == {1: OLD, 2: NEW}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "c2VjcmV0LXNlY3JldA==",
        "x:c2VjcmV0LXNlY3JldA==",
        "0:" + base64.b64encode(OLD).decode(),
        "c2Vj*mV0",
        "1:{0}\n1:{0}".format(base64.b64encode(OLD).decode()),
    ],
)
def test_master_keys_that_are_not_are_refused_without_being_shown(text: str):
    with pytest.raises(ValueError) as refused:
        read_master_keys(text)
    assert "c2V" not in str(refused.value)
    assert base64.b64encode(OLD).decode() not in str(refused.value)
