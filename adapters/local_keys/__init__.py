"""The custodian ``local-keys``: keys in our own store, each in an envelope of its own.

A master key from a file or the environment wraps a data key per key; the data key encrypts the
secret.  Whoever has the store without the master key has nothing.
"""

from collections.abc import Mapping

from adapters.local_keys.curves import PublicKeysOfSecrets, SeedSigning, Verification
from adapters.local_keys.custody import LocalKeysCustodian
from adapters.local_keys.rewrapping import LocalKeyEnvelopes
from adapters.local_keys.wrapping import LocalKeyWrapping, read_master_keys
from application.ports.custody import KeyWrapping
from application.ports.storage.work import Store

__all__ = [
    "LocalKeyEnvelopes",
    "LocalKeyWrapping",
    "LocalKeysCustodian",
    "PublicKeysOfSecrets",
    "SeedSigning",
    "Verification",
    "connect",
    "over",
    "read_master_keys",
]


def connect(store: Store, master_keys: Mapping[int, bytes]) -> LocalKeysCustodian:
    """The custodian; *master_keys* by version, as `read_master_keys` reads them."""
    return over(store, LocalKeyWrapping(master_keys))


def over(store: Store, wrapping: KeyWrapping) -> LocalKeysCustodian:
    """The custodian whose data keys *wrapping* wraps."""
    return LocalKeysCustodian(store, wrapping)
