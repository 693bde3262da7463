"""What was asked for: one token, in the words of its kind; and what is asked of it afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NewType

from attrs import evolve, field, frozen, validators

from domain.catalogue import KindClass
from domain.network import Block

TokenKind = NewType("TokenKind", str)
"""A standard in one flavour: ``erc20_mintable``."""

Parameters = Mapping[str, str | int | bool | None]
"""The kind's own fields, complete, in JSON's types; amounts are decimal strings."""


@frozen(kw_only=True)
class Document:
    """What must be published before its token may be created: the token points at these bytes."""

    content: bytes = field(repr=False)
    #: Where the token says that they are.
    url: str


@frozen(kw_only=True)
class Token:
    """A specification that its kind has validated.  Only a chain's `token` makes one."""

    kind: TokenKind
    name: str
    symbol: str
    decimals: int = field(validator=validators.ge(0))
    #: In base units: what exists at once.
    supply: int = field(validator=validators.ge(0))
    parameters: Parameters


class Action(StrEnum):
    """What can be done with a token after it was issued, by whoever it belongs to."""

    MINT = "mint"
    BURN = "burn"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    #: Gives it to another address: part of a change of keys, and nobody's to order by itself.
    HAND_OVER = "hand_over"


@frozen(kw_only=True)
class Order:
    """One action on a token that exists, validated by its kind: a chain's `order` makes it."""

    action: Action
    #: The action's own fields, complete, in JSON's types; amounts are decimal strings.
    parameters: Parameters

    @property
    def supply_change(self) -> int:
        """By how much the supply grows, in base units."""
        amount = int(str(self.parameters.get("amount") or 0))
        match self.action:
            case Action.MINT:
                return amount
            case Action.BURN:
                return -amount
            case Action.PAUSE | Action.UNPAUSE | Action.HAND_OVER:
                return 0


#: What may be asked for.
ORDERED = tuple(action for action in Action if action is not Action.HAND_OVER)


class Power(StrEnum):
    """What somebody may do to a token or to its holders: the same words for every standard."""

    #: Change who has the other powers.
    MANAGE = "manage"
    MINT = "mint"
    BURN = "burn"
    #: Stop all transfers, and let them go on.
    PAUSE = "pause"
    #: Stop one holder's.
    FREEZE = "freeze"
    #: Move or destroy what somebody else holds.
    CLAWBACK = "clawback"
    #: Replace the program.
    UPGRADE = "upgrade"
    #: Whose holding counts as not issued yet.
    RESERVE = "reserve"


@frozen(kw_only=True)
class TokenState:
    """A token as its chain shows it; or as its plan says that it must be."""

    name: str
    symbol: str
    decimals: int
    #: In base units.
    supply: int
    #: Whoever holds some may destroy it: the supply may then be below what was planned.  Said by a
    #: plan; what a chain shows has no need to.
    holders_may_burn: bool = False
    #: In base units; None: the supply never grows, or without a limit.
    cap: int | None = None
    #: Who has each power, in ascending order; a power that nobody has, or that the kind does not
    #: know, is absent.
    powers: Mapping[Power, tuple[str, ...]]
    paused: bool = False
    #: A new holder can do nothing until somebody with the power to freeze says so.
    frozen_by_default: bool = False
    #: Where its metadata is, and its hash in lower-case hexadecimal.
    url: str | None = None
    metadata_hash: str | None = None
    #: SHA-256 of the program, in lower-case hexadecimal, without what differs between two tokens
    #: of a kind; None where the chain itself is the program.
    code: str | None = None
    #: Where that was seen; None for what a plan says.
    at: Block | None = None


#: Of a name, or of who has a power, in characters; the rest is not told.
_LONGEST_SHOWN = 1_000


def expected(planned: TokenState, orders: Iterable[Order]) -> TokenState:
    """What the token is once *orders* were carried out, in the order in which they were."""
    state = planned
    for order in orders:
        state = evolve(state, supply=state.supply + order.supply_change)
        match order.action:
            case Action.PAUSE:
                state = evolve(state, paused=True)
            case Action.UNPAUSE:
                state = evolve(state, paused=False)
            case Action.HAND_OVER:
                owners = (str(order.parameters["to"]),)
                state = evolve(state, powers=dict.fromkeys(state.powers, owners))
            case Action.MINT | Action.BURN:
                pass
    return state


def differences(expected: TokenState, found: TokenState) -> tuple[str, ...]:
    """Where *found* is not what is expected, in words: ``supply: expected 5, found 6``.

    Where it was seen is no difference, nor is what holders have destroyed as they may.
    """
    return tuple(_differences(expected, found))


def _differences(expected: TokenState, found: TokenState) -> Iterator[str]:
    supply = found.supply
    if expected.holders_may_burn:
        supply = max(supply, expected.supply)
    pairs: tuple[tuple[str, object, object], ...] = (
        ("name", expected.name, found.name),
        ("symbol", expected.symbol, found.symbol),
        ("decimals", expected.decimals, found.decimals),
        ("supply", expected.supply, supply),
        ("cap", expected.cap, found.cap),
        *(
            (f"power to {power}", _holders(expected, power), _holders(found, power))
            for power in Power
        ),
        ("paused", expected.paused, found.paused),
        ("frozen by default", expected.frozen_by_default, found.frozen_by_default),
        ("url", expected.url, found.url),
        ("metadata hash", expected.metadata_hash, found.metadata_hash),
        ("code", expected.code, found.code),
    )
    for what, wanted, there in pairs:
        if wanted != there:
            yield f"{what}: expected {_shown(wanted)}, found {_shown(there)}"


def _holders(state: TokenState, power: Power) -> str | None:
    return ", ".join(sorted(state.powers.get(power, ()))) or None


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case _:
            text = str(value)
            # Whoever wrote a foreign program chose what it answers.
            if not text.isprintable():
                text = ascii(text)
            return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


@frozen(kw_only=True)
class Indicators:
    """What those who hold a token have to know of it, as its chain shows it."""

    is_mintable: bool
    is_burnable: bool
    is_pausable: bool
    is_paused: bool
    has_freeze: bool
    has_clawback: bool
    is_frozen_by_default: bool
    #: Nobody can change it, nor give anybody the power to.
    is_supply_fixed: bool
    has_cap: bool
    #: What it points at cannot change unnoticed; None: it points at nothing.
    is_metadata_immutable: bool | None
    is_upgradeable: bool

    @classmethod
    def of(cls, actions: Iterable[Action], state: TokenState) -> "Indicators":
        """Those of a token whose kind knows *actions*."""

        def has(power: Power) -> bool:
            return bool(state.powers.get(power))

        # Whoever manages the powers can hand out those that the kind knows.
        could_be_given = has(Power.MANAGE) and not {Action.MINT, Action.BURN}.isdisjoint(actions)
        return cls(
            is_mintable=has(Power.MINT),
            is_burnable=has(Power.BURN),
            is_pausable=has(Power.PAUSE),
            is_paused=state.paused,
            has_freeze=has(Power.FREEZE),
            has_clawback=has(Power.CLAWBACK),
            is_frozen_by_default=state.frozen_by_default,
            is_supply_fixed=not (
                has(Power.MINT) or has(Power.BURN) or has(Power.UPGRADE) or could_be_given
            ),
            has_cap=state.cap is not None,
            is_metadata_immutable=None if state.url is None else state.metadata_hash is not None,
            is_upgradeable=has(Power.UPGRADE),
        )


@frozen(kw_only=True)
class KindDescription:
    """A token kind for those who choose one."""

    kind: TokenKind
    standard: str
    kind_class: KindClass
    title: str
    #: What it is and for whom, in plain words.
    explanation: str
    #: JSON Schema of ``token``, made from the rules that validate it.
    schema: Mapping[str, object]
    #: What can be done with it afterwards: the JSON Schema of each action's parameters.
    actions: Mapping[Action, Mapping[str, object]] = {}
