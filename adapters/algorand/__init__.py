"""Algorand chains: ed25519 keys, leases with windows of rounds, atomic groups, final blocks.

Importing this folder is free; the SDK is loaded by `connect`, when a network is really used.
"""

from collections.abc import Callable
from datetime import timedelta

from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId
from domain.network import Network
from domain.signing import PublicKey

ANSWER_WITHIN = timedelta(seconds=5)


def connect(
    network: Network,
    endpoint: Endpoint,
    installation: InstallationId,
    answer_within: timedelta = ANSWER_WITHIN,
    document_url: Callable[[bytes], str] | None = None,
) -> Chain:
    """The chain behind one algod node.

    Asks nobody: a node is met, and its genesis compared, when the first question is put to it.
    *installation* becomes part of every lease and note, so that two installations never collide.
    *document_url* says where a document is once it is published; without it no kind is offered
    that points at one.

    Raises:
        ValueError: no Algorand network, one without its genesis hash, or no HTTP address.
    """
    from adapters.algorand.chain import AlgorandChain  # noqa: PLC0415 - the SDK is slow to import

    return AlgorandChain.through(network, endpoint, installation, answer_within, document_url)


def address_of(key: PublicKey) -> str:
    """Where a key's account is, on every network of the family.

    Raises:
        ValueError: a key of another curve.
    """
    from adapters.algorand.group import address_of as told  # noqa: PLC0415 - as above

    return told(key)
