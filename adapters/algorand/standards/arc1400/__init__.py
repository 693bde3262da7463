"""ARC-1400: security tokens, partitioned, with operators, a controller and documents."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from algosdk.encoding import decode_address
from attrs import frozen

from adapters.algorand.application_deeds import Box, encoded
from adapters.algorand.application_kind import (
    NOBODY,
    ApplicationKind,
    Call,
    address_in,
    amount,
    holder_of,
    padded,
)
from adapters.algorand.applications import Application, Programs
from adapters.algorand.fields import Role
from adapters.algorand.kind import Kind
from adapters.algorand.standards.arc1400.specification import (
    ACTION_EXAMPLES,
    ACTIONS,
    EXAMPLE,
    FIELDS,
    MINTABLE,
    stored,
    validated,
)
from domain.catalogue import KindClass
from domain.errors import MisuseError, Refusal
from domain.fields import Field, schema_of
from domain.operation import Intent
from domain.token import Action, KindDescription, Order, Power, Token, TokenKind

#: Bytes of a balance, and of one partition in a holder's list.
AMOUNT_BYTES = 32
ADDRESS_BYTES = 32


def balance_box(holder: str) -> bytes:
    return b"b" + bytes(decode_address(holder))


def partition_box(holder: str, partition: str) -> bytes:
    """Hashed, because a node takes no names of more than 64 bytes."""
    both = bytes(decode_address(holder)) + bytes(decode_address(partition))
    return b"p" + hashlib.sha256(both).digest()


def list_box(holder: str) -> bytes:
    return b"l" + bytes(decode_address(holder))


@frozen
class Arc1400(ApplicationKind):
    name: TokenKind = MINTABLE
    actions: Mapping[Action, Sequence[Field]] = ACTIONS
    #: ARC-1594's redeem, and ARC-1410's by partition.
    holders_may_burn: bool = True

    @property
    def description(self) -> KindDescription:
        return KindDescription(
            kind=self.name,
            standard="ARC-1400",
            kind_class=KindClass.COMPLIANCE,
            title="ARC-1400 security token",
            explanation=(
                "Shares of a company or a fund, kept by a contract in partitions: classes of "
                "shares that move separately. Its owner issues, redeems, pauses and files "
                "documents; holders name operators; a controller can move what a court says."
            ),
            schema=schema_of(FIELDS, EXAMPLE),
            actions={
                action: schema_of(fields, ACTION_EXAMPLES[action])
                for action, fields in self.actions.items()
            },
        )

    @property
    def programs(self) -> Programs:
        return Programs.load(Path(__file__).parent, "TallystickSecurity")

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        return validated(parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:
        return stored(parameters)

    def creation(self, intent: Intent) -> Sequence[bytes]:
        token, values = intent.token, intent.token.parameters
        return encoded(
            "create(byte[32],byte[8],uint8,address,bool,bool,uint64)void",
            padded(token.name, 32),
            padded(token.symbol, 8),
            token.decimals,
            _controller(intent) or NOBODY,
            bool(values["controllable"]),
            bool(values["require_justification"]),
            int(values["min_action_interval"] or 0),
        )

    def bootstrap(self, intent: Intent) -> Call:
        holder = holder_of(intent)
        return Call(
            signature="bootstrap(byte[32],uint256,address)void",
            arguments=(intent.token.supply, holder),
            boxes=_credited(holder, NOBODY),
        )

    def act(self, intent: Intent, order: Order) -> Call:
        values = order.parameters
        partition = str(values.get("partition") or NOBODY)
        data = str(values.get("data") or "").encode()
        match order.action:
            case Action.MINT:
                to = str(values["to"] or intent.owner)
                return Call(
                    signature="issue_once(byte[32],address,address,uint256,byte[])void",
                    arguments=(to, partition, amount(values), data),
                    boxes=_credited(to, partition),
                )
            case Action.BURN:
                owner = intent.owner
                return Call(
                    signature="redeem_once(byte[32],address,uint256,byte[])void",
                    arguments=(partition, amount(values), data),
                    boxes=(Box(balance_box(owner)), Box(partition_box(owner, partition))),
                )
            case Action.PAUSE | Action.UNPAUSE:
                return Call(signature=f"{order.action.value}(byte[32])void", arguments=())
            case Action.HAND_OVER:
                raise MisuseError("the address of its owner obeys another key instead")

    def powers(
        self, owner: str | None, application: Application | None, intent: Intent | None
    ) -> dict[Power, str | None]:
        held: dict[Power, str | None] = dict.fromkeys(
            (Power.MANAGE, Power.MINT, Power.BURN, Power.PAUSE), owner
        )
        if intent is not None:
            may_act = bool(intent.token.parameters["controllable"])
            held[Power.CLAWBACK] = _controller(intent) if may_act else None
        elif application is not None and application.number(b"e"):
            held[Power.CLAWBACK] = address_in(application, b"k")
        return held


def _controller(intent: Intent) -> str | None:
    named = intent.token.parameters["controller"]
    if named is None:
        return None
    return intent.owner if named == Role.ISSUER else str(named)


def _credited(holder: str, partition: str) -> Sequence[Box]:
    """Boxes that hold what somebody gets, and the list of the partitions it has."""
    balance = partition_box(holder, partition)
    return (
        Box(balance_box(holder), AMOUNT_BYTES),
        Box(balance, AMOUNT_BYTES),
        Box(list_box(holder), ADDRESS_BYTES, grows_with=balance),
    )


KINDS: Sequence[Kind] = (Arc1400(),)
