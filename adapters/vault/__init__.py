"""The custodian ``vault``: HashiCorp Vault, or OpenBao, by its transit engine.

Ed25519 keys are made in transit, cannot leave it, and sign in it.  Transit has no secp256k1: those
keys are made here, wrapped by transit, and unwrapped here for one signature at a time.
"""

from collections.abc import Mapping

from adapters.vault.address import Address
from adapters.vault.holder import TransitHolder
from adapters.vault.line import Line, Login
from adapters.vault.wrapping import TransitWrapping
from application.ports.custody import KeyHolder, KeyWrapping

__all__ = ["Address", "connect", "wrapping"]


def connect(address: str, secrets: Mapping[str, str]) -> KeyHolder:
    """What holds keys at *address*: ``https://HOST:8200?mount=transit&namespace=NAME``.

    *secrets*: ``token``, or ``role_id`` and ``secret_id``; without any, everything that asks is
    refused.  Asks nobody yet.

    Raises:
        ValueError: says what of the address or of the secrets is wrong.
    """
    line = _line(address, secrets)
    return TransitHolder(line, TransitWrapping(line))


def wrapping(address: str, secrets: Mapping[str, str]) -> KeyWrapping:
    """Wrapping by a key in transit.  Raises: ValueError, as above."""
    return TransitWrapping(_line(address, secrets))


def _line(address: str, secrets: Mapping[str, str]) -> Line:
    return Line(Address.read(address), Login.read(secrets))
