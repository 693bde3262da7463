"""What may be asked for: the fields of the kind, their limits, and the token they make.

The limits are those of ARC-200.  All faults of a request are told together.
"""

from collections.abc import Mapping, Sequence

from adapters.algorand.fields import Address, Role, Text
from domain.errors import FieldFault
from domain.fields import Amount, Field, Flag, Whole
from domain.specification import Specification, Values, with_supply
from domain.token import Action, TokenKind

MINTABLE = TokenKind("arc1400_mintable")

#: A century, in seconds: nobody means a longer pause between two actions.
LONGEST_INTERVAL = 100 * 366 * 24 * 3600
#: Bytes of the words that go with an issue or a redemption.
LONGEST_DATA = 256

FIELDS: Sequence[Field] = (
    Text(name="name", longest=32, explanation="Full name of the token, as wallets show it."),
    Text(name="symbol", longest=8, explanation="Short name, as exchanges list it."),
    Whole(
        name="decimals",
        least=0,
        most=255,
        explanation="Digits behind the decimal point: one token is 10^decimals base units.",
    ),
    Amount(
        name="initial_supply",
        least=0,
        explanation="What exists from the start, in the default partition.",
    ),
    Address(
        name="initial_holder",
        explanation="Account that receives the initial supply; by default the issuing account.",
    ),
    Role(
        name="controller",
        explanation=(
            "Who may move or redeem what others hold, where the law or a court demands it."
        ),
    ),
    Flag(
        name="controllable",
        explanation="Whether the controller may act; the owner can change it.",
        default=True,
    ),
    Flag(
        name="require_justification",
        explanation="Whether each of the controller's actions must say why.",
        default=True,
    ),
    Whole(
        name="min_action_interval",
        least=0,
        most=LONGEST_INTERVAL,
        explanation="Least time between two of the controller's actions, in seconds.",
        default=0,
    ),
)

EXAMPLE: Mapping[str, object] = {
    "name": "Elm Street Holding",
    "symbol": "ELM",
    "decimals": 0,
    "initial_supply": "10000",
    "require_justification": True,
}

_PARTITION = Address(
    name="partition", explanation="Class of shares, an address; by default the default partition."
)
_DATA = Text(
    name="data",
    longest=LONGEST_DATA,
    explanation="Words that the event on chain shall carry.",
    default=None,
)

ACTIONS: Mapping[Action, Sequence[Field]] = {
    Action.MINT: (
        Amount(name="amount", explanation="How much more shall exist."),
        Address(name="to", explanation="Who receives it; by default the issuing account."),
        _PARTITION,
        _DATA,
    ),
    Action.BURN: (
        Amount(
            name="amount",
            explanation="How much less shall exist, out of what the issuing account holds.",
        ),
        _PARTITION,
        _DATA,
    ),
    Action.PAUSE: (),
    Action.UNPAUSE: (),
}
ACTION_EXAMPLES: Mapping[Action, Mapping[str, object]] = {
    Action.MINT: {"amount": "500", "data": "second tranche"},
    Action.BURN: {"amount": "100"},
    Action.PAUSE: {},
    Action.UNPAUSE: {},
}


def _controlled_by_somebody(values: Values) -> tuple[FieldFault, ...]:
    if values.get("controller", "") is None and values.get("controllable"):
        message = "nobody is the controller: set it, or controllable to false"
        return (FieldFault("/controllable", "out_of_range", message),)
    return ()


_SPECIFICATION = Specification(
    kind=MINTABLE, fields=FIELDS, token=with_supply, between=_controlled_by_somebody
)
validated = _SPECIFICATION.validated
stored = _SPECIFICATION.stored
