"""What values of money and of periods must be like."""

from collections.abc import Mapping

from attrs import frozen

from domain.catalogue import Period
from domain.errors import FieldFault
from domain.money import DIGITS, Money
from entrypoints.http.decoding import Faulty, Rule, pointer_to
from entrypoints.http.rules import YEARS
from entrypoints.statements import month


@frozen(kw_only=True)
class Amount(Rule[Money]):
    """``{"amount": "1250000.00", "currency": "USD"}``: in whole units, as a decimal."""

    def read(self, value: object, pointer: str) -> Money | Faulty:
        if not isinstance(value, Mapping):
            return Faulty([FieldFault(pointer, "wrong_type", "must be an object")])
        faults = [
            FieldFault(pointer_to(pointer, name), "unknown_field", "is not known here")
            for name in value
            if name not in ("amount", "currency")
        ]
        for name in ("amount", "currency"):
            if name not in value:
                faults.append(FieldFault(pointer_to(pointer, name), "missing", "is missing"))
            elif not isinstance(value[name], str):
                fault = FieldFault(pointer_to(pointer, name), "wrong_type", "must be a text")
                faults.append(fault)
        if faults:
            return Faulty(faults)
        if value["currency"] not in DIGITS:
            message = "must be a code of ISO 4217, such as USD"
            return Faulty([FieldFault(pointer_to(pointer, "currency"), "not_offered", message)])
        try:
            return Money.parse(value["amount"], value["currency"])
        except ValueError as error:
            fault = FieldFault(pointer_to(pointer, "amount"), "not_money", str(error))
            return Faulty([fault])

    def schema(self) -> dict[str, object]:
        return {
            "type": "object",
            "required": ["amount", "currency"],
            "additionalProperties": False,
            "properties": {
                "amount": {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,4})?$"},
                "currency": {"type": "string", "enum": sorted(DIGITS)},
            },
        }


@frozen(kw_only=True)
class Month(Rule[Period]):
    """A calendar month in UTC: ``2026-11``."""

    def read(self, value: object, pointer: str) -> Period | Faulty:
        found = month(value) if isinstance(value, str) else None
        if found is None:
            message = "must be a month, like 2026-11"
            return Faulty([FieldFault(pointer, "invalid_month", message)])
        return found

    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": f"^{YEARS}-(0[1-9]|1[0-2])$"}
