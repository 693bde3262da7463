import hashlib

from attrs import frozen

from application.ports.derivation import Derivation
from domain.identifiers import OrganisationId


@frozen
class MemoryDerivation(Derivation):
    """Fast, and therefore no protection at all; what it derives is no account of ARC-76."""

    def __call__(
        self, organisation: OrganisationId, email: str, passphrase: str, slot: int
    ) -> bytearray:
        del organisation
        return bytearray(hashlib.sha256(repr((email, passphrase, slot)).encode()).digest())
