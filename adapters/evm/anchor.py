"""A checkpoint on chain, through the factory that every network has.

The treasury *funds with nothing* under the anchor's own salt.  `fundOnce` consumes the salt, so
that no second root is ever told for the same size of the same log, whoever has forgotten the first
one; and it writes a log, by which a stranger finds the transaction.  What is anchored follows the
arguments, where the contract does not look (ADR 28)::

    call data  fundOnce(salt, to) ‖ anchor (78 bytes)
    salt       SHA-256 of the anchor's first 46 bytes: magic, log, size
    to         the last 20 bytes of the log's name: an account that nobody has the key of
    log        Funded(sender, salt, to, 0)

All anchors of a log by one sender are therefore the logs with these two topics, whatever their
sizes; and whether a size was anchored is a word of the factory's state.
"""

from collections.abc import Mapping
from hashlib import sha256

from attrs import frozen

from adapters.evm import effect, factory
from adapters.evm.kind import Kind
from adapters.evm.reads import View
from adapters.evm.step import StepCall
from application.ports.chain import ChainUnavailableError, no_such_action
from domain.anchor import ANCHOR, ANCHOR_BYTES, DESCRIPTION, STEP, Anchor
from domain.errors import MisuseError, Refusal
from domain.identifiers import InstallationId
from domain.operation import Intent, StepOutline
from domain.token import Action, KindDescription, Order, Token, TokenKind, TokenState

OUTLINES = (StepOutline(STEP),)
_ADDRESS_BYTES = 20


@frozen
class AnchorKind(Kind):
    """An operation of the installation's.  Offered to nobody, and no token."""

    name: TokenKind = ANCHOR

    @property
    def description(self) -> KindDescription:
        return DESCRIPTION

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return self.stored_token(parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return Anchor.stored(parameters).as_token()

    def order(
        self,
        token: Token,
        action: Action,
        parameters: Mapping[str, object],  # noqa: ARG002 - it has no actions
    ) -> Order | Refusal:
        return no_such_action(token, action)

    def creation(self, intent: Intent, installation: InstallationId) -> StepCall:  # noqa: ARG002 - the log names it
        return _call(intent)

    def act(self, intent: Intent, id: bytes) -> bytes:  # noqa: ARG002 - it has no actions
        raise MisuseError(f"nothing can be ordered of a {self.name}")

    def made(self, code: bytes) -> bool:
        return factory.is_factory(code)

    def differences(self, intent: Intent, view: View) -> tuple[str, ...]:
        """Where what the treasury said of this size of this log is not what it was to say."""
        reader = view.reader
        said = effect.origin(reader, intent, _call(intent), view.at)
        found = None if said is None else reader.transaction(said.transaction_id)
        if found is None:
            raise ChainUnavailableError(f"{reader.node.name} does not tell what was anchored")
        planned = Anchor.of(intent.token).content.hex()
        told = str(found.get("input"))[-2 * ANCHOR_BYTES :]
        return () if told == planned else (f"anchor: planned {planned}, found {told}",)

    def planned(self, intent: Intent) -> TokenState:  # noqa: ARG002 - of any
        raise MisuseError("an anchor is no token")

    def state(self, view: View) -> TokenState:  # noqa: ARG002 - of any
        raise MisuseError("an anchor is no token")


def _call(intent: Intent) -> StepCall:
    anchor = Anchor.of(intent.token)
    return factory.saying(
        intent.sender,
        salt=sha256(anchor.subject).digest(),
        to=anchor.log[-_ADDRESS_BYTES:],
        words=anchor.content,
    )
