"""ARC-200: tokens whose balances a contract keeps, not the protocol; our own contracts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from algosdk.encoding import decode_address
from attrs import frozen

from adapters.algorand.application_deeds import Box, encoded
from adapters.algorand.application_kind import ApplicationKind, Call, amount, holder_of, padded
from adapters.algorand.applications import Application, Programs
from adapters.algorand.kind import Kind
from adapters.algorand.standards.arc200.specification import (
    ACTION_EXAMPLES,
    ACTIONS,
    EXAMPLES,
    FIELDS,
    MINTABLE,
    PREMINTED,
    stored,
    validated,
)
from domain.catalogue import KindClass
from domain.errors import MisuseError, Refusal
from domain.fields import Field, schema_of
from domain.operation import Intent
from domain.token import Action, KindDescription, Order, Power, Token, TokenKind

#: Bytes of a balance.
AMOUNT_BYTES = 32


def balance_box(holder: str) -> bytes:
    return b"b" + bytes(decode_address(holder))


@frozen(kw_only=True)
class Arc200(ApplicationKind):
    name: TokenKind
    title: str
    explanation: str
    contract: str
    actions: Mapping[Action, Sequence[Field]]

    FOLDER: ClassVar[Path] = Path(__file__).parent

    @property
    def description(self) -> KindDescription:
        return KindDescription(
            kind=self.name,
            standard="ARC-200",
            kind_class=KindClass.CORE,
            title=self.title,
            explanation=self.explanation,
            schema=schema_of(FIELDS[self.name], EXAMPLES[self.name]),
            actions={
                action: schema_of(fields, ACTION_EXAMPLES[action])
                for action, fields in self.actions.items()
            },
        )

    @property
    def programs(self) -> Programs:
        return Programs.load(self.FOLDER, self.contract)

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return validated(self.name, parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return stored(self.name, parameters)

    def creation(self, intent: Intent) -> Sequence[bytes]:
        token = intent.token
        named = (padded(token.name, 32), padded(token.symbol, 8), token.decimals)
        if self.name == PREMINTED:
            return encoded("create(byte[32],byte[8],uint8)void", *named)
        cap = amount(token.parameters, "cap")
        return encoded("create(byte[32],byte[8],uint8,uint256)void", *named, cap)

    def bootstrap(self, intent: Intent) -> Call:
        holder = holder_of(intent)
        return Call(
            signature="bootstrap(byte[32],uint256,address)void",
            arguments=(intent.token.supply, holder),
            boxes=(Box(balance_box(holder), AMOUNT_BYTES),),
        )

    def act(self, intent: Intent, order: Order) -> Call:
        match order.action:
            case Action.MINT:
                to = str(order.parameters["to"] or intent.owner)
                return Call(
                    signature="mint(byte[32],address,uint256)void",
                    arguments=(to, amount(order.parameters)),
                    boxes=(Box(balance_box(to), AMOUNT_BYTES),),
                )
            case Action.BURN:
                return Call(
                    signature="burn(byte[32],uint256)void",
                    arguments=(amount(order.parameters),),
                    boxes=(Box(balance_box(intent.owner)),),
                )
            case Action.PAUSE | Action.UNPAUSE:
                return Call(signature=f"{order.action.value}(byte[32])void", arguments=())
            case Action.HAND_OVER:
                raise MisuseError("the address of its owner obeys another key instead")

    def powers(
        self,
        owner: str | None,
        application: Application | None,  # noqa: ARG002 - all of them are the owner's
        intent: Intent | None,  # noqa: ARG002
    ) -> dict[Power, str | None]:
        if self.name == PREMINTED:
            return {}
        return dict.fromkeys((Power.MANAGE, Power.MINT, Power.BURN, Power.PAUSE), owner)


KINDS: Sequence[Kind] = (
    Arc200(
        name=MINTABLE,
        title="ARC-200 with minting",
        explanation=(
            "A fungible token kept by a contract, which nobody has to opt in to. Its owner may "
            "issue more, up to a cap, burn, and pause all transfers. For vouchers, points and "
            "supplies that grow; amounts may be far larger than those of an ASA."
        ),
        contract="TallystickMintable",
        actions=ACTIONS,
    ),
    Arc200(
        name=PREMINTED,
        title="ARC-200 with a fixed supply",
        explanation=(
            "A fungible token kept by a contract, which nobody has to opt in to. Its whole supply "
            "exists from the first moment, and nobody has any power over it afterwards."
        ),
        contract="TallystickPreminted",
        actions={},
    ),
)
