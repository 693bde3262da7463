"""What a token kind must know so that a chain can offer, create and check it."""

from collections.abc import Mapping
from typing import Protocol

from adapters.algorand.assets import Asset
from domain.errors import Refusal
from domain.operation import Intent
from domain.token import KindDescription, Token, TokenKind


class Kind(Protocol):
    @property
    def name(self) -> TokenKind: ...

    @property
    def description(self) -> KindDescription: ...

    @property
    def needs_avm(self) -> int | None:
        """Lowest version of the AVM that runs its programs; None: it has no programs."""
        return None

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal: ...

    def stored_token(self, parameters: Mapping[str, object]) -> Token: ...

    def planned(self, intent: Intent) -> Asset:
        """The asset that the intent's step creates."""
        ...
