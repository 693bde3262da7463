"""What was asked for: one token, in the words of its kind."""

from collections.abc import Mapping
from typing import NewType

from attrs import field, frozen, validators

from domain.catalogue import KindClass

TokenKind = NewType("TokenKind", str)
"""A standard in one flavour: ``erc20_mintable``."""

Parameters = Mapping[str, str | int | bool | None]
"""The kind's own fields, complete, in JSON's types; amounts are decimal strings."""


@frozen(kw_only=True)
class Document:
    """What must be published before its token may be created: the token points at these bytes."""

    content: bytes = field(repr=False)
    #: Where the token says that they are.
    url: str


@frozen(kw_only=True)
class Token:
    """A specification that its kind has validated.  Only a chain's `token` makes one."""

    kind: TokenKind
    name: str
    symbol: str
    decimals: int = field(validator=validators.ge(0))
    #: In base units: what exists at once.
    supply: int = field(validator=validators.ge(0))
    parameters: Parameters


@frozen(kw_only=True)
class KindDescription:
    """A token kind for those who choose one."""

    kind: TokenKind
    standard: str
    kind_class: KindClass
    title: str
    #: What it is and for whom, in plain words.
    explanation: str
    #: JSON Schema of ``token``, made from the rules that validate it.
    schema: Mapping[str, object]
