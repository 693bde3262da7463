"""What may be asked for: the fields of each kind, their limits, and the token they make.

Names are at most 50 characters and symbols 10; ``decimals`` is ERC-20's ``uint8``; amounts are
``uint256``.  All faults of a request are told together.
"""

from collections.abc import Mapping, Sequence

from adapters.evm.fields import (
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
from domain.token import Token, TokenKind

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
        Amount(name="initial_supply", explanation="What exists from the start."),
        Amount(
            name="cap",
            least=1,
            default=str(UINT256_MAX),
            explanation="What may exist at most, for ever. Not less than initial_supply.",
        ),
        _HOLDER,
    ),
    PREMINTED: (
        _NAME,
        _SYMBOL,
        _DECIMALS,
        Amount(name="supply", least=1, explanation="What exists, for ever."),
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

_SUPPLY = {MINTABLE: "initial_supply", PREMINTED: "supply"}


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
