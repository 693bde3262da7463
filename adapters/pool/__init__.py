"""Several nodes of a network behind one chain port.  Knows no family of chains, and no SDK."""

import time
from collections.abc import Callable, Sequence

from adapters.pool.pool import Pool
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.network import Network

__all__ = ["Pool", "connect"]


def connect(
    network: Network,
    members: Sequence[tuple[Endpoint, Chain]],
    seconds: Callable[[], float] = time.monotonic,
) -> Pool:
    """The chain behind *members*, each a chain of one node, in the order in which they are asked.

    Asks nobody.  *seconds* is a clock that only goes forward.

    Raises:
        ValueError: no node, the same one twice, or fewer than must agree before something is
            called final.
    """
    return Pool.of(network, members, seconds)
