"""What is done with a token that exists: two steps, because issuing accounts hold no coin.

The treasury *funds* the issuing account with what the next step may cost at most, and the issuing
account then makes the call itself, for it alone has the right to.  Both calls consume the
operation's id where they have their effect (`factory.salt_of`, the same for both): whoever repeats
one, in whatever nonce and after however much was forgotten, is refused by the contract.

Every operation brings its own fee money, whatever the account holds: any number of one issuer's
may be under way.  What is left over stays with the issuing account.
"""

from eth_utils.crypto import keccak

from adapters.evm import factory
from adapters.evm.kind import Kind
from adapters.evm.reads import Reader
from adapters.evm.step import IdMark, StepCall, raw, topic
from application.ports.chain import ChainUnavailableError
from domain.errors import MisuseError
from domain.identifiers import InstallationId
from domain.operation import Intent, Party, StepOutline
from domain.token import Order

_DONE = keccak(text="OperationDone(address,bytes32,bytes32)")


def outlines(order: Order) -> tuple[StepOutline, ...]:
    act = StepOutline(order.action.value, (Party.OWNER,), slot_of=Party.OWNER)
    return (StepOutline("fund"), act)


def step_of(intent: Intent, kind: Kind, installation: InstallationId) -> StepCall:
    """The call of the intent's step.

    Raises:
        MisuseError: there is no such step, or it is not known where the token is.
    """
    match intent.step:
        case 1:
            return factory.funding(intent, installation, _act(intent, kind, installation))
        case 2:
            return _act(intent, kind, installation)
        case _:
            raise MisuseError(f"an order has no step {intent.step}")


def differences(
    reader: Reader, intent: Intent, kind: Kind, installation: InstallationId, at: int
) -> tuple[str, ...]:
    """Where what was done under the operation's id is not what was ordered.

    Raises:
        ChainUnavailableError: nothing was done by block *at*, so this node is behind.
    """
    act = _act(intent, kind, installation)
    found = _mark(intent, installation, act.place).word(reader, at)
    if found == bytes(32):
        raise ChainUnavailableError(f"block {at} does not have {intent.operation} yet")
    planned = keccak(act.data)
    if found == planned:
        return ()
    return (f"order: planned the call 0x{planned.hex()}, found 0x{found.hex()}",)


def _act(intent: Intent, kind: Kind, installation: InstallationId) -> StepCall:
    if intent.place is None:
        raise MisuseError(f"{intent.operation} is about a token, and it is not said where that is")
    salt = factory.salt_of(intent, installation)
    return StepCall(
        sender=intent.owner,
        through=intent.place,
        is_its_code=kind.made,
        data=kind.act(intent, salt),
        place=intent.place,
        mark=_mark(intent, installation, intent.place),
        topics=(topic(_DONE), topic(raw(intent.owner)), topic(salt)),
        refusal="order_would_revert",
    )


def _mark(intent: Intent, installation: InstallationId, place: str) -> IdMark:
    salt = factory.salt_of(intent, installation)
    return IdMark(place, "doneUnder(address,bytes32)", intent.owner.lower(), salt)
