"""The custodian ``aws-kms``: keys of AWS's Key Management Service, which never leave it."""

from collections.abc import Mapping

from adapters.aws_kms.address import Address
from adapters.aws_kms.holder import KmsHolder
from adapters.aws_kms.line import Line
from application.ports.custody import KeyHolder

__all__ = ["Address", "connect"]


def connect(address: str, secrets: Mapping[str, str]) -> KeyHolder:
    """What holds keys in the region of *address*: ``REGION``, or ``REGION?endpoint=URL``.

    Credentials are found as AWS's own tools find them: a role of the machine, the environment, a
    profile.  Asks nobody yet.  *secrets*: none.

    Raises:
        ValueError: says what of the address is wrong.
    """
    del secrets
    return KmsHolder(Line(Address.read(address)))
