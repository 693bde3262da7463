"""What a token kind must know so that a chain can offer, create, check and use it."""

from collections.abc import Mapping
from typing import Protocol

from adapters.evm.reads import View
from adapters.evm.step import StepCall
from domain.errors import Refusal
from domain.identifiers import InstallationId
from domain.operation import Intent
from domain.token import Action, KindDescription, Order, Token, TokenKind, TokenState


class Kind(Protocol):
    @property
    def name(self) -> TokenKind: ...

    @property
    def description(self) -> KindDescription: ...

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal: ...

    def stored_token(self, parameters: Mapping[str, object]) -> Token: ...

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal: ...

    def handing_over(self, to: str) -> Order | None:  # noqa: ARG002 - of those that have an owner
        """The order that gives a token of the kind to *to*; None: nobody owns those."""
        return None

    def creation(self, intent: Intent, installation: InstallationId) -> StepCall:
        """The call that creates the intent's contract."""
        ...

    def act(self, intent: Intent, id: bytes) -> bytes:
        """The call data that carries the intent's order out, under the 32-byte operation *id*.

        The contract does it at most once for each account and id; it says so in a log
        ``OperationDone(address indexed by, bytes32 indexed id, bytes32 what)`` and in a view
        ``doneUnder(address,bytes32)``, with the hash of this call.
        """
        ...

    def explained(self, reason: str) -> str:
        """What a node said of a revert, with what that means."""
        return reason

    def made(self, code: bytes) -> bool:
        """Whether *code* is what creating this kind leaves on chain."""
        ...

    def differences(self, intent: Intent, view: View) -> tuple[str, ...]:
        """Where the contract, right after its creation, is not what was planned."""
        ...

    def planned(self, intent: Intent) -> TokenState:
        """What the contract must be right after its creation."""
        ...

    def state(self, view: View) -> TokenState:
        """What the contract is now; what cannot be read of it is empty, and tells by its code."""
        ...
