"""EVM chains: secp256k1 keys, account nonces, EIP-1559 fees, CREATE2 addresses.

Importing this folder is free; web3 is loaded by `connect`, when a network is really used.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    document_url: Callable[[bytes], str] | None = None,  # noqa: ARG001 - no kind points at one
) -> Chain:
    """The chain as the node at *endpoint* sees it: a JSON-RPC URL.

    Asks nobody: the node is met, and its chain id compared, when the first question is put to it.
    *installation* becomes part of every address, so that two installations never collide.
    """
    with _recursion_as_it_is():
        from adapters.evm.chain import EvmChain  # noqa: PLC0415 - web3 takes a second to import

    return EvmChain.over(network, endpoint, installation, answer_within)


def address_of(key: PublicKey) -> str:
    """Where a key's account is, on every network of the family.

    Raises:
        ValueError: a key of another curve.
    """
    with _recursion_as_it_is():
        from adapters.evm.transactions import address_of as told  # noqa: PLC0415 - as above

    return told(key)


@contextmanager
def _recursion_as_it_is() -> Iterator[None]:
    """py_ecc, which web3 brings, lets the whole process recurse a hundred thousand deep: JSON that
    is nested as deep as that, from whatever node, would then end the process.
    """
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)
