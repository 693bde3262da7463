"""Keys by reference, and what is signed with them.  No secret ever appears here."""

from collections.abc import Mapping
from enum import Enum
from hashlib import sha256

from attrs import field, frozen, validators

from domain.identifiers import KeyRef


class Curve(Enum):
    ED25519 = "ed25519"
    SECP256K1 = "secp256k1"


class KeyUse(Enum):
    """What a key is for: one key, one use, fixed when it is created."""

    EVM_ACCOUNT = "evm_account"
    ALGORAND_ACCOUNT = "algorand_account"
    CHECKPOINT = "checkpoint"


class Purpose(Enum):
    """What one signature is for; its receipt says so."""

    EVM_TRANSACTION = "evm_transaction"
    ALGORAND_TRANSACTION = "algorand_transaction"
    ALGORAND_PROGRAM = "algorand_program"
    CHECKPOINT = "checkpoint"


#: A purpose outside its key's use is refused (spec/custody.md).
PURPOSES: Mapping[KeyUse, frozenset[Purpose]] = {
    KeyUse.EVM_ACCOUNT: frozenset({Purpose.EVM_TRANSACTION}),
    KeyUse.ALGORAND_ACCOUNT: frozenset({Purpose.ALGORAND_TRANSACTION, Purpose.ALGORAND_PROGRAM}),
    KeyUse.CHECKPOINT: frozenset({Purpose.CHECKPOINT}),
}

_PUBLIC_KEY_BYTES: Mapping[Curve, int] = {Curve.ED25519: 32, Curve.SECP256K1: 64}


@frozen
class PublicKey:
    curve: Curve
    #: 32 bytes (ed25519), or 64 bytes X‖Y without the 0x04 prefix (secp256k1).
    raw: bytes = field()

    @raw.validator
    def _has_the_length_of_its_curve(self, _attribute: object, value: bytes) -> None:
        if len(value) != _PUBLIC_KEY_BYTES[self.curve]:
            msg = f"a {self.curve.value} public key has {_PUBLIC_KEY_BYTES[self.curve]} bytes"
            raise ValueError(msg)


@frozen
class Signature:
    curve: Curve
    #: 64 bytes: R‖S.  For secp256k1 S is in the lower half of the order (EIP-2).
    raw: bytes = field(validator=[validators.min_len(64), validators.max_len(64)])


@frozen(kw_only=True)
class SigningReceipt:
    """That a custodian was asked for a signature, and gave one: kept in the trail."""

    #: Address that the signature speaks for.
    signer: str
    key: KeyRef
    #: As the custodian counts.
    key_version: str
    purpose: Purpose
    #: Of what was signed: see `digest_of`.
    digest: bytes
    #: The provider's own name for the call; None where it has none.
    request_id: str | None = None


def digest_of(curve: Curve, message: bytes) -> bytes:
    """32 bytes that name *message*, as a custodian was given it.

    On secp256k1 it was given the digest of a transaction, which is taken as it is: with it the
    signature names its key.  On ed25519 it was given the whole, of which this is SHA-256.
    """
    return message if curve is Curve.SECP256K1 else sha256(message).digest()
