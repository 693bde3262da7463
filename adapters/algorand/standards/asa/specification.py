"""What may be asked for: the fields of each kind, their limits, and the token they make.

The limits are the protocol's (go-algorand, config/consensus.go): 32 bytes of name, 8 of unit name,
96 of URL, 19 decimals, a total of a ``uint64``.  All faults of a request are told together.
"""

from collections.abc import Mapping, Sequence

from adapters.algorand.fields import Hash, Role, Text
from domain.fields import Amount, Field, Flag, Whole
from domain.specification import Specifications, Values
from domain.token import Token, TokenKind

FUNGIBLE = TokenKind("asa_ft")
UNIQUE = TokenKind("asa_nft")
FRACTIONAL = TokenKind("asa_fnft")

MOST_DECIMALS = 19

_NAMES = (
    Text(name="name", longest=32, explanation="Full name of the token, as wallets show it."),
    Text(name="unit_name", longest=8, explanation="Name of one unit, as exchanges list it."),
)
_OPTIONS = (
    Text(
        name="url",
        longest=96,
        explanation="Where more about the token can be read; it never changes.",
        default=None,
    ),
    Hash(
        name="metadata_hash",
        explanation="Binds the token to a document; it never changes.",
    ),
    Flag(
        name="default_frozen",
        explanation="Whether a new holder can do nothing until the freeze role says otherwise.",
    ),
    Role(name="manager", explanation="Who may change the roles, and destroy the token."),
    Role(name="reserve", explanation="Whose holding counts as not issued yet."),
    Role(name="freeze", explanation="Who may freeze and thaw a holding."),
    Role(name="clawback", explanation="Who may take units out of any holding."),
)

FIELDS: Mapping[TokenKind, Sequence[Field]] = {
    FUNGIBLE: (
        *_NAMES,
        Amount(name="total", bits=64, explanation="What exists, for ever."),
        Whole(
            name="decimals",
            least=0,
            most=MOST_DECIMALS,
            explanation="Digits behind the decimal point: one token is 10^decimals base units.",
        ),
        *_OPTIONS,
    ),
    UNIQUE: (*_NAMES, *_OPTIONS),
    FRACTIONAL: (
        *_NAMES,
        Whole(
            name="decimals",
            least=1,
            most=MOST_DECIMALS,
            explanation="The one token is divided into 10^decimals base units.",
        ),
        *_OPTIONS,
    ),
}

#: For those who ask for their first one: what they must say, and a little more.
EXAMPLES: Mapping[TokenKind, Mapping[str, object]] = {
    FUNGIBLE: {
        "name": "Hazel Points",
        "unit_name": "HZL",
        "total": "100000000",
        "decimals": 2,
        "url": "https://example.com/hazel",
        "clawback": None,
    },
    UNIQUE: {
        "name": "Deed of 12 Elm Street",
        "unit_name": "DEED",
        "metadata_hash": "0f343b0931126a20f133d67c2b018a3b1a2f5c7e9d4b6a8c0e1f2d3c4b5a6978",
    },
    FRACTIONAL: {"name": "House at the Lake", "unit_name": "LAKE", "decimals": 6},
}


def asset(kind: TokenKind, values: Values) -> Token:
    """Without a total of its own there is one, in as many parts as its decimals say."""
    decimals = int(values.get("decimals") or 0)
    return Token(
        kind=kind,
        name=str(values["name"]),
        symbol=str(values["unit_name"]),
        decimals=decimals,
        supply=int(str(values["total"])) if "total" in values else 10**decimals,
        parameters=values,
    )


_SPECIFICATIONS = Specifications.over(FIELDS, asset)
validated = _SPECIFICATIONS.validated
stored = _SPECIFICATIONS.stored
