"""How an opcode is declared: its number, what it takes, what it costs, and what it does.

`takes` is what is popped, the deepest first: `i` a number, `b` bytes, `a` either.  What the
function returns is pushed: nothing, one value, or several in order; a bool is a number.  An opcode
that works on the stack itself takes nothing and pushes nothing.

`immediates` follow the opcode in the program: `u` one byte, `s` one signed byte, `t` a branch,
`T` several of them, `n` a number, `N` several, `x` bytes, `X` several.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entrypoints.devnet.algod.applied import Value

MOST_UINT = 2**64 - 1
MOST_VALUE_BYTES = 4096

#: What a handler gives back; a bool counts as a number.
Pushed = Value | tuple[Value, ...] | None
Handler = Callable[..., Pushed]
#: Fixed, or told by the machine that is about to execute.
Cost = int | Callable[[Any], int]


class LogicError(Exception):
    """A program fails, in the node's words, without the place where it did."""


class UnsupportedError(LogicError):
    """A node would execute this; the simulator does not know how, and says so."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by this simulator")


@dataclass(frozen=True)
class Operation:
    code: int
    name: str
    #: The first version of programs that may use it.
    since: int
    takes: str
    cost: Cost
    immediates: str
    run: Handler


class Operations:
    """Those of one group; `table` puts the groups together."""

    def __init__(self) -> None:
        self.declared: list[Operation] = []

    def declare(
        self,
        code: int,
        name: str,
        takes: str = "",
        *,
        since: int = 1,
        cost: Cost = 1,
        immediates: str = "",
    ) -> Callable[[Handler], Handler]:
        def register(run: Handler) -> Handler:
            self.declared.append(Operation(code, name, since, takes, cost, immediates, run))
            return run

        return register


def kind(value: Value) -> str:
    return "uint64" if isinstance(value, int) else "[]byte"


def number(value: int, name: str) -> int:
    """Raises: LogicError: more than 64 bits."""
    if value > MOST_UINT:
        raise LogicError(f"{name} overflowed")
    return value
