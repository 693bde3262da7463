"""The nodes through which a network is seen: where they are, and how they are."""

from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Protocol
from urllib.parse import urlsplit

from attrs import field, frozen

from domain.network import Block

#: Of a URL that names none.
PORTS: Mapping[str, int] = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Endpoint:
    """Where a node is."""

    #: Hosted nodes have a key in it.
    url: str = field(repr=False)
    #: Sent with every question, where the node wants one.
    token: str | None = field(default=None, repr=False)
    #: Keeps all blocks for ever.
    archival: bool = False

    @property
    def name(self) -> str:
        """What may be shown: the host, without path, query or password."""
        parts = urlsplit(self.url)
        return parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else "?"

    @property
    def place(self) -> Hashable:
        """Where it is, in whatever way that is spelt: two spellings of it are one source.

        Who asks is no part of it, nor what is never sent.
        """
        parts = urlsplit(self.url)
        port = parts.port if parts.port is not None else PORTS.get(parts.scheme)
        host = (parts.hostname or "").removesuffix(".")
        return parts.scheme, host, port, parts.path.rstrip("/"), parts.query


class NodeCondition(Enum):
    """What was last known of a node."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    #: Its newest block is old, compared with what other nodes of the network have.
    BEHIND = "behind"
    #: Does not answer, or not to be trusted; asked again from time to time.
    UNAVAILABLE = "unavailable"
    #: Of another chain than the network.
    WRONG_CHAIN = "wrong_chain"


@frozen(kw_only=True)
class NodeReport:
    """One node of a network, for those who watch it."""

    name: str
    archival: bool
    condition: NodeCondition
    #: Its newest block, when it was last heard of.
    latest: Block | None = None


class NodePool(Protocol):
    """The nodes behind one network."""

    def report(self) -> tuple[NodeReport, ...]:
        """Every node's condition; looks at those that were not looked at for some seconds.

        Never raises: a node's bad news is its condition.
        """
        ...
