"""What a token kind must know so that a chain can offer, create, order about and check it."""

from collections.abc import Callable, Mapping
from typing import Protocol

from adapters.algorand.deed import Deed, Sight
from adapters.algorand.reads import Reader
from application.ports.chain import no_such_action
from domain.errors import Refusal
from domain.operation import Intent, Party, Postponed, StepOutline
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)

#: The treasury pays, the issuer does it: one atomic group.
SPONSORED = (Party.SENDER, Party.OWNER)
#: Where a document is once it is published.
DocumentUrl = Callable[[bytes], str]


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

    def publishing_at(self, document_url: DocumentUrl | None) -> "Kind | None":  # noqa: ARG002
        """This kind where documents are published there; None: it cannot be offered then."""
        return self

    def document_of(self, token: Token) -> Document | None:  # noqa: ARG002 - most have none
        """What must be published before *token* is created."""
        return None

    def order(
        self,
        token: Token,
        action: Action,
        parameters: Mapping[str, object],  # noqa: ARG002 - the default has no actions
    ) -> Order | Refusal:
        return no_such_action(token, action)

    def steps(self, order: Order | None) -> tuple[StepOutline, ...]:  # noqa: ARG002 - one default
        return (StepOutline("create", SPONSORED),)

    def obstacle(self, reader: Reader, intent: Intent) -> Postponed | None:  # noqa: ARG002 - most have none
        """Why nothing may be signed for the step now, because of what is on chain already."""
        return None

    def deed(self, intent: Intent, operation: bytes) -> Deed:
        """What the intent's step does; *operation* is its id on chain, 32 bytes."""
        ...

    def later(self, intent: Intent) -> tuple[int, int]:  # noqa: ARG002 - most have one step
        """What the steps after the first one cost: transactions, and microalgos locked up."""
        return 0, 0

    def explained(self, failure: str) -> str:
        """What a node said of why it fails, with what that means."""
        return failure

    def planned(self, intent: Intent) -> TokenState: ...

    def state(self, reader: Reader, place: str) -> TokenState | None:
        """As the node tells it; without the block."""
        ...

    def differences(self, sight: Sight, token: str) -> tuple[str, ...]:
        """Where what the intent brought about is not what was asked for."""
        ...
