"""Fields that only this family has: texts limited by their bytes, hashes, roles, addresses."""

import base64
import re
from typing import ClassVar

from algosdk.encoding import decode_address, encode_address, is_valid_address
from attrs import frozen

from domain import fields
from domain.errors import FieldFault
from domain.fields import Field, fault, wrong_type

_ADDRESS = re.compile(r"[A-Z2-7]{58}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@frozen(kw_only=True)
class Text(fields.Text):
    """The protocol limits texts by bytes, which a JSON Schema cannot: it says so in words."""

    unit: ClassVar[str] = "bytes in UTF-8"

    def length(self, value: str) -> int:
        return len(value.encode())

    def schema(self) -> dict[str, object]:
        # No letter has less than one byte: the schema's limit, in letters, is none too low.
        limit = f"{self.explanation} At most {self.longest} {self.unit}."
        return fields.Text.schema(self) | {"description": limit}


@frozen(kw_only=True)
class Hash(Field):
    """32 bytes, in base64 once they are stored; null: none."""

    name: str
    explanation: str
    default: None = None

    def read(self, value: object) -> str | FieldFault | None:
        if value is None:
            return None
        if not isinstance(value, str):
            return wrong_type(self.name, "a string or null")
        if _HEX.fullmatch(value):
            raw = bytes.fromhex(value)
        elif _BASE64.fullmatch(value):
            raw = base64.b64decode(value)
        else:
            message = "must be 32 bytes, in base64 or as 64 hexadecimal digits"
            return fault(self.name, "invalid_hash", message)
        canonical = base64.b64encode(raw).decode()
        if len(value) == len(canonical) and value != canonical:
            return fault(self.name, "invalid_hash", "is not base64: its last letter says too much")
        if not any(raw):
            return fault(
                self.name, "invalid_hash", "is all zero, which on chain is none: use null"
            )
        return canonical

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": f"^({_BASE64.pattern}|{_HEX.pattern})$",
            "default": None,
            "description": f"{self.explanation} 32 bytes, in base64 or as 64 hexadecimal digits.",
        }


@frozen(kw_only=True)
class Role(Field):
    """Who has a power over the asset: the issuing account, another address, or nobody."""

    ISSUER: ClassVar[str] = "issuer"

    name: str
    explanation: str
    default: str = ISSUER

    def read(self, value: object) -> str | FieldFault | None:
        if value is None or value == self.ISSUER:
            return value if value is None else self.ISSUER
        if not isinstance(value, str):
            return wrong_type(self.name, "a string or null")
        if not _ADDRESS.fullmatch(value) or not is_valid_address(value):
            message = f"must be {self.ISSUER}, null, or an address of 58 letters and digits"
            return fault(self.name, "not_an_address", message)
        raw = decode_address(value)
        if encode_address(raw) != value:
            return fault(self.name, "not_an_address", "is not spelt as its bytes are")
        if not any(raw):
            message = "is the zero address, which on chain is nobody: use null"
            return fault(self.name, "not_an_address", message)
        return value

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": f"^({self.ISSUER}|{_ADDRESS.pattern})$",
            "default": self.ISSUER,
            "description": f"{self.explanation} null: nobody, for ever.",
        }


@frozen(kw_only=True)
class Address(Field):
    """An account; null, and nothing said: the issuing account, or nobody in particular."""

    name: str
    explanation: str
    default: None = None

    def read(self, value: object) -> str | FieldFault | None:
        if value is None:
            return None
        found = Role(name=self.name, explanation="").read(value)
        if found == Role.ISSUER:
            return fault(self.name, "not_an_address", "must be null or an address")
        return found

    def schema(self) -> dict[str, object]:
        return {
            "type": ["string", "null"],
            "pattern": f"^{_ADDRESS.pattern}$",
            "default": None,
            "description": self.explanation,
        }
