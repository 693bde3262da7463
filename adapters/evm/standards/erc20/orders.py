"""What can be done with a token of ours, and the calls that do it.

Every call names the operation's id first, and is done at most once for each account and id
(TallystickMintable.sol).  Whether cap and balance allow an amount is for the chain to say; here it
must only be one.
"""

from collections.abc import Mapping, Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from adapters.evm.fields import Address
from adapters.evm.standards.erc20.specification import MINTABLE, PREMINTED
from application.ports.chain import no_such_action
from domain.errors import MisuseError, Refusal
from domain.fields import Amount, Field, invalid, read_all, schema_of
from domain.operation import Intent
from domain.token import Action, Order, Token, TokenKind

_FIELDS: Mapping[Action, Sequence[Field]] = {
    Action.MINT: (
        Address(
            name="to",
            explanation="Account that receives what is minted; by default the issuing account.",
        ),
        Amount(
            name="amount",
            explanation="How much more there is then. The supply cannot exceed the cap.",
        ),
    ),
    Action.BURN: (
        Amount(
            name="amount",
            explanation="How much less there is then, of what the issuing account holds.",
        ),
    ),
    Action.PAUSE: (),
    Action.UNPAUSE: (),
}
_EXAMPLES: Mapping[Action, Mapping[str, object]] = {
    Action.MINT: {"to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "amount": "1000"},
    Action.BURN: {"amount": "1000"},
    Action.PAUSE: {},
    Action.UNPAUSE: {},
}
_OFFERED: Mapping[TokenKind, Sequence[Action]] = {MINTABLE: tuple(_FIELDS), PREMINTED: ()}


def schemas(kind: TokenKind) -> Mapping[Action, Mapping[str, object]]:
    """JSON Schema of each action's parameters."""
    return {action: schema_of(_FIELDS[action], _EXAMPLES[action]) for action in _OFFERED[kind]}


def validated(token: Token, action: Action, parameters: Mapping[str, object]) -> Order | Refusal:
    """The order that *parameters* ask for, or every fault in them."""
    if action not in _OFFERED[token.kind]:
        return no_such_action(token, action)
    values, faults = read_all(_FIELDS[action], parameters)
    if faults:
        return invalid("invalid_order", faults)
    return Order(action=action, parameters=values)


def handing_over(kind: TokenKind, to: str) -> Order | None:
    """What is preminted has no owner: who holds some of it can give it away, and nobody else."""
    if kind != MINTABLE:
        return None
    return Order(action=Action.HAND_OVER, parameters={"to": to})


def calldata(intent: Intent, id: bytes) -> bytes:
    """The call that carries the intent's order out under the operation *id*."""
    order = intent.order
    if order is None or not _OFFERED[intent.token.kind]:
        raise MisuseError(f"{order} cannot be done with an {intent.token.kind}")
    match order.action:
        case Action.MINT:
            to = str(order.parameters["to"] or intent.owner)
            return _call("mintOnce(bytes32,address,uint256)", id, to.lower(), _amount(order))
        case Action.BURN:
            return _call("burnOnce(bytes32,uint256)", id, _amount(order))
        case Action.PAUSE:
            return _call("pauseOnce(bytes32)", id)
        case Action.UNPAUSE:
            return _call("unpauseOnce(bytes32)", id)
        case Action.HAND_OVER:
            to = str(order.parameters["to"])
            return _call("handOverOnce(bytes32,address)", id, to.lower())


def _amount(order: Order) -> int:
    return int(str(order.parameters["amount"]))


def _call(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + encode(types, arguments)
