"""Bytecode as instructions.

A program is its version, a variable-length number, and then opcodes with what belongs to them.
Branches are relative to the next instruction, two bytes big-endian, and must meet the beginning of
one, or the end.  Before version 4 they go forward only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from entrypoints.devnet.algod.application_form import version_of
from entrypoints.devnet.algod.avm.operations import MOST_UINT, LogicError, Operation
from entrypoints.devnet.algod.encoding import digest
from entrypoints.devnet.algod.limits import AVM_VERSION, RefusedError

_BACKWARD_SINCE = 4
_OFFSET_BYTES = 2
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Instruction:
    pc: int
    #: Of the instruction behind it.
    following: int
    operation: Operation
    immediates: tuple[Any, ...]


@dataclass(frozen=True)
class Program:
    code: bytes
    version: int
    #: By the place where each begins, in order.
    instructions: Mapping[int, Instruction] = field(repr=False)

    @property
    def begin(self) -> int:
        return next(iter(self.instructions), len(self.code))

    @cached_property
    def hash(self) -> bytes:
        return digest(b"Program", self.code)


def decoder(table: Mapping[int, Operation]) -> Callable[[bytes], Program]:
    """Raises, when called: LogicError: not a program that this network runs."""

    @lru_cache(_KEPT)
    def decode(code: bytes) -> Program:
        try:
            version, pc = version_of(code)
        except RefusedError as error:
            raise LogicError(str(error)) from error
        if version > AVM_VERSION:
            raise LogicError(
                f"program version {version} greater than protocol supported version {AVM_VERSION}"
            )
        instructions: dict[int, Instruction] = {}
        while pc < len(code):
            instruction = _instruction(table, code, version, pc)
            instructions[pc] = instruction
            pc = instruction.following
        _check_targets(code, version, instructions)
        return Program(code, version, instructions)

    return decode


def _instruction(
    table: Mapping[int, Operation], code: bytes, version: int, pc: int
) -> Instruction:
    operation = table.get(code[pc])
    if operation is None or operation.since > version:
        raise LogicError(f"pc={pc:3} illegal opcode 0x{code[pc]:02x}")
    reader = _Reader(code, pc + 1, f"pc={pc:3} {operation.name} program ends short of immediates")
    raw = [reader.read(kind) for kind in operation.immediates]
    following = reader.position
    immediates = tuple(
        _targets(value, following) if kind in "tT" else value
        for kind, value in zip(operation.immediates, raw, strict=True)
    )
    return Instruction(pc, following, operation, immediates)


def _targets(offsets: Any, following: int) -> Any:
    if isinstance(offsets, tuple):
        return tuple(following + offset for offset in offsets)
    return following + offsets


def _check_targets(code: bytes, version: int, instructions: Mapping[int, Instruction]) -> None:
    for instruction in instructions.values():
        for kind, value in zip(
            instruction.operation.immediates, instruction.immediates, strict=True
        ):
            if kind not in "tT":
                continue
            for target in value if isinstance(value, tuple) else (value,):
                if version < _BACKWARD_SINCE and target < instruction.following:
                    raise LogicError(f"pc={instruction.pc:3} negative branch offset")
                if target != len(code) and target not in instructions:
                    raise LogicError(
                        f"pc={instruction.pc:3} branch target {target} is not an aligned"
                        " instruction"
                    )


class _Reader:
    def __init__(self, code: bytes, position: int, problem: str) -> None:
        self._code = code
        self.position = position
        self._problem = problem

    def read(self, kind: str) -> Any:
        if kind == "u":
            return self._take(1)[0]
        if kind == "s":
            return int.from_bytes(self._take(1), "big", signed=True)
        if kind == "t":
            return int.from_bytes(self._take(_OFFSET_BYTES), "big", signed=True)
        if kind == "T":
            return tuple(self.read("t") for _ in range(self._take(1)[0]))
        if kind == "n":
            return self._number()
        if kind == "N":
            return tuple(self._number() for _ in range(self._count()))
        if kind == "x":
            return self._take(self._number())
        return tuple(self._take(self._number()) for _ in range(self._count()))

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._code):
            raise LogicError(self._problem)
        taken = self._code[self.position : end]
        self.position = end
        return taken

    def _count(self) -> int:
        """Each of them takes a byte at least."""
        count = self._number()
        if count > len(self._code) - self.position:
            raise LogicError(self._problem)
        return count

    def _number(self) -> int:
        value, self.position = _number(self._code, self.position, self._problem)
        return value


def _number(code: bytes, position: int, problem: str) -> tuple[int, int]:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    value = shift = 0
    while position < len(code):
        byte = code[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            if value > MOST_UINT:
                break
            return value, position
    raise LogicError(problem)
