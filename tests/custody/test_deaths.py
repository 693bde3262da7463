"""A worker dies between making a key and registering it: the next one finds the same key."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from adapters import vault
from adapters.memory.storage import MemoryStore
from application.ports.custody import CustodyUnavailableError, KeyHolder
from application.ports.storage.work import StoreUnavailableError
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import CURVES, KeyUse
from entrypoints.devnet.vault import Vault
from tests import ministack, softhsm
from tests.contract.custody import guarded, registered


class Dying(MemoryStore):
    """Gone as often as it was told, from its second question on: the register is read first."""

    deaths = 0

    def begin(self, scope):
        self.asked = getattr(self, "asked", 0) + 1
        if self.deaths and self.asked % 2 == 0:
            self.deaths -= 1
            raise StoreUnavailableError("the process has died")
        return super().begin(scope)


@contextmanager
def in_vault() -> Iterator[KeyHolder]:
    with Vault() as server:
        yield vault.connect(server.url, {"token": server.root})


@contextmanager
def in_a_token() -> Iterator[KeyHolder]:
    yield softhsm.a_holder()


@contextmanager
def in_kms() -> Iterator[KeyHolder]:
    yield ministack.a_holder()


@pytest.mark.parametrize("use", [KeyUse.EVM_ACCOUNT, KeyUse.ALGORAND_ACCOUNT])
@pytest.mark.parametrize("where", [in_vault, in_a_token, in_kms])
def test_a_key_that_was_made_and_not_registered_is_found_again(where, use, monkeypatch):
    with where() as holder:
        store, made = Dying(), []
        real = type(holder).make

        def noted(self, name, version, curve):
            made.append(real(self, name, version, curve))
            return made[-1]

        monkeypatch.setattr(type(holder), "make", noted)
        custodian = guarded(registered("x", holder, store))
        arguments = (INSTALLATION, AccountId(uuid4()), CURVES[use], use)
        store.deaths = 2
        for _ in range(2):
            with pytest.raises(CustodyUnavailableError):
                custodian.create_key(*arguments)
        key = custodian.create_key(*arguments)
        assert custodian.create_key(*arguments) == key
        assert len(made) == 3
        assert made[-1].public_key == key.public_key
        if not (where is in_vault and use is KeyUse.EVM_ACCOUNT):
            # What transit wraps was never stored, and is made anew; all others are found.
            assert len({each.handle for each in made}) == 1
