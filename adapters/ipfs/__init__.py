"""Documents on IPFS, through the HTTP API of a node of the operator's.

The address is the operator's own word, like that of the database: members have no say in it, so it
is asked directly and not through the egress guard.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.ipfs.metadata import IpfsMetadata

#: For a connection, and for each piece of an answer; the whole exchange may take three times that.
WAIT_SECONDS = 10.0


def connect(url: str, wait_seconds: float = WAIT_SECONDS) -> "IpfsMetadata":
    """A store behind the API at *url*: ``http://127.0.0.1:5001``.  Asks nobody."""
    # Imported here: only who publishes there needs it.
    from adapters.ipfs.metadata import IpfsMetadata  # noqa: PLC0415

    return IpfsMetadata.at(url, wait_seconds)
