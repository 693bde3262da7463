"""Constants, the stack, scratch space, branches and subroutines."""

from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.avm.machine import Frame, Machine
from entrypoints.devnet.algod.avm.operations import LogicError, Operations, Pushed

OPERATIONS = Operations()
declare = OPERATIONS.declare

_SLOTS = 256


# Constants


@declare(0x20, "intcblock", immediates="N")
def number_block(machine: Machine) -> Pushed:
    (machine.numbers,) = machine.immediates
    return None


@declare(0x21, "intc", immediates="u")
def number_constant(machine: Machine) -> Pushed:
    return _constant_number(machine, machine.immediates[0])


@declare(0x26, "bytecblock", immediates="X")
def bytes_block(machine: Machine) -> Pushed:
    (machine.strings,) = machine.immediates
    return None


@declare(0x27, "bytec", immediates="u")
def bytes_constant(machine: Machine) -> Pushed:
    return _constant_bytes(machine, machine.immediates[0])


def _declare_short_constants() -> None:
    for index in range(4):

        @declare(0x22 + index, f"intc_{index}")
        def short_number(machine: Machine, index: int = index) -> Pushed:
            return _constant_number(machine, index)

        @declare(0x28 + index, f"bytec_{index}")
        def short_bytes(machine: Machine, index: int = index) -> Pushed:
            return _constant_bytes(machine, index)


_declare_short_constants()


@declare(0x80, "pushbytes", since=3, immediates="x")
def push_bytes(machine: Machine) -> Pushed:
    value: bytes = machine.immediates[0]
    return value


@declare(0x81, "pushint", since=3, immediates="n")
def push_number(machine: Machine) -> Pushed:
    value: int = machine.immediates[0]
    return value


@declare(0x82, "pushbytess", since=8, immediates="X")
def push_several_bytes(machine: Machine) -> Pushed:
    values: tuple[bytes, ...] = machine.immediates[0]
    return values


@declare(0x83, "pushints", since=8, immediates="N")
def push_several_numbers(machine: Machine) -> Pushed:
    values: tuple[int, ...] = machine.immediates[0]
    return values


def _constant_number(machine: Machine, index: int) -> int:
    if index >= len(machine.numbers):
        raise LogicError(f"intc {index} beyond {len(machine.numbers)} constants")
    return machine.numbers[index]


def _constant_bytes(machine: Machine, index: int) -> bytes:
    if index >= len(machine.strings):
        raise LogicError(f"bytec {index} beyond {len(machine.strings)} constants")
    return machine.strings[index]


# The stack


@declare(0x48, "pop", "a")
def pop(_: Machine, a: Value) -> Pushed:
    del a
    return None


@declare(0x49, "dup", "a")
def duplicate(_: Machine, a: Value) -> Pushed:
    return a, a


@declare(0x4A, "dup2", "aa", since=2)
def duplicate_two(_: Machine, a: Value, b: Value) -> Pushed:
    return a, b, a, b


@declare(0x4C, "swap", "aa", since=3)
def swap(_: Machine, a: Value, b: Value) -> Pushed:
    return b, a


@declare(0x4D, "select", "aai", since=3)
def select(_: Machine, a: Value, b: Value, c: int) -> Pushed:
    return b if c else a


@declare(0x4B, "dig", since=3, immediates="u")
def dig(machine: Machine) -> Pushed:
    return machine.stack[-1 - _depth(machine, "dig beyond stack")]


@declare(0x45, "bury", "a", since=8, immediates="u")
def bury(machine: Machine, a: Value) -> Pushed:
    (depth,) = machine.immediates
    if depth == 0:
        raise LogicError("bury 0 always fails")
    if depth > len(machine.stack):
        raise LogicError("bury outside stack")
    machine.stack[-depth] = a
    return None


@declare(0x46, "popn", since=8, immediates="u")
def pop_several(machine: Machine) -> Pushed:
    count = machine.operand
    if count > len(machine.stack):
        raise LogicError(f"popn {count} beyond stack")
    del machine.stack[len(machine.stack) - count :]
    return None


@declare(0x47, "dupn", "a", since=8, immediates="u")
def duplicate_several(machine: Machine, a: Value) -> Pushed:
    count = machine.operand
    return (a,) * (count + 1)


@declare(0x4E, "cover", since=5, immediates="u")
def cover(machine: Machine) -> Pushed:
    depth = _depth(machine, "cover outside stack")
    top = machine.stack.pop()
    machine.stack.insert(len(machine.stack) - depth, top)
    return None


@declare(0x4F, "uncover", since=5, immediates="u")
def uncover(machine: Machine) -> Pushed:
    depth = _depth(machine, "uncover outside stack")
    return machine.stack.pop(len(machine.stack) - 1 - depth)


def _depth(machine: Machine, problem: str) -> int:
    depth: int = machine.immediates[0]
    if depth >= len(machine.stack):
        raise LogicError(problem)
    return depth


# Scratch space


@declare(0x34, "load", immediates="u")
def load(machine: Machine) -> Pushed:
    return machine.scratch[machine.operand]


@declare(0x35, "store", "a", immediates="u")
def store(machine: Machine, a: Value) -> Pushed:
    machine.scratch[machine.operand] = a
    return None


@declare(0x3E, "loads", "i", since=5)
def load_of(machine: Machine, slot: int) -> Pushed:
    return machine.scratch[_slot(slot, "loads")]


@declare(0x3F, "stores", "ia", since=5)
def store_of(machine: Machine, slot: int, a: Value) -> Pushed:
    machine.scratch[_slot(slot, "stores")] = a
    return None


@declare(0x3A, "gload", since=4, immediates="uu")
def group_load(machine: Machine) -> Pushed:
    return machine.scratch_of(machine.immediates[0], "gload")[machine.operand]


@declare(0x3B, "gloads", "i", since=4, immediates="u")
def group_load_of(machine: Machine, position: int) -> Pushed:
    return machine.scratch_of(position, "gloads")[machine.operand]


@declare(0xC4, "gloadss", "ii", since=6)
def group_load_of_both(machine: Machine, position: int, slot: int) -> Pushed:
    return machine.scratch_of(position, "gloadss")[_slot(slot, "gloadss")]


def _slot(slot: int, name: str) -> int:
    if slot >= _SLOTS:
        raise LogicError(f"invalid {name} index {slot}")
    return slot


# Branches and the end


@declare(0x00, "err")
def fail(_: Machine) -> Pushed:
    raise LogicError("err opcode executed")


@declare(0x44, "assert", "i", since=3)
def assert_true(machine: Machine, a: int) -> Pushed:
    if not a:
        raise LogicError(f"assert failed pc={machine.pc}")
    return None


@declare(0x43, "return", "i", since=2)
def end(machine: Machine, a: int) -> Pushed:
    machine.stack.clear()
    machine.next_pc = len(machine.program.code)
    return a


@declare(0x40, "bnz", "i", immediates="t")
def branch_if(machine: Machine, a: int) -> Pushed:
    if a:
        (machine.next_pc,) = machine.immediates
    return None


@declare(0x41, "bz", "i", since=2, immediates="t")
def branch_unless(machine: Machine, a: int) -> Pushed:
    if not a:
        (machine.next_pc,) = machine.immediates
    return None


@declare(0x42, "b", since=2, immediates="t")
def branch(machine: Machine) -> Pushed:
    (machine.next_pc,) = machine.immediates
    return None


@declare(0x8D, "switch", "i", since=8, immediates="T")
def switch(machine: Machine, a: int) -> Pushed:
    (targets,) = machine.immediates
    if a < len(targets):
        machine.next_pc = targets[a]
    return None


@declare(0x8E, "match", since=8, immediates="T")
def match(machine: Machine) -> Pushed:
    """The last of the stack is looked for among as many below it as there are branches."""
    (targets,) = machine.immediates
    if len(machine.stack) < len(targets) + 1:
        raise LogicError(f"match expects {len(targets) + 1} stack args while stack only contains"
                         f" {len(machine.stack)}")  # fmt: skip
    wanted = machine.stack.pop()
    begin = len(machine.stack) - len(targets)
    candidates = machine.stack[begin:]
    del machine.stack[begin:]
    for candidate, target in zip(candidates, targets, strict=True):
        if type(candidate) is type(wanted) and candidate == wanted:
            machine.next_pc = target
            break
    return None


# Subroutines


@declare(0x88, "callsub", since=4, immediates="t")
def call(machine: Machine) -> Pushed:
    (target,) = machine.immediates
    machine.frames.append(Frame(machine.following, len(machine.stack)))
    machine.next_pc = target
    machine.has_called = True
    return None


@declare(0x8A, "proto", since=8, immediates="uu")
def prototype(machine: Machine) -> Pushed:
    """Only as the first step of a subroutine: what it takes and gives back."""
    takes, gives = machine.immediates
    if not machine.was_called:
        raise LogicError("proto was executed without a callsub")
    if takes > len(machine.stack):
        raise LogicError(
            f"callsub to proto that requires {takes} args with stack height {len(machine.stack)}"
        )
    machine.frames[-1] = Frame(machine.frames[-1].back, len(machine.stack), takes, gives)
    return None


@declare(0x89, "retsub", since=4)
def return_from(machine: Machine) -> Pushed:
    """What is given back are the values at the frame's base, whatever lies above them."""
    if not machine.frames:
        raise LogicError("retsub with empty callstack")
    frame = machine.frames.pop()
    machine.next_pc = frame.back
    if frame.gives is not None:
        found = len(machine.stack) - frame.height
        if found < frame.gives:
            raise LogicError(_short_return(found, frame.gives))
        values = machine.stack[frame.height : frame.height + frame.gives]
        machine.stack[frame.height - frame.takes :] = values
    return None


@declare(0x8B, "frame_dig", since=8, immediates="s")
def frame_dig(machine: Machine) -> Pushed:
    index = _frame_index(machine, "frame_dig")
    if index >= len(machine.stack):
        raise LogicError("frame_dig above stack")
    return machine.stack[index]


@declare(0x8C, "frame_bury", "a", since=8, immediates="s")
def frame_bury(machine: Machine, a: Value) -> Pushed:
    index = _frame_index(machine, "frame_bury")
    if index >= len(machine.stack):
        raise LogicError("frame_bury above stack")
    machine.stack[index] = a
    return None


def _short_return(found: int, wanted: int) -> str:
    if found < 0:
        return "retsub executed with stack below frame. Did you pop args?"
    if found == 0:
        return f"retsub executed with no return values on stack. proto declared {wanted}"
    return f"retsub executed with {found} return values on stack. proto declared {wanted}"


def _frame_index(machine: Machine, name: str) -> int:
    (offset,) = machine.immediates
    if not machine.frames:
        raise LogicError(f"{name} with empty callstack")
    frame = machine.frames[-1]
    if frame.gives is not None and -offset > frame.takes:
        raise LogicError(f"{name} {offset} in sub with {frame.takes} args")
    index: int = frame.height + offset
    if index < 0:
        raise LogicError(f"{name} below stack")
    return index
