from collections.abc import Iterator
from contextlib import contextmanager

from adapters.local_keys import (
    LocalKeyWrapping,
    PublicKeysOfSecrets,
    SeedSigning,
    Verification,
    connect,
)
from adapters.memory.storage import MemoryStore
from application.ports.custody import Custodian, KeyWrapping, Verifies
from application.ports.derivation import PublicKeys
from application.ports.seeds import SeedSigning as Signs
from tests.contract.custody import MASTER_KEYS, guarded


@contextmanager
def custodian() -> Iterator[Custodian]:
    yield guarded(connect(MemoryStore(), MASTER_KEYS))


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    yield LocalKeyWrapping(MASTER_KEYS)


@contextmanager
def seed_signing() -> Iterator[Signs]:
    yield SeedSigning()


@contextmanager
def verification() -> Iterator[Verifies]:
    yield Verification()


@contextmanager
def public_keys() -> Iterator[PublicKeys]:
    yield PublicKeysOfSecrets()
