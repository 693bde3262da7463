"""Assets whose URL points at metadata, bound to it by its hash (ARC-3), in three flavours.

The document is made when the token is asked for, and must be published before the asset is
created; on chain such an asset is like any other.
"""

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from adapters.algorand.asset_kind import AssetKind
from adapters.algorand.assets import Asset
from adapters.algorand.kind import DocumentUrl, Kind
from adapters.algorand.standards.arc3.specification import (
    FRACTIONAL,
    FUNGIBLE,
    UNIQUE,
    document_of,
    schema,
    stored,
    validated,
)
from adapters.algorand.standards.asa.build import asset_of
from domain.catalogue import KindClass
from domain.errors import MisuseError, Refusal
from domain.operation import Intent
from domain.token import Document, KindDescription, Token, TokenKind


@frozen(kw_only=True)
class Arc3(AssetKind):
    name: TokenKind
    title: str
    explanation: str
    #: None: nobody has said where documents are published.
    document_url: DocumentUrl | None = None

    @property
    def description(self) -> KindDescription:
        return KindDescription(
            kind=self.name,
            standard="ARC-3",
            kind_class=KindClass.CORE,
            title=self.title,
            explanation=self.explanation,
            schema=schema(self.name),
        )

    def publishing_at(self, document_url: DocumentUrl | None) -> "Arc3 | None":
        return evolve(self, document_url=document_url) if document_url is not None else None

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        if self.document_url is None:
            raise MisuseError(f"{self.name}: where are documents published?")
        return validated(self.name, parameters, self.document_url)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return stored(self.name, parameters)

    def document_of(self, token: Token) -> Document:
        return document_of(token)

    def asset(self, intent: Intent) -> Asset:
        return asset_of(intent)


KINDS: Sequence[Kind] = (
    Arc3(
        name=FUNGIBLE,
        title="ARC-3",
        explanation=(
            "A fungible token of the chain itself with a description, pictures and links that "
            "wallets show, and that nobody can change afterwards."
        ),
    ),
    Arc3(
        name=UNIQUE,
        title="ARC-3, one of a kind",
        explanation=(
            "A token of which there is exactly one, indivisible, with metadata that nobody can "
            "change. For works of art, certificates and deeds."
        ),
    ),
    Arc3(
        name=FRACTIONAL,
        title="ARC-3, one of a kind, in fractions",
        explanation=(
            "One token with metadata, divided into a power of ten of equal parts. For shares in "
            "a single thing that is described."
        ),
    ),
)
