"""What all kinds share whose tokens are applications of ours.

Such a token comes to be in two steps: it is *created*, whereupon its id is known, and then, in one
atomic group, its account is funded and it is *bootstrapped*: the initial supply is handed out.
Nothing works in between, and nobody but its creator can bootstrap it.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from algosdk.encoding import encode_address
from attrs import evolve, frozen

from adapters.algorand.application_deeds import (
    ApplicationCall,
    ApplicationCreation,
    Box,
    encoded,
    operation_box,
)
from adapters.algorand.applications import (
    PER_ACCOUNT,
    Application,
    Programs,
    cost_of_box,
)
from adapters.algorand.deed import Deed, Sight
from adapters.algorand.kind import SPONSORED, Kind
from adapters.algorand.reads import Reader
from application.ports.chain import ChainUnavailableError, no_such_action
from domain.errors import MisuseError, Refusal
from domain.fields import Field, Value, invalid, read_all
from domain.operation import Intent, Postponed, StepOutline, WaitReason
from domain.token import Action, Order, Power, Token, TokenState

#: What stands for nobody.
NOBODY = str(encode_address(bytes(32)))
#: What of a token never changes, and what its owner and holders may change.
_FIXED = ("name", "symbol", "decimals", "cap", "code")
_CHANGING = ("supply", "powers", "paused")
#: Transactions of a bootstrap: the payment to the application's account, and the call.
_BOOTSTRAP_TRANSACTIONS = 2


@frozen(kw_only=True)
class Call:
    """One call of an application, by an operation."""

    signature: str
    #: Behind the operation's id.
    arguments: Sequence[int | bytes | str | bool]
    #: Beside the operation's.
    boxes: Sequence[Box] = ()


class ApplicationKind(Kind):
    @property
    def holders_may_burn(self) -> bool:
        """Whoever holds some may destroy it."""
        return False

    @property
    @abstractmethod
    def programs(self) -> Programs: ...

    @property
    @abstractmethod
    def actions(self) -> Mapping[Action, Sequence[Field]]:
        """The fields of what can be done with it."""

    @abstractmethod
    def creation(self, intent: Intent) -> Sequence[bytes]:
        """The arguments of its creation."""

    @abstractmethod
    def bootstrap(self, intent: Intent) -> Call: ...

    @abstractmethod
    def act(self, intent: Intent, order: Order) -> Call: ...

    @abstractmethod
    def powers(
        self, owner: str | None, application: Application | None, intent: Intent | None
    ) -> dict[Power, str | None]:
        """Who has which power: as *intent* plans it, or as *application* is."""

    @property
    def needs_avm(self) -> int:
        return self.programs.avm

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        if action not in self.actions:
            return no_such_action(token, action)
        values, faults = read_all(self.actions[action], parameters)
        if faults:
            return invalid("invalid_order", faults)
        return Order(action=action, parameters=values)

    def steps(self, order: Order | None) -> tuple[StepOutline, ...]:
        if order is not None:
            return (StepOutline(order.action.value, SPONSORED),)
        return (StepOutline("create", SPONSORED), StepOutline("bootstrap", SPONSORED))

    def deed(self, intent: Intent, operation: bytes) -> Deed:
        if intent.order is not None:
            return self._call(intent, operation, self.act(intent, intent.order))
        if intent.step == 1:
            return ApplicationCreation(programs=self.programs, arguments=self.creation(intent))
        return self._call(intent, operation, self.bootstrap(intent))

    def obstacle(self, reader: Reader, intent: Intent) -> Postponed | None:
        """The application must have our programs before anything is handed to it."""
        if intent.place is None or not intent.place.isdigit():
            return None
        found = reader.application(int(intent.place))
        if found is None or found.programs == self.programs:
            return None
        detail = f"{intent.place} has other programs than this release makes and checks"
        return Postponed(WaitReason.OPERATOR, detail)

    def later(self, intent: Intent) -> tuple[int, int]:
        if intent.order is not None:
            return 0, 0
        boxes = (Box(operation_box(bytes(32)), 8), *self.bootstrap(intent).boxes)
        deposit = PER_ACCOUNT + sum(cost_of_box(box.name, box.size) for box in boxes)
        return _BOOTSTRAP_TRANSACTIONS, deposit

    def explained(self, failure: str) -> str:
        return self.programs.explained(failure)

    def planned(self, intent: Intent) -> TokenState:
        token, cap = intent.token, intent.token.parameters.get("cap")
        return TokenState(
            name=token.name,
            symbol=token.symbol,
            decimals=token.decimals,
            supply=token.supply,
            holders_may_burn=self.holders_may_burn,
            cap=None if cap is None else int(str(cap)),
            powers=_held(self.powers(intent.owner, None, intent)),
            code=self.programs.hash,
        )

    def state(self, reader: Reader, place: str) -> TokenState | None:
        found = reader.application(int(place)) if place.isascii() and place.isdigit() else None
        return None if found is None else self._state(found)

    def differences(self, sight: Sight, token: str) -> tuple[str, ...]:
        if sight.intent.order is not None:
            call = self._call(
                sight.intent, sight.operation, self.act(sight.intent, sight.intent.order)
            )
            elsewhere = f"place: ordered of {sight.intent.place}, found {token}"
            return call.differences(sight) or (() if token == sight.intent.place else (elsewhere,))
        reader = sight.reader
        id = int(token) if token.isascii() and token.isdigit() else 0
        last_round = reader.parameters().last_round
        found = reader.application(id)
        if found is None and (reader.counter(last_round) or 0) < id:
            # It was seen in a block before: this node has not counted as far yet.
            raise ChainUnavailableError(f"round {last_round} is before that of {token}")
        if found is None:
            return (f"there is no application {token}",)
        planned, there = self.planned(sight.intent), self._state(found)
        told = _unlike(planned, there, _FIXED)
        if found.creator != sight.intent.owner:
            told.append(f"creator: planned {sight.intent.owner}, found {found.creator}")
        if not told and found.number(b"r") != 1:
            raise ChainUnavailableError(f"round {last_round} is before {token} was bootstrapped")
        since = _unlike(planned, there, _CHANGING)
        # Its owner may have used it since: what counts is what it was when it was made.
        if not told and since and self._was_as_planned(sight, id, last_round):
            return ()
        return (*told, *since)

    def _was_as_planned(self, sight: Sight, id: int, last_round: int) -> bool:
        """By what it was created and bootstrapped with.  Raises: HistoryUnavailableError."""
        origin = sight.origins.of(sight.reader, id, last_round)
        if list(origin.arguments) != list(self.creation(sight.intent)):
            return False
        bootstrap = evolve(sight.intent, place=str(id))
        call = self._call(bootstrap, sight.operation, self.bootstrap(bootstrap))
        return call.differences(sight) == ()

    def _state(self, found: Application) -> TokenState:
        owner, cap = address_in(found, b"w"), found.bytes_of(b"c")
        return TokenState(
            name=_text(found.bytes_of(b"n")),
            symbol=_text(found.bytes_of(b"s")),
            decimals=found.number(b"d") or 0,
            supply=int.from_bytes(found.bytes_of(b"t") or b"", "big"),
            cap=None if cap is None else int.from_bytes(cap, "big"),
            powers=_held(self.powers(owner, found, None)),
            paused=bool(found.number(b"p")),
            code=found.programs.hash,
        )

    def _call(self, intent: Intent, operation: bytes, call: Call) -> ApplicationCall:
        if intent.place is None or not intent.place.isdigit():
            raise MisuseError(f"{intent.operation} does not know its application yet")
        return ApplicationCall(
            application=int(intent.place),
            operation=operation,
            arguments=encoded(call.signature, operation, *call.arguments),
            boxes=call.boxes,
        )


def holder_of(intent: Intent) -> str:
    """Who gets what exists from the start."""
    return str(intent.token.parameters["initial_holder"] or intent.owner)


def padded(text: str, size: int) -> bytes:
    """UTF-8, with zeros on the right: wallets read as many bytes as the standard says."""
    return text.encode().ljust(size, b"\0")


def address_in(application: Application, key: bytes) -> str | None:
    """An address in its global state; None: nobody."""
    raw = application.bytes_of(key)
    if raw is None or len(raw) != 32 or not any(raw):
        return None
    return str(encode_address(raw))


def amount(values: Mapping[str, Value], name: str = "amount") -> int:
    return int(str(values[name]))


def _unlike(planned: TokenState, there: TokenState, names: Sequence[str]) -> list[str]:
    return [
        f"{name}: planned {getattr(planned, name)}, found {getattr(there, name)}"
        for name in names
        if getattr(planned, name) != getattr(there, name)
    ]


def _held(powers: Mapping[Power, str | None]) -> Mapping[Power, tuple[str, ...]]:
    return {power: (holder,) for power, holder in powers.items() if holder is not None}


def _text(raw: bytes | None) -> str:
    return (raw or b"").rstrip(b"\0").decode(errors="replace")
