"""Money for development networks, whose nodes make it on request."""

from datetime import timedelta

from adapters.evm.json_rpc import Node, RpcError
from adapters.evm.reads import Reader
from application.ports.nodes import Endpoint

_ANSWER_WITHIN = timedelta(seconds=10)


class NotADevelopmentNodeError(Exception):
    """The node makes no money and unlocks no account: it may be a real one."""


def fund(url: str, address: str, amount: int) -> None:
    """Give *address* *amount* more, in wei: out of nothing where the node can, else as a gift.

    A reorganisation that goes back to a block before takes it away again.

    Raises:
        ChainUnavailableError: no answer.
        NotADevelopmentNodeError: nothing was done.
    """
    node = Node(Endpoint(url=url), _ANSWER_WITHIN)
    reader = Reader(node)
    try:
        latest = int(node.request("eth_blockNumber"), 16)
        balance = reader.balance(address, latest)
        node.request("anvil_setBalance", address, hex(balance + amount))
    except RpcError:
        _give(node, address, amount)


def _give(node: Node, address: str, amount: int) -> None:
    try:
        donors = node.request("eth_accounts")
        if not donors:
            raise NotADevelopmentNodeError(f"{node.name} has no unlocked account")
        gift = {"from": donors[0], "to": address, "value": hex(amount)}
        node.request("eth_sendTransaction", gift)
    except RpcError as error:
        raise NotADevelopmentNodeError(str(error)) from error
