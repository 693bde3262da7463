"""The custodian ``pkcs11``: keys in a token, a hardware module's or SoftHSM's.

They are made in the token, cannot be read from it, and sign in it.
"""

from collections.abc import Mapping

from adapters.pkcs11.address import TokenAddress
from adapters.pkcs11.holder import TokenHolder
from adapters.pkcs11.token import Token
from application.ports.custody import KeyHolder

__all__ = ["TokenAddress", "TokenHolder", "connect"]


def connect(address: str, secrets: Mapping[str, str]) -> KeyHolder:
    """What holds keys in the token of *address*: ``token=NAME?module-path=FILE`` (RFC 7512).

    Loads no module and asks nobody.  *secrets*: ``pin``, the user's; without it everything that
    asks is refused.

    Raises:
        ValueError: says what of the address is wrong.
    """
    return TokenHolder(Token(TokenAddress.read(address), secrets.get("pin", "")))
