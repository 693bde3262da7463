"""Boxes of the application that runs.

A box must be named by a transaction of the group.  What is changed counts against the bytes that
the group's references pay for; a box that is deleted again counts no more.
"""

from entrypoints.devnet.algod.avm.byte_strings import replaced, taken
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import LogicError, Operations, Pushed
from entrypoints.devnet.algod.limits import MOST_BOX_BYTES, MOST_KEY_BYTES

OPERATIONS = Operations()
declare = OPERATIONS.declare


@declare(0xB9, "box_create", "bi", since=8)
def create(machine: Machine, name: bytes, size: int) -> Pushed:
    _check_lengths(name, size)
    before = _available(machine, name)
    if before is not None:
        if len(before) != size:
            raise LogicError(f"box size mismatch {len(before)} {size}")
        return False
    _dirty(machine, name, size)
    machine.draft.put_box(machine.application_id, name, bytes(size))
    return True


@declare(0xBA, "box_extract", "bii", since=8)
def extract(machine: Machine, name: bytes, start: int, size: int) -> Pushed:
    _check_lengths(name, start + size)
    return taken(_existing(machine, name), start, size)


@declare(0xBB, "box_replace", "bib", since=8)
def replace(machine: Machine, name: bytes, start: int, by: bytes) -> Pushed:
    _check_lengths(name, start + len(by))
    before = _existing(machine, name)
    _dirty(machine, name, len(before))
    machine.draft.put_box(machine.application_id, name, replaced(before, start, by))
    return None


@declare(0xBC, "box_del", "b", since=8)
def delete(machine: Machine, name: bytes) -> Pushed:
    _check_lengths(name)
    before = _available(machine, name)
    if before is None:
        return False
    _clean(machine, name, len(before))
    machine.draft.put_box(machine.application_id, name, None)
    return True


@declare(0xBD, "box_len", "b", since=8)
def length(machine: Machine, name: bytes) -> Pushed:
    _check_lengths(name)
    found = _available(machine, name)
    return (0, 0) if found is None else (len(found), 1)


@declare(0xBE, "box_get", "b", since=8)
def get(machine: Machine, name: bytes) -> Pushed:
    _check_lengths(name)
    found = _available(machine, name)
    return (b"", 0) if found is None else (found, 1)


@declare(0xBF, "box_put", "bb", since=8)
def put(machine: Machine, name: bytes, contents: bytes) -> Pushed:
    """A box that exists keeps its size."""
    _check_lengths(name, len(contents))
    before = _available(machine, name)
    _dirty(machine, name, len(contents) if before is None else len(before))
    if before is not None and len(before) != len(contents):
        raise LogicError(f"attempt to box_put wrong size {len(before)} != {len(contents)}")
    machine.draft.put_box(machine.application_id, name, contents)
    return None


@declare(0xD2, "box_splice", "biib", since=10)
def splice(machine: Machine, name: bytes, start: int, size: int, by: bytes) -> Pushed:
    """The box keeps its size: what follows moves, is cut at the end, or zeros are appended."""
    _check_lengths(name)
    before = _existing(machine, name)
    _dirty(machine, name, len(before))
    if start > len(before):
        raise LogicError(f"replacement start {start} beyond length: {len(before)}")
    if start + size > len(before):
        raise LogicError(f"splice end {start + size} beyond original length: {len(before)}")
    spliced = before[:start] + by + before[start + size :]
    machine.draft.put_box(
        machine.application_id, name, spliced[: len(before)].ljust(len(before), b"\0")
    )
    return None


@declare(0xD3, "box_resize", "bi", since=10)
def resize(machine: Machine, name: bytes, size: int) -> Pushed:
    _check_lengths(name, size)
    before = _existing(machine, name)
    _clean(machine, name, len(before))
    _dirty(machine, name, size)
    machine.draft.put_box(machine.application_id, name, before[:size].ljust(size, b"\0"))
    return None


def _check_lengths(name: bytes, size: int = 0) -> None:
    if not name:
        raise LogicError("box names may not be zero length")
    if len(name) > MOST_KEY_BYTES:
        raise LogicError(f"name too long: length was {len(name)}, maximum is {MOST_KEY_BYTES}")
    if size > MOST_BOX_BYTES:
        raise LogicError(f"box size too large: {size}, maximum is {MOST_BOX_BYTES}")


def _available(machine: Machine, name: bytes) -> bytes | None:
    """None: there is no such box yet.  Raises: LogicError: nobody named it."""
    if machine.is_clearing:
        raise LogicError("boxes may not be accessed from ClearState program")
    allowance = machine.run_of.allowance
    key = (machine.application_id, name)
    if key not in allowance.resources.boxes:
        if not allowance.leniency.unnamed_resources:
            raise LogicError(f"invalid Box reference 0x{name.hex()}")
        allowance.unnamed["boxes", key] = None
        allowance.resources.boxes[key] = False
    return machine.draft.box(*key)


def _existing(machine: Machine, name: bytes) -> bytes:
    found = _available(machine, name)
    if found is None:
        raise LogicError(f"no such box 0x{name.hex()}")
    return found


def _dirty(machine: Machine, name: bytes, size: int) -> None:
    resources = machine.run_of.allowance.resources
    key = (machine.application_id, name)
    if not resources.boxes[key]:
        resources.boxes[key] = True
        resources.written += size
    lenient = machine.run_of.allowance.leniency.unnamed_resources
    if resources.written > resources.budget and not lenient:
        raise LogicError(f"write budget ({resources.budget}) exceeded {resources.written}")


def _clean(machine: Machine, name: bytes, size: int) -> None:
    resources = machine.run_of.allowance.resources
    key = (machine.application_id, name)
    if resources.boxes[key]:
        resources.boxes[key] = False
        resources.written -= size
