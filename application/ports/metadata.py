"""What the application asks of whoever keeps the documents that tokens point at.

A document is found under its content: the same bytes are always at the same place, and at that
place are never other bytes.  It is public from the moment it is stored, and belongs to nobody.
"""

from typing import Protocol

#: In bytes: what one block of IPFS holds, wherever documents are kept.
LARGEST = 262_144


class MetadataRefusedError(Exception):
    """The store will not take this document, however often it is asked."""


class MetadataUnavailableError(Exception):
    """No answer.  Whether the document is stored is unknown; asking again is safe."""


class MetadataStore(Protocol):
    def url_of(self, document: bytes) -> str:
        """Where *document* is once it is stored.  Asks nobody; the same for ever."""
        ...

    def put(self, document: bytes) -> None:
        """Store *document*, which may be there already.

        Raises:
            MetadataRefusedError: it has more than `LARGEST` bytes, or the store does not want it.
            MetadataUnavailableError: ask again.
        """
        ...

    def get(self, digest: bytes) -> bytes | None:
        """The document whose SHA-256 is *digest*; None where this store has none.

        Raises:
            MetadataUnavailableError: ask again.
        """
        ...
