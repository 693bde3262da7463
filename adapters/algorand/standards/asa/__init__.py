"""Algorand standard assets in three flavours: the protocol's own tokens, without any program."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from adapters.algorand.asset_kind import AssetKind
from adapters.algorand.assets import Asset
from adapters.algorand.kind import Kind
from adapters.algorand.standards.asa.build import asset_of
from adapters.algorand.standards.asa.specification import (
    EXAMPLES,
    FIELDS,
    FRACTIONAL,
    FUNGIBLE,
    UNIQUE,
    stored,
    validated,
)
from domain.catalogue import KindClass
from domain.errors import Refusal
from domain.fields import schema_of
from domain.operation import Intent
from domain.token import KindDescription, Token, TokenKind


@frozen(kw_only=True)
class Asa(AssetKind):
    name: TokenKind
    title: str
    explanation: str

    @property
    def description(self) -> KindDescription:
        return KindDescription(
            kind=self.name,
            standard="ASA",
            kind_class=KindClass.CORE,
            title=self.title,
            explanation=self.explanation,
            schema=schema_of(FIELDS[self.name], EXAMPLES[self.name]),
        )

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return validated(self.name, parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return stored(self.name, parameters)

    def asset(self, intent: Intent) -> Asset:
        return asset_of(intent)


KINDS: Sequence[Kind] = (
    Asa(
        name=FUNGIBLE,
        title="ASA",
        explanation=(
            "A fungible token of the chain itself, whose supply exists from the first moment. For "
            "currencies, shares and points; transfers are as cheap and final as payments."
        ),
    ),
    Asa(
        name=UNIQUE,
        title="ASA, one of a kind",
        explanation="A token of which there is exactly one, indivisible. For deeds and works.",
    ),
    Asa(
        name=FRACTIONAL,
        title="ASA, one of a kind, in fractions",
        explanation=(
            "One token divided into a power of ten of equal parts. For shares in a single thing."
        ),
    ),
)
