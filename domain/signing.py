"""Keys by reference, and what is signed with them.  No secret ever appears here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256

from attrs import evolve, field, frozen, validators

from domain.identifiers import (
    AccountId,
    InstallationId,
    KeyRef,
    OrganisationId,
    Prefix,
    parse_id,
    public_id,
)

#: SEC 2, 2.4.1.
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
#: What is signed on secp256k1.
DIGEST_BYTES = 32


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

#: Every use has one curve.
CURVES: Mapping[KeyUse, Curve] = {
    KeyUse.EVM_ACCOUNT: Curve.SECP256K1,
    KeyUse.ALGORAND_ACCOUNT: Curve.ED25519,
    KeyUse.CHECKPOINT: Curve.ED25519,
}

#: The one program that an account may delegate to: it approves the transaction with this id, once.
#: ``#pragma version 6; txn TxID; pushbytes <32 bytes>; ==``
_PROGRAM = re.compile(rb"Program\x06\x31\x17\x80\x20.{32}\x12", re.DOTALL)

_VERSION = re.compile(r"[1-9][0-9]{0,8}")

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

    @property
    def with_low_s(self) -> Signature:
        """The same signature in the one form that chains take (EIP-2)."""
        s = int.from_bytes(self.raw[32:])
        if self.curve is not Curve.SECP256K1 or not SECP256K1_ORDER // 2 < s < SECP256K1_ORDER:
            return self
        return evolve(self, raw=self.raw[:32] + (SECP256K1_ORDER - s).to_bytes(32))


@frozen
class KeyPlace:
    """Whose key it is, and which of theirs: what a reference says after its scheme."""

    organisation: OrganisationId
    account: AccountId
    #: Counts from 1; a rotation makes the next one.
    version: int = field(default=1, validator=validators.gt(0))

    @classmethod
    def of(cls, scheme: str, key: KeyRef) -> KeyPlace | None:
        """The place that *key* names; None where it is no reference of *scheme*'s."""
        head, _, version = key.removeprefix(f"{scheme}:").rpartition("/")
        organisation, _, account = head.partition("/")
        organisation_id = parse_id(Prefix.ORGANISATION, organisation)
        account_id = parse_id(Prefix.ACCOUNT, account)
        is_ours = key.startswith(f"{scheme}:") and _VERSION.fullmatch(version) is not None
        if not is_ours or organisation_id is None or account_id is None:
            return None
        return cls(OrganisationId(organisation_id), AccountId(account_id), int(version))

    def reference(self, scheme: str) -> KeyRef:
        organisation = public_id(Prefix.ORGANISATION, self.organisation)
        return KeyRef(f"{scheme}:{organisation}/{self.name}")

    @property
    def name(self) -> str:
        """What is enough within the organisation."""
        return f"{public_id(Prefix.ACCOUNT, self.account)}/{self.version}"

    @property
    def next(self) -> KeyPlace:
        return evolve(self, version=self.version + 1)


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


@frozen
class Misuse:
    """What a key must not sign.  For custody's refusals: nobody outside is told the code."""

    code: str
    detail: str


def misuse(
    use: KeyUse, message: bytes, purpose: Purpose, installation: InstallationId
) -> Misuse | None:
    """Why a key of that use does not sign *message* for *purpose*; None: it does.

    What is signed for one purpose must never be valid for another, so each begins in its own way.
    """
    if purpose not in PURPOSES[use]:
        return _wrong_purpose(f"the key is for {use.value}, not for {purpose.value}")
    match purpose:
        case Purpose.EVM_TRANSACTION if len(message) != DIGEST_BYTES:
            detail = f"a digest has {DIGEST_BYTES} bytes, not {len(message)}"
            return Misuse("wrong_length", detail)
        case Purpose.ALGORAND_TRANSACTION if not message.startswith(b"TX"):
            return _wrong_purpose("an Algorand transaction begins with TX")
        case Purpose.ALGORAND_PROGRAM if _PROGRAM.fullmatch(message) is None:
            return _wrong_purpose("this is not the program that may be signed")
        case Purpose.CHECKPOINT if not _is_of_our_log(message, installation):
            return _wrong_purpose("a checkpoint begins with the origin of a log of ours")
    return None


def _is_of_our_log(message: bytes, installation: InstallationId) -> bool:
    """Whether the first line is the origin that `OpenLog` gives: host, installation, number."""
    ours = re.escape(public_id(Prefix.INSTALLATION, installation).encode())
    return re.match(rb"[^\n]+/audit/" + ours + rb"/[1-9][0-9]*\n", message) is not None


def _wrong_purpose(detail: str) -> Misuse:
    return Misuse("wrong_purpose", detail)
