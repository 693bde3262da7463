"""The custodian ``aws-kms``: keys of AWS's Key Management Service, which never leave it."""

from collections.abc import Mapping, Sequence

from adapters.aws_kms.address import Address
from adapters.aws_kms.holder import KmsHolder
from adapters.aws_kms.line import Line
from adapters.aws_kms.wrapping import KmsWrapping
from application.ports.custody import KeyHolder, KeyWrapping

__all__ = ["Address", "connect", "wrapping"]


def connect(address: str, secrets: Mapping[str, str]) -> KeyHolder:
    """What holds keys in the region of *address*: ``REGION``, or ``REGION?endpoint=URL``.

    Credentials are found as AWS's own tools find them: a role of the machine, the environment, a
    profile.  Asks nobody yet.  *secrets*: none.

    Raises:
        ValueError: says what of the address is wrong.
    """
    del secrets
    return KmsHolder(Line(Address.read(address)))


def wrapping(address: str, secrets: Mapping[str, str], keys: Sequence[str]) -> KeyWrapping:
    """Wrapping by symmetric *keys*, ids or aliases: the first one wraps, all of them unwrap.

    Raises:
        ValueError: there is none, or as above.
    """
    del secrets
    if not keys:
        raise ValueError("it must be said which key of KMS wraps")
    return KmsWrapping(Line(Address.read(address)), tuple(keys))
