"""How an operation of ours is told on chain: by the lease of its transaction and by its note.

The *lease* excludes: the protocol accepts no second transaction of the same sender with the same
lease while the first one's validity lasts.  The *note* tells: it stays readable for ever.  Both
are the same for all attempts, so that two of them exclude each other and any is recognised.
"""

import hashlib
import json

from domain.identifiers import InstallationId, NetworkId, Prefix, public_id
from domain.operation import Intent
from domain.rekey import REKEY

_DOMAIN = b"tallystick/algorand/lease/1"


def lease_of(intent: Intent, installation: InstallationId, network: NetworkId) -> bytes:
    """32 bytes, never all zero: nodes ignore a zero lease.

    SHA-256 over these, each behind its length as four bytes, big endian: a domain tag; the
    installation (16 bytes); the network's CAIP-2 name; the organisation and the operation (16
    bytes each); the step's number (8 bytes, big endian).
    """
    parts = (
        _DOMAIN,
        installation.bytes,
        network.encode(),
        intent.organisation.bytes,
        intent.operation.bytes,
        intent.step.to_bytes(8, "big"),
    )
    return hashlib.sha256(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).digest()


def note_of(intent: Intent, installation: InstallationId) -> bytes:
    """ARC-2: the name of the application, ``j`` for JSON, and the JSON.

    ``{"i":"ins_…","g":"org_…","o":"dep_…","s":1}``: installation, organisation, operation and the
    step's number, which together are the name that the lease is a hash of.  The network needs no
    mention: the note is on it.
    """
    named = {
        "i": public_id(Prefix.INSTALLATION, installation),
        "g": public_id(Prefix.ORGANISATION, intent.organisation),
        "o": public_id(_prefix(intent), intent.operation),
        "s": intent.step,
    }
    return b"tallystick:j" + json.dumps(named, separators=(",", ":")).encode()


def _prefix(intent: Intent) -> Prefix:
    is_on_what_exists = intent.order is not None or intent.token.kind == REKEY
    return Prefix.OPERATION if is_on_what_exists else Prefix.DEPLOYMENT
