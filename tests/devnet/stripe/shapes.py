"""What the SDK's own annotations say of an object, compared with one that was served."""

import types
import typing
from decimal import Decimal, InvalidOperation

from stripe import StripeObject
from stripe._object_classes import get_object_class


def complaints(record, where=None, kind=None):
    """Sentences, each of something that the annotations of the object's class do not allow."""
    kind = kind or get_object_class("V1", record["object"])
    where = where or record["object"]
    hints = kind.__annotations__
    for name, hint in hints.items():
        if name == "OBJECT_NAME":
            continue
        if name not in record:
            if not is_optional(hint):
                yield f"{where}.{name} is missing"
            continue
        yield from complaints_of_value(record[name], hint, f"{where}.{name}")
    for name in record:
        if name not in hints:
            yield f"{where}.{name} is not in the annotations"


def complaints_of_value(value, hint, where):
    choices = alternatives(hint)
    if value is None:
        if not is_optional(hint):
            yield f"{where} is null"
        return
    if isinstance(value, dict):
        yield from complaints_of_object(value, choices, where)
    elif isinstance(value, list):
        inner = [typing.get_args(each)[0] for each in choices if typing.get_origin(each) is list]
        if not inner:
            yield f"{where} is a list"
        for each in value:
            yield from complaints_of_value(each, inner[0], where)
    elif not any(suits(value, each) for each in words_only(choices)):
        yield f"{where} is {value!r}, not {hint}"


def complaints_of_object(value, choices, where):
    if value.get("object") == "list":
        for each in value["data"]:
            yield from complaints(each, f"{where}.data")
        return
    if isinstance(value.get("object"), str):
        yield from complaints(value)
        return
    for each in choices:
        if isinstance(each, type) and issubclass(each, StripeObject) and each.__annotations__:
            yield from complaints(value, where, each)
            return
    is_open = any("UntypedStripeObject" in str(each) for each in choices)
    if value and not is_open and not any(isinstance(each, type) for each in choices):
        yield f"{where} is an object, not one of {choices}"


def alternatives(hint):
    """The members of a union, with enumerations in it; unions in unions are opened."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return [inner for each in typing.get_args(hint) for inner in alternatives(each)]
    return [hint]


def words_only(choices):
    """The SDK lets a known word or any other text pass; what is served here is a known word."""
    words = [each for each in choices if typing.get_origin(each) is typing.Literal]
    return words or choices


def is_optional(hint):
    return type(None) in alternatives(hint)


def suits(value, hint):
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    if hint is Decimal:
        try:
            return isinstance(value, str) and Decimal(value).is_finite()
        except InvalidOperation:
            return False
    if hint is str:
        return isinstance(value, str)
    if hint in {int, float}:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool)
    if "ExpandableField" in str(hint) or "ForwardRef" in str(hint):
        return isinstance(value, str)
    return False
