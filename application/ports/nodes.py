"""The nodes through which a network is seen: where they are, and how they are."""

from enum import Enum
from typing import Protocol
from urllib.parse import urlsplit

from attrs import field, frozen

from domain.network import Block


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
