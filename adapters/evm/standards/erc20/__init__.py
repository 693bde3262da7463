"""ERC-20 in two flavours, from our own OpenZeppelin-based contracts beside this file."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from adapters.evm import factory
from adapters.evm.kind import Kind
from adapters.evm.reads import View
from adapters.evm.standards.erc20 import orders, read_back, state
from adapters.evm.standards.erc20.build import artefact_of, init_code
from adapters.evm.standards.erc20.specification import (
    EXAMPLES,
    FIELDS,
    MINTABLE,
    PREMINTED,
    stored,
    validated,
)
from adapters.evm.step import StepCall
from domain.catalogue import KindClass
from domain.errors import Refusal
from domain.fields import schema_of
from domain.identifiers import InstallationId
from domain.operation import Intent
from domain.token import Action, KindDescription, Order, Token, TokenKind, TokenState


@frozen(kw_only=True)
class Erc20(Kind):
    name: TokenKind
    title: str
    explanation: str

    @property
    def description(self) -> KindDescription:
        return KindDescription(
            kind=self.name,
            standard="ERC-20",
            kind_class=KindClass.CORE,
            title=self.title,
            explanation=self.explanation,
            schema=schema_of(FIELDS[self.name], EXAMPLES[self.name]),
            actions=orders.schemas(self.name),
        )

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return validated(self.name, parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return stored(self.name, parameters)

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return orders.validated(token, action, parameters)

    def handing_over(self, to: str) -> Order | None:
        return orders.handing_over(self.name, to)

    def creation(self, intent: Intent, installation: InstallationId) -> StepCall:
        return factory.creation(intent, installation, init_code(intent), self.made)

    def act(self, intent: Intent, id: bytes) -> bytes:
        return orders.calldata(intent, id)

    def explained(self, reason: str) -> str:
        return artefact_of(self.name).explained(reason)

    def made(self, code: bytes) -> bool:
        return artefact_of(self.name).made(code)

    def differences(self, intent: Intent, view: View) -> tuple[str, ...]:
        return tuple(read_back.differences(intent, view))

    def planned(self, intent: Intent) -> TokenState:
        return state.planned(intent)

    def state(self, view: View) -> TokenState:
        return state.state(self.name, view)


KINDS: Sequence[Kind] = (
    Erc20(
        name=MINTABLE,
        title="ERC-20 with minting",
        explanation=(
            "A fungible token whose owner may issue more, up to a cap, burn, and pause all "
            "transfers. For supplies that grow: stablecoins, vouchers, shares in a fund."
        ),
    ),
    Erc20(
        name=PREMINTED,
        title="ERC-20 with a fixed supply",
        explanation=(
            "A fungible token whose whole supply exists from the first moment and never changes. "
            "Nobody, its issuer included, has any power over it afterwards."
        ),
    ),
)
