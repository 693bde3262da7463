"""What may be asked for: the fields of each kind, their limits, and the token they make.

The limits are the standard's and our contract's: a name of 32 bytes, a symbol of 8, ``uint8``
decimals and ``uint256`` amounts.  All faults of a request are told together.
"""

from collections.abc import Mapping, Sequence

from adapters.algorand.fields import Address, Text
from domain.fields import UINT256_MAX, Amount, Field, Whole
from domain.specification import Specifications, not_above_its_cap, with_supply
from domain.token import Action, TokenKind

MINTABLE = TokenKind("arc200_mintable")
PREMINTED = TokenKind("arc200_preminted")

NAMES: Sequence[Field] = (
    Text(name="name", longest=32, explanation="Full name of the token, as wallets show it."),
    Text(name="symbol", longest=8, explanation="Short name, as exchanges list it."),
    Whole(
        name="decimals",
        least=0,
        most=255,
        explanation="Digits behind the decimal point: one token is 10^decimals base units.",
    ),
)
HOLDER = Address(
    name="initial_holder",
    explanation="Account that receives the initial supply; by default the issuing account.",
)

FIELDS: Mapping[TokenKind, Sequence[Field]] = {
    MINTABLE: (
        *NAMES,
        Amount(name="initial_supply", least=0, explanation="What exists from the start."),
        Amount(
            name="cap",
            default=str(UINT256_MAX),
            explanation="What may exist at most, for ever. Not less than initial_supply.",
        ),
        HOLDER,
    ),
    PREMINTED: (
        *NAMES,
        Amount(name="supply", explanation="What exists, for ever."),
        HOLDER,
    ),
}

EXAMPLES: Mapping[TokenKind, Mapping[str, object]] = {
    MINTABLE: {
        "name": "Hazel Voucher",
        "symbol": "HZV",
        "decimals": 2,
        "initial_supply": "100000",
        "cap": "100000000",
    },
    PREMINTED: {"name": "Hazel Share", "symbol": "HZS", "decimals": 0, "supply": "1000"},
}


TO = Address(name="to", explanation="Who receives it; by default the issuing account.")
ACTIONS: Mapping[Action, Sequence[Field]] = {
    Action.MINT: (Amount(name="amount", explanation="How much more shall exist."), TO),
    Action.BURN: (
        Amount(
            name="amount",
            explanation="How much less shall exist, out of what the issuing account holds.",
        ),
    ),
    Action.PAUSE: (),
    Action.UNPAUSE: (),
}
ACTION_EXAMPLES: Mapping[Action, Mapping[str, object]] = {
    Action.MINT: {"amount": "5000"},
    Action.BURN: {"amount": "100"},
    Action.PAUSE: {},
    Action.UNPAUSE: {},
}


_SPECIFICATIONS = Specifications.over(FIELDS, with_supply, not_above_its_cap)
validated = _SPECIFICATIONS.validated
stored = _SPECIFICATIONS.stored
