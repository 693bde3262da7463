"""The token kinds of the chains in memory, and the rules that validate them and their orders."""

from collections.abc import Callable, Collection, Mapping
from typing import cast

from adapters.memory.chain.contract import MAX_SUPPLY
from application.ports.chain import no_such_action
from domain.catalogue import KindClass
from domain.errors import FieldFault, Refusal
from domain.token import Action, KindDescription, Order, Parameters, Token, TokenKind

#: Made in one step; does what any token does.
KIND = TokenKind("memory_token")
#: Nothing can be done with it afterwards.
FIXED = TokenKind("memory_fixed")
#: Made, and then brought to life.
TWO_STEPS = TokenKind("memory_two_steps")
MAX_NAME = 64
MAX_SYMBOL = 12
MAX_DECIMALS = 18

_FIELDS = ("name", "symbol", "decimals", "supply")
_AMOUNT = {"type": "string", "pattern": "^[1-9][0-9]*$"}
#: By action, the JSON Schema of each of its fields; all of them must be given.
_ORDERS: Mapping[Action, Mapping[str, Mapping[str, object]]] = {
    Action.MINT: {"amount": _AMOUNT, "to": {"type": "string"}},
    Action.BURN: {"amount": _AMOUNT},
    Action.PAUSE: {},
    Action.UNPAUSE: {},
}


def _described(
    kind: TokenKind, title: str, explanation: str, actions: Collection[Action]
) -> KindDescription:
    return KindDescription(
        kind=kind,
        standard="memory",
        kind_class=KindClass.CORE,
        title=title,
        explanation=explanation,
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
        actions={
            action: {
                "type": "object",
                "additionalProperties": False,
                "required": list(_ORDERS[action]),
                "properties": dict(_ORDERS[action]),
            }
            for action in actions
        },
    )


DESCRIPTION = _described(
    KIND,
    "Token in memory",
    "A token that exists until the process ends, for tests.",
    tuple(_ORDERS),
)
DESCRIPTION_OF_FIXED = _described(
    FIXED, "Fixed token in memory", "A token that nobody can change any more, for tests.", ()
)
DESCRIPTION_OF_TWO_STEPS = _described(
    TWO_STEPS,
    "Token in memory, made in two steps",
    "A token that is made first and gets its supply afterwards, for tests.",
    (Action.MINT, Action.BURN),
)


def validated(
    descriptions: Collection[KindDescription], kind: TokenKind, parameters: Mapping[str, object]
) -> Token | Refusal:
    offered = [each.kind for each in descriptions]
    if kind not in offered:
        message = f"{kind} is not offered here; {', '.join(offered)} are"
        fault = FieldFault("", "unknown_kind", message)
        return Refusal(code="invalid_token", detail=fault.message, faults=(fault,))
    faults = [
        *_shape_faults(parameters, _FIELDS),
        *_text_faults("name", parameters, MAX_NAME),
        *_text_faults("symbol", parameters, MAX_SYMBOL),
        *_decimals_faults(parameters),
        *_number_faults("supply", parameters, least=0),
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


def ordered(
    descriptions: Collection[KindDescription],
    token: Token,
    action: Action,
    parameters: Mapping[str, object],
    is_address: Callable[[str], bool],
) -> Order | Refusal:
    (description,) = (each for each in descriptions if each.kind == token.kind)
    if action not in description.actions:
        return no_such_action(token, action)
    faults = [
        *_shape_faults(parameters, _ORDERS[action]),
        *(_number_faults("amount", parameters, least=1) if "amount" in _ORDERS[action] else ()),
        *(_address_faults("to", parameters, is_address) if "to" in _ORDERS[action] else ()),
    ]
    if faults:
        detail = f"{len(faults)} fields are faulty"
        return Refusal(code="invalid_order", detail=detail, faults=tuple(faults))
    return Order(action=action, parameters=dict(cast("Parameters", parameters)))


def handing_over(kind: TokenKind, to: str) -> Order | None:
    if kind == FIXED:
        return None
    return Order(action=Action.HAND_OVER, parameters={"to": to})


def _shape_faults(parameters: Mapping[str, object], fields: Collection[str]) -> list[FieldFault]:
    strangers = [name for name in parameters if name not in fields]
    missing = [name for name in fields if name not in parameters]
    return [
        *(_fault(name, "unknown_field", "is not a field") for name in strangers),
        *(_fault(name, "missing", "is missing") for name in missing),
    ]


def _address_faults(
    name: str, parameters: Mapping[str, object], is_address: Callable[[str], bool]
) -> list[FieldFault]:
    match parameters.get(name):
        case None if name not in parameters:
            return []
        case str() as text if is_address(text):
            return []
        case str():
            return [_fault(name, "not_an_address", "is no address of this network")]
        case _:
            return [_fault(name, "wrong_type", "is text")]


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


def _number_faults(name: str, parameters: Mapping[str, object], *, least: int) -> list[FieldFault]:
    """Of a whole number written as text, from *least* up to what a chain can count."""
    match parameters.get(name, str(least)):
        case str() as number if number.isascii() and number.isdigit() and len(number) <= 80:
            is_canonical = number == "0" or not number.startswith("0")
            if is_canonical and least <= int(number) <= MAX_SUPPLY:
                return []
            return [_fault(name, "out_of_range", f"is between {least} and {MAX_SUPPLY}")]
        case _:
            return [_fault(name, "wrong_type", "is a whole number written as text")]


def _fault(name: str, code: str, message: str) -> FieldFault:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return FieldFault(pointer=pointer, code=code, message=f"{name} {message}")
