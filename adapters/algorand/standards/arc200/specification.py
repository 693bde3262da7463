"""What may be asked for: the fields of each kind, their limits, and the token they make.

The limits are the standard's and our contract's: a name of 32 bytes, a symbol of 8, ``uint8``
decimals and ``uint256`` amounts.  All faults of a request are told together.
"""

from collections.abc import Mapping, Sequence

from adapters.algorand.fields import (
    UINT256_MAX,
    Address,
    Amount,
    Field,
    Text,
    Value,
    Whole,
    out_of_range,
    read_all,
)
from domain.errors import FieldFault, MisuseError, Refusal
from domain.token import Action, Token, TokenKind

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
        Amount(
            name="initial_supply", least=0, bits=256, explanation="What exists from the start."
        ),
        Amount(
            name="cap",
            bits=256,
            default=str(UINT256_MAX),
            explanation="What may exist at most, for ever. Not less than initial_supply.",
        ),
        HOLDER,
    ),
    PREMINTED: (
        *NAMES,
        Amount(name="supply", bits=256, explanation="What exists, for ever."),
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

_SUPPLY = {MINTABLE: "initial_supply", PREMINTED: "supply"}

TO = Address(name="to", explanation="Who receives it; by default the issuing account.")
ACTIONS: Mapping[Action, Sequence[Field]] = {
    Action.MINT: (Amount(name="amount", bits=256, explanation="How much more shall exist."), TO),
    Action.BURN: (
        Amount(
            name="amount",
            bits=256,
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


def validated(kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
    """The token that *parameters* ask for, or every fault in them."""
    values, faults = read_all(FIELDS[kind], parameters)
    faults += _faults_between(values)
    if faults:
        fields = "1 field is" if len(faults) == 1 else f"{len(faults)} fields are"
        return Refusal(code="invalid_token", detail=f"{fields} not valid", faults=faults)
    return _token(kind, values)


def stored(kind: TokenKind, parameters: Mapping[str, object]) -> Token:
    """The token of parameters that `validated` once completed.

    Raises:
        MisuseError: these are not.
    """
    values, faults = read_all(FIELDS[kind], parameters)
    if faults or values != dict(parameters):
        raise MisuseError(f"{parameters!r} are not the stored parameters of an {kind}")
    return _token(kind, values)


def _faults_between(values: Mapping[str, Value]) -> tuple[FieldFault, ...]:
    """Rules about two fields, where both are sound by themselves."""
    if "cap" in values and "initial_supply" in values:
        cap, initial = int(str(values["cap"])), int(str(values["initial_supply"]))
        if initial > cap:
            return (out_of_range("cap", "must not be less than initial_supply"),)
    return ()


def _token(kind: TokenKind, values: Mapping[str, Value]) -> Token:
    return Token(
        kind=kind,
        name=str(values["name"]),
        symbol=str(values["symbol"]),
        decimals=int(values["decimals"] or 0),
        supply=int(str(values[_SUPPLY[kind]])),
        parameters=values,
    )
