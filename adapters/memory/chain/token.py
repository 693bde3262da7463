"""The one token kind of the chain in memory, and the rules that validate it."""

from collections.abc import Mapping
from typing import cast

from domain.catalogue import KindClass
from domain.errors import FieldFault, Refusal
from domain.token import KindDescription, Token, TokenKind

KIND = TokenKind("memory_token")
MAX_NAME = 64
MAX_SYMBOL = 12
MAX_DECIMALS = 18
MAX_SUPPLY = 2**256 - 1

_FIELDS = ("name", "symbol", "decimals", "supply")

DESCRIPTION = KindDescription(
    kind=KIND,
    standard="memory",
    kind_class=KindClass.CORE,
    title="Token in memory",
    explanation="A token that exists until the process ends, for tests.",
    schema={
        "type": "object",
        "additionalProperties": False,
        "required": list(_FIELDS),
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            "symbol": {"type": "string", "minLength": 1, "maxLength": MAX_SYMBOL},
            "decimals": {"type": "integer", "minimum": 0, "maximum": MAX_DECIMALS},
            "supply": {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"},
        },
    },
)


def validated(kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
    if kind != KIND:
        fault = FieldFault("", "unknown_kind", f"{kind} is not offered here; {KIND} is")
        return Refusal(code="invalid_token", detail=fault.message, faults=(fault,))
    faults = [
        *(_fault(name, "unknown_field", "is not a field") for name in _strangers(parameters)),
        *(_fault(name, "missing", "is missing") for name in _missing(parameters)),
        *_text_faults("name", parameters, MAX_NAME),
        *_text_faults("symbol", parameters, MAX_SYMBOL),
        *_decimals_faults(parameters),
        *_supply_faults(parameters),
    ]
    if faults:
        detail = f"{len(faults)} fields are faulty"
        return Refusal(code="invalid_token", detail=detail, faults=tuple(faults))
    return stored(kind, parameters)


def stored(kind: TokenKind, parameters: Mapping[str, object]) -> Token:
    """The token of parameters that were validated when it was accepted."""
    name, symbol = cast("str", parameters["name"]), cast("str", parameters["symbol"])
    decimals, supply = cast("int", parameters["decimals"]), cast("str", parameters["supply"])
    return Token(
        kind=kind,
        name=name,
        symbol=symbol,
        decimals=decimals,
        supply=int(supply),
        parameters={"name": name, "symbol": symbol, "decimals": decimals, "supply": supply},
    )


def _strangers(parameters: Mapping[str, object]) -> list[str]:
    return [name for name in parameters if name not in _FIELDS]


def _missing(parameters: Mapping[str, object]) -> list[str]:
    return [name for name in _FIELDS if name not in parameters]


def _text_faults(name: str, parameters: Mapping[str, object], longest: int) -> list[FieldFault]:
    match parameters.get(name, ""):
        case str() as text if name in parameters and not 1 <= len(text) <= longest:
            return [_fault(name, "out_of_range", f"has 1 to {longest} characters")]
        case str() as text if name in parameters and not text.isprintable():
            return [_fault(name, "control_character", "has characters that cannot be shown")]
        case str():
            return []
        case _:
            return [_fault(name, "wrong_type", "is text")]


def _decimals_faults(parameters: Mapping[str, object]) -> list[FieldFault]:
    match parameters.get("decimals", 0):
        case bool():
            return [_fault("decimals", "wrong_type", "is a whole number")]
        case int() as decimals if not 0 <= decimals <= MAX_DECIMALS:
            return [_fault("decimals", "out_of_range", f"is between 0 and {MAX_DECIMALS}")]
        case int():
            return []
        case _:
            return [_fault("decimals", "wrong_type", "is a whole number")]


def _supply_faults(parameters: Mapping[str, object]) -> list[FieldFault]:
    match parameters.get("supply", "0"):
        case str() as supply if supply.isascii() and supply.isdigit() and len(supply) <= 80:
            is_canonical = supply == "0" or not supply.startswith("0")
            if is_canonical and int(supply) <= MAX_SUPPLY:
                return []
            return [_fault("supply", "out_of_range", f"is at most {MAX_SUPPLY}")]
        case str():
            return [_fault("supply", "wrong_type", "is a whole number written as text")]
        case _:
            return [_fault("supply", "wrong_type", "is a whole number written as text")]


def _fault(name: str, code: str, message: str) -> FieldFault:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return FieldFault(pointer=pointer, code=code, message=f"{name} {message}")
