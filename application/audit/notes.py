"""Whether a published checkpoint is one that the log's key has signed."""

from application.ports.custody import Verifies
from application.ports.storage.seals import Log, SignedCheckpoint
from domain.checkpoint import MalformedError, Note


def is_signed(verifies: Verifies, log: Log, signed: SignedCheckpoint) -> bool:
    """Whether its note says what its row says, under the key that the log was opened with.

    Whoever can write rows has not the key: nothing in the database is believed without this.
    """
    try:
        note = Note.parse(signed.note)
    except MalformedError:
        return False
    signature = note.of(log.origin, log.public_key)
    return (
        note.text == signed.checkpoint.text
        and signature is not None
        and verifies(log.public_key, note.text.encode(), signature)
    )
