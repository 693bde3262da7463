"""What a token kind must know so that a chain can offer, create and check it."""

from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen

from adapters.evm.reads import View
from domain.errors import Refusal
from domain.identifiers import InstallationId
from domain.operation import Intent
from domain.token import KindDescription, Token, TokenKind


@frozen(kw_only=True)
class Creation:
    """The one call that creates an intent's contract, and where that will be."""

    #: Contract that is called, and the hash of the code without which calling it is pointless.
    through: str
    through_code_hash: bytes
    data: bytes = field(repr=False)
    predicted: str
    #: Topics of the log that `through` writes when it happens; () where it writes none.
    topics: tuple[str, ...] = ()


class Kind(Protocol):
    @property
    def name(self) -> TokenKind: ...

    @property
    def description(self) -> KindDescription: ...

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal: ...

    def stored_token(self, parameters: Mapping[str, object]) -> Token: ...

    def creation(self, intent: Intent, installation: InstallationId) -> Creation: ...

    def made(self, code: bytes) -> bool:
        """Whether *code* is what creating this kind leaves on chain."""
        ...

    def differences(self, intent: Intent, view: View) -> tuple[str, ...]:
        """Where the contract, right after its creation, is not what was planned."""
        ...
