"""EVM chains: secp256k1 keys, account nonces, EIP-1559 fees, CREATE2 addresses.

Importing this folder is free; web3 is loaded by `connect`, when a network is really used.
"""

from collections.abc import Sequence
from datetime import timedelta

from application.ports.chain import Chain
from domain.identifiers import InstallationId
from domain.network import Network

ANSWER_WITHIN = timedelta(seconds=5)


def connect(
    network: Network,
    nodes: Sequence[str],
    installation: InstallationId,
    answer_within: timedelta = ANSWER_WITHIN,
) -> Chain:
    """The chain behind *nodes*, JSON-RPC URLs in the order in which they are asked.

    Asks nobody: a node is met, and its chain id compared, when the first question is put to it.
    *installation* becomes part of every address, so that two installations never collide.
    """
    from adapters.evm.chain import EvmChain  # noqa: PLC0415 - web3 takes a second to import

    return EvmChain.over(network, nodes, installation, answer_within)
