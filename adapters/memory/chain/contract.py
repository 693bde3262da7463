"""What a token in memory can do: the program that both chains run, in one place and obvious.

An operation's id is kept with what it did: a second effect of it is impossible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from attrs import evolve, field, frozen

from domain.network import Block
from domain.operation import Intent
from domain.token import Action, Power, Token, TokenKind, TokenState

#: Brings a token of two steps to life.
BOOTSTRAP = "bootstrap"
MAX_SUPPLY = 2**256 - 1

_POWERS = (Power.MANAGE, Power.MINT, Power.BURN, Power.PAUSE)


@frozen(kw_only=True)
class Command:
    """What a transaction asks of a token, in JSON's types."""

    #: An `Action`'s value, or `BOOTSTRAP`.
    action: str
    amount: int = 0
    to: str | None = None

    @classmethod
    def of(cls, intent: Intent) -> Command:
        if intent.order is None:
            return cls(action=BOOTSTRAP)
        parameters, to = intent.order.parameters, intent.order.parameters.get("to")
        return cls(
            action=intent.order.action.value,
            amount=int(str(parameters.get("amount") or 0)),
            to=None if to is None else str(to),
        )


@frozen(kw_only=True)
class Contract:
    """A token that exists."""

    owner: str
    supply: int
    #: What the owner has of it: nobody else can burn.
    own: int
    #: What bootstrapping will bring; None: that is done, or not needed.
    promised: int | None = None
    is_paused: bool = False
    #: Names of the operations that have had their effect.
    done: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def made(cls, owner: str, supply: int, *, is_ready: bool = True) -> Contract:
        if is_ready:
            return cls(owner=owner, supply=supply, own=supply)
        return cls(owner=owner, supply=0, own=0, promised=supply)

    def after(self, command: Command, caller: str, name: str) -> Contract | str:
        """The token after *command* of the operation called *name*; a text says why not."""
        if caller != self.owner:
            return f"{caller} has no power over it"
        if name in self.done:
            return "this operation was carried out before"
        if command.action != BOOTSTRAP and self.promised is not None:
            return "it is not ready"
        changed = self._changed(command)
        return changed if isinstance(changed, str) else evolve(changed, done=self.done | {name})

    def _changed(self, command: Command) -> Contract | str:
        match command.action:
            case "bootstrap":
                if self.promised is None:
                    return "it was bootstrapped before"
                return evolve(self, supply=self.promised, own=self.promised, promised=None)
            case Action.HAND_OVER if command.to is not None:
                # What the owner has goes with it.
                return evolve(self, owner=command.to)
            case Action.PAUSE | Action.UNPAUSE:
                is_paused = command.action == Action.PAUSE
                if self.is_paused is is_paused:
                    return "it is paused" if is_paused else "it is not paused"
                return evolve(self, is_paused=is_paused)
            case Action.MINT | Action.BURN if self.is_paused:
                return "it is paused"
            case Action.MINT if self.supply + command.amount > MAX_SUPPLY:
                return "there would be more than numbers can tell"
            case Action.MINT:
                own = self.own + (command.amount if command.to == self.owner else 0)
                return evolve(self, supply=self.supply + command.amount, own=own)
            case Action.BURN if self.own < command.amount:
                return f"{self.owner} has {self.own} and not {command.amount}"
            case Action.BURN:
                supply, own = self.supply - command.amount, self.own - command.amount
                return evolve(self, supply=supply, own=own)
            case _:
                return f"it cannot {command.action}"

    def shown(self, token: Mapping[str, object], at: Block) -> TokenState:
        """As its chain shows it: *token* has what never changes."""
        return TokenState(
            name=str(token["name"]),
            symbol=str(token["symbol"]),
            decimals=int(str(token["decimals"])),
            supply=self.supply,
            powers=powers_of(self.owner),
            paused=self.is_paused,
            code=code_of(TokenKind(str(token["kind"]))),
            at=at,
        )


def name_of(intent: Intent) -> str:
    """What the chain calls the intent's step of its operation."""
    return f"{intent.organisation}/{intent.operation}/{intent.step}"


def planned(token: Token, owner: str) -> TokenState:
    return TokenState(
        name=token.name,
        symbol=token.symbol,
        decimals=token.decimals,
        supply=token.supply,
        powers=powers_of(owner),
        code=code_of(token.kind),
    )


def powers_of(owner: str) -> Mapping[Power, tuple[str, ...]]:
    return dict.fromkeys(_POWERS, (owner,))


def code_of(kind: TokenKind) -> str:
    return hashlib.sha256(f"program of {kind}".encode()).hexdigest()
