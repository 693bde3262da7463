from collections.abc import Iterator
from contextlib import contextmanager

from adapters import vault
from application.ports.custody import Custodian, KeyWrapping
from entrypoints.devnet.vault import Vault
from tests.contract.custody import guarded, registered


@contextmanager
def custodian() -> Iterator[Custodian]:
    with Vault() as server:
        yield guarded(registered("vault", vault.connect(server.url, {"token": server.root})))


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    with Vault() as server:
        yield vault.wrapping(server.url, {"token": server.root})
