"""What may be asked for: the fields of each kind, their limits, and the token they make.

Names are at most 50 characters and symbols 10; ``decimals`` is ERC-20's ``uint8``; amounts are
``uint256``.  All faults of a request are told together.
"""

from collections.abc import Mapping, Sequence

from adapters.evm.fields import Address
from domain.fields import UINT256_MAX, Amount, Field, Text, Whole
from domain.specification import Specifications, not_above_its_cap, with_supply
from domain.token import TokenKind

MINTABLE = TokenKind("erc20_mintable")
PREMINTED = TokenKind("erc20_preminted")

_NAME = Text(name="name", longest=50, explanation="Full name of the token, as wallets show it.")
_SYMBOL = Text(name="symbol", longest=10, explanation="Short name, as exchanges list it.")
_DECIMALS = Whole(
    name="decimals",
    least=0,
    most=255,
    default=18,
    explanation="Digits behind the decimal point: one token is 10^decimals base units.",
)
_HOLDER = Address(
    name="initial_holder",
    explanation="Account that receives the initial supply; by default the issuing account.",
)

FIELDS: Mapping[TokenKind, Sequence[Field]] = {
    MINTABLE: (
        _NAME,
        _SYMBOL,
        _DECIMALS,
        Amount(name="initial_supply", least=0, explanation="What exists from the start."),
        Amount(
            name="cap",
            default=str(UINT256_MAX),
            explanation="What may exist at most, for ever. Not less than initial_supply.",
        ),
        _HOLDER,
    ),
    PREMINTED: (
        _NAME,
        _SYMBOL,
        _DECIMALS,
        Amount(name="supply", explanation="What exists, for ever."),
        _HOLDER,
    ),
}

#: For those who ask for their first one: what they must say, and a little more.
EXAMPLES: Mapping[TokenKind, Mapping[str, object]] = {
    MINTABLE: {
        "name": "Hazel Dollar",
        "symbol": "HZD",
        "decimals": 6,
        "initial_supply": "0",
        "cap": "1000000000000",
    },
    PREMINTED: {
        "name": "Hazel Shares",
        "symbol": "HZS",
        "decimals": 0,
        "supply": "10000",
        "initial_holder": None,
    },
}

_SPECIFICATIONS = Specifications.over(FIELDS, with_supply, not_above_its_cap)
validated = _SPECIFICATIONS.validated
stored = _SPECIFICATIONS.stored
