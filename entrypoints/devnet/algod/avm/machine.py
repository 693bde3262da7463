"""The stack machine: one program, run once.

Each step is paid before it is taken.  Whatever goes wrong is a `LogicError`, which takes the whole
group with it; `describe` says where it was.
"""

from dataclasses import dataclass
from typing import Any

from entrypoints.devnet.algod.application_form import CLEAR_STATE
from entrypoints.devnet.algod.applications import Application, application_address
from entrypoints.devnet.algod.applied import Inner, Value
from entrypoints.devnet.algod.avm.operations import (
    MOST_VALUE_BYTES,
    LogicError,
    Operation,
    Pushed,
    kind,
)
from entrypoints.devnet.algod.avm.program import Instruction, Program
from entrypoints.devnet.algod.avm.run import Run
from entrypoints.devnet.algod.encoding import Fields
from entrypoints.devnet.algod.limits import BUDGET
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import SignedTransaction

MOST_STACK = 1000
_SLOTS = 256
_TOLD_BEFORE = 2
_KINDS: dict[str, tuple[type, ...]] = {"i": (int,), "b": (bytes,), "a": (int, bytes)}
_WANTED = {"i": "uint64", "b": "[]byte", "a": "any"}


@dataclass(frozen=True)
class Frame:
    """Where a subroutine goes back to, and the height of the stack that it counts from."""

    back: int
    height: int
    #: As its `proto` says; None: it has none, and cleans up itself.
    takes: int = 0
    gives: int | None = None


class Machine:
    def __init__(
        self, program: Program, draft: Draft, run: Run, position: int, application_id: int
    ) -> None:
        self.program = program
        self.draft = draft
        self.run_of = run
        self.position = position
        self.application_id = application_id
        self.stack: list[Value] = []
        self.frames: list[Frame] = []
        self.scratch: list[Value] = [0] * _SLOTS
        self.numbers: tuple[int, ...] = ()
        self.strings: tuple[bytes, ...] = ()
        self.pc = program.begin
        self.next_pc = 0
        self.immediates: tuple[Any, ...] = ()
        self.cost = 0
        #: Whether the step before this one was `callsub`, and whether this one is.
        self.was_called = False
        self.has_called = False
        # What it did
        self.logs: list[bytes] = []
        self.global_delta: dict[bytes, Value | None] = {}
        self.local_deltas: dict[bytes, dict[bytes, Value | None]] = {}
        self.inner: list[Inner] = []
        self.inner_txids: list[bytes] = []
        #: How many of `inner` were submitted last, together.
        self.last_group = 0
        #: What is being put together for `itxn_submit`.
        self.pending: list[dict[str, Any]] = []

    @property
    def operand(self) -> int:
        """The last of the bytes that follow the opcode."""
        last: int = self.immediates[-1]
        return last

    @property
    def transaction(self) -> SignedTransaction:
        return self.run_of.group[self.position]

    @property
    def txn(self) -> Fields:
        return self.transaction.txn

    @property
    def version(self) -> int:
        return self.program.version

    @property
    def address(self) -> bytes:
        """The application's own."""
        return application_address(self.application_id)

    @property
    def application(self) -> Application:
        found = self.draft.application(self.application_id)
        if found is None:
            raise LogicError(f"app {self.application_id} does not exist")
        return found

    @property
    def is_clearing(self) -> bool:
        return self.transaction.number("apan") == CLEAR_STATE

    @property
    def budget(self) -> int:
        """A program that clears state has the budget of one call, and no more."""
        return BUDGET - self.cost if self.is_clearing else self.run_of.allowance.budget

    @property
    def following(self) -> int:
        return self._instruction.following

    @property
    def _instruction(self) -> Instruction:
        return self.program.instructions[self.pc]

    def scratch_of(self, position: int, name: str) -> list[Value]:
        """Of a program that ran earlier in the group.  Raises: LogicError."""
        group = self.run_of.group
        if position >= len(group):
            raise LogicError(f"{name} lookup TxnGroup[{position}] but it only has {len(group)}")
        if group[position].type != "appl":
            raise LogicError(f"can't use {name} on non-app call txn with index {position}")
        if position == self.position:
            raise LogicError(f"can't use {name} on self, use load instead")
        if position > self.position:
            raise LogicError(
                f"{name} can't get future scratch space from txn with index {position}"
            )
        return self.run_of.scratch[position]

    def run(self) -> bool:
        """Whether it approves.  Raises: LogicError."""
        self.run_of.scratch[self.position] = self.scratch
        while self.pc < len(self.program.code):
            self._step(self._instruction)
        if len(self.stack) != 1:
            raise LogicError(f"stack len is {len(self.stack)} instead of 1")
        (last,) = self.stack
        if isinstance(last, bytes):
            raise LogicError("stack finished with bytes not int")
        return last != 0

    def _step(self, instruction: Instruction) -> None:
        operation = instruction.operation
        arguments = self._arguments(operation)
        self._pay(operation)
        self.immediates = instruction.immediates
        self.next_pc = instruction.following
        self.was_called, self.has_called = self.has_called, False
        if arguments:
            del self.stack[len(self.stack) - len(arguments) :]
        self._push(operation, operation.run(self, *arguments))
        if len(self.stack) > MOST_STACK:
            raise LogicError("stack overflow")
        self.pc = self.next_pc

    def _arguments(self, operation: Operation) -> list[Value]:
        count = len(operation.takes)
        if len(self.stack) < count:
            raise LogicError(f"stack underflow in {operation.name}")
        arguments = self.stack[len(self.stack) - count :]
        for index, (wanted, value) in enumerate(zip(operation.takes, arguments, strict=True)):
            if not isinstance(value, _KINDS[wanted]):
                raise LogicError(
                    f"{operation.name} arg {index} wanted {_WANTED[wanted]} but got {kind(value)}"
                )
        return arguments

    def _pay(self, operation: Operation) -> None:
        cost = operation.cost if isinstance(operation.cost, int) else operation.cost(self)
        if cost > self.budget:
            raise LogicError(
                f"pc={self.pc:3} dynamic cost budget exceeded, executing {operation.name}: local"
                f" program cost was {self.cost}"
            )
        self.cost += cost
        self.run_of.charge(self.position, cost)

    def _push(self, operation: Operation, pushed: Pushed) -> None:
        if pushed is None:
            return
        for value in pushed if isinstance(pushed, tuple) else (pushed,):
            if isinstance(value, bytes) and len(value) > MOST_VALUE_BYTES:
                raise LogicError(f"{operation.name} produced a too big ({len(value)}) byte-array")
            self.stack.append(int(value) if isinstance(value, bool) else value)

    def describe(self) -> str:
        """Where it stands: as a node appends to what went wrong."""
        places = list(self.program.instructions)
        told = ""
        if self.pc in self.program.instructions:
            at = places.index(self.pc)
            told = "; ".join(
                written(self.program.instructions[place])
                for place in places[max(0, at - _TOLD_BEFORE) : at + 1]
            )
        return f"app={self.application_id}, pc={self.pc}, opcodes={told}"


def written(instruction: Instruction) -> str:
    """As text, the immediates as they stand in the program: fields by their numbers."""
    words = [instruction.operation.name]
    for value in instruction.immediates:
        several = value if isinstance(value, tuple) else (value,)
        words += [f"0x{each.hex()}" if isinstance(each, bytes) else str(each) for each in several]
    return " ".join(words)
