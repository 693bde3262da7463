"""The field that only this family has: an address of 20 bytes."""

import re

from attrs import frozen
from eth_utils.address import is_checksum_address, to_checksum_address

from domain.errors import FieldFault
from domain.fields import Field, fault, wrong_type

_ADDRESS = re.compile(r"0x(?:[0-9a-f]{40}|[0-9A-F]{40}|[0-9a-fA-F]{40})", re.ASCII)


@frozen(kw_only=True)
class Address(Field):
    """An account; null stands for the issuing account."""

    name: str
    explanation: str
    default: None = None

    def read(self, value: object) -> str | FieldFault | None:
        if value is None:
            return None
        if not isinstance(value, str):
            return wrong_type(self.name, "a string or null")
        if not _ADDRESS.fullmatch(value) or int(value, 16) == 0:
            return fault(
                self.name, "not_an_address", "must be 0x and 40 hexadecimal digits, not all 0"
            )
        digits = value[2:]
        if digits not in {digits.lower(), digits.upper()} and not is_checksum_address(value):
            return fault(
                self.name, "not_an_address", "has a wrong EIP-55 checksum: a digit is wrong"
            )
        return to_checksum_address(value)

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": "^0x[0-9a-fA-F]{40}$",
            "default": None,
            "description": self.explanation,
        }
