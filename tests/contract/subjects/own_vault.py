"""A Vault or OpenBao of one's own, where VAULT_ADDR and VAULT_TOKEN name one.

Its transit engine keeps the keys that the tests make: take one that nobody else uses.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from adapters import vault
from application.ports.custody import Custodian, KeyWrapping
from tests.contract.custody import guarded, registered

_URL, _TOKEN = os.environ.get("VAULT_ADDR"), os.environ.get("VAULT_TOKEN", "")

if _URL:

    @contextmanager
    def custodian() -> Iterator[Custodian]:
        yield guarded(registered("vault", vault.connect(_URL, {"token": _TOKEN})))

    @contextmanager
    def key_wrapping() -> Iterator[KeyWrapping]:
        yield vault.wrapping(_URL, {"token": _TOKEN})
