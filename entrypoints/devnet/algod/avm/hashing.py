"""Hashes and Ed25519.  Other curves, VRF and Falcon are not here: `unsupported` names them."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from entrypoints.devnet.algod.avm.keccak import keccak256
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import LogicError, Operations, Pushed
from entrypoints.devnet.algod.encoding import digest

OPERATIONS = Operations()
declare = OPERATIONS.declare

_SIGNATURE_BYTES, _KEY_BYTES = 64, 32


@declare(0x01, "sha256", "b", cost=35)
def sha256(_: Machine, a: bytes) -> Pushed:
    return hashlib.sha256(a).digest()


@declare(0x02, "keccak256", "b", cost=130)
def keccak(_: Machine, a: bytes) -> Pushed:
    return keccak256(a)


@declare(0x03, "sha512_256", "b", cost=45)
def sha512_256(_: Machine, a: bytes) -> Pushed:
    return digest(b"", a)


@declare(0x98, "sha3_256", "b", since=7, cost=130)
def sha3_256(_: Machine, a: bytes) -> Pushed:
    return hashlib.sha3_256(a).digest()


@declare(0x04, "ed25519verify", "bbb", since=5, cost=1900)
def verify_for_program(machine: Machine, a: bytes, signature: bytes, key: bytes) -> Pushed:
    """The signature is one for this program only."""
    return _verified(b"ProgData" + machine.program.hash + a, signature, key)


@declare(0x84, "ed25519verify_bare", "bbb", since=7, cost=1900)
def verify(_: Machine, a: bytes, signature: bytes, key: bytes) -> Pushed:
    return _verified(a, signature, key)


def _verified(message: bytes, signature: bytes, key: bytes) -> bool:
    if len(key) != _KEY_BYTES:
        raise LogicError("invalid public key")
    if len(signature) != _SIGNATURE_BYTES:
        raise LogicError("invalid signature")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
