"""Byte strings: cutting, joining, and looking into them.  Bit 0 of bytes is the highest of the
first byte; of a number, the lowest.
"""

import base64
import binascii

from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import (
    MOST_UINT,
    MOST_VALUE_BYTES,
    LogicError,
    Operations,
    Pushed,
)

OPERATIONS = Operations()
declare = OPERATIONS.declare


@declare(0x15, "len", "b")
def length(_: Machine, a: bytes) -> Pushed:
    return len(a)


@declare(0x16, "itob", "i")
def to_bytes(_: Machine, a: int) -> Pushed:
    return a.to_bytes(8, "big")


@declare(0x17, "btoi", "b")
def to_number(_: Machine, a: bytes) -> Pushed:
    if len(a) > 8:
        raise LogicError(f"btoi arg too long, got {len(a)} bytes")
    return int.from_bytes(a, "big")


@declare(0x50, "concat", "bb", since=2)
def concatenate(_: Machine, a: bytes, b: bytes) -> Pushed:
    return a + b


@declare(0x51, "substring", "b", since=2, immediates="uu")
def substring(machine: Machine, a: bytes) -> Pushed:
    start, end = machine.immediates
    return _between(a, start, end)


@declare(0x52, "substring3", "bii", since=2)
def substring_of(_: Machine, a: bytes, start: int, end: int) -> Pushed:
    return _between(a, start, end)


@declare(0x53, "getbit", "ai", since=3)
def get_bit(_: Machine, a: Value, index: int) -> Pushed:
    if isinstance(a, int):
        if index > 63:
            raise LogicError("getbit index > 63 with with Uint")
        return a >> index & 1
    if index >= len(a) * 8:
        raise LogicError(f"getbit index {index} is beyond length {len(a)}")
    return a[index // 8] >> (7 - index % 8) & 1


@declare(0x54, "setbit", "aii", since=3)
def set_bit(_: Machine, a: Value, index: int, bit: int) -> Pushed:
    if bit > 1:
        raise LogicError("setbit value > 1")
    if isinstance(a, int):
        if index > 63:
            raise LogicError("setbit index > 63 with Uint")
        return a & (MOST_UINT ^ (1 << index)) | bit << index
    if index >= len(a) * 8:
        raise LogicError(f"setbit index {index} is beyond length {len(a)}")
    changed, mask = bytearray(a), 1 << (7 - index % 8)
    changed[index // 8] = changed[index // 8] & ~mask | (mask if bit else 0)
    return bytes(changed)


@declare(0x55, "getbyte", "bi", since=3)
def get_byte(_: Machine, a: bytes, index: int) -> Pushed:
    if index >= len(a):
        raise LogicError("getbyte index beyond array length")
    return a[index]


@declare(0x56, "setbyte", "bii", since=3)
def set_byte(_: Machine, a: bytes, index: int, value: int) -> Pushed:
    if value > 255:
        raise LogicError("setbyte value > 255")
    if index >= len(a):
        raise LogicError("setbyte index beyond array length")
    return a[:index] + bytes([value]) + a[index + 1 :]


@declare(0x57, "extract", "b", since=5, immediates="uu")
def extract(machine: Machine, a: bytes) -> Pushed:
    """A size of zero: all that follows."""
    start, size = machine.immediates
    if size == 0:
        if start > len(a):
            raise LogicError(f"extraction start {start} is beyond length: {len(a)}")
        return a[start:]
    return taken(a, start, size)


@declare(0x58, "extract3", "bii", since=5)
def extract_of(_: Machine, a: bytes, start: int, size: int) -> Pushed:
    return taken(a, start, size)


@declare(0x59, "extract_uint16", "bi", since=5)
def extract_16(_: Machine, a: bytes, start: int) -> Pushed:
    return int.from_bytes(taken(a, start, 2), "big")


@declare(0x5A, "extract_uint32", "bi", since=5)
def extract_32(_: Machine, a: bytes, start: int) -> Pushed:
    return int.from_bytes(taken(a, start, 4), "big")


@declare(0x5B, "extract_uint64", "bi", since=5)
def extract_64(_: Machine, a: bytes, start: int) -> Pushed:
    return int.from_bytes(taken(a, start, 8), "big")


@declare(0x5C, "replace2", "bb", since=7, immediates="u")
def replace(machine: Machine, a: bytes, b: bytes) -> Pushed:
    (start,) = machine.immediates
    return replaced(a, start, b)


@declare(0x5D, "replace3", "bib", since=7)
def replace_of(_: Machine, a: bytes, start: int, b: bytes) -> Pushed:
    return replaced(a, start, b)


def _decoding_cost(machine: Machine) -> int:
    encoded = machine.stack[-1]
    return 1 + -(-len(encoded) // 16) if isinstance(encoded, bytes) else 1


@declare(0x5E, "base64_decode", "b", since=7, cost=_decoding_cost, immediates="u")
def decode_base64(machine: Machine, a: bytes) -> Pushed:
    (alphabet,) = machine.immediates
    if alphabet > 1:
        raise LogicError(f"invalid base64_decode encoding {alphabet}")
    text = a.replace(b"\n", b"").replace(b"\r", b"")
    padded = text if text.endswith(b"=") else text + b"=" * (-len(text) % 4)
    try:
        decoded = base64.b64decode(padded, b"-_" if alphabet == 0 else b"+/", validate=True)
    except (binascii.Error, ValueError) as error:
        raise LogicError("illegal base64 data") from error
    # Strict: no bits beyond the last byte, and none of the other alphabet.
    again = base64.b64encode(decoded, b"-_" if alphabet == 0 else b"+/")
    if again != padded:
        raise LogicError("illegal base64 data")
    return decoded


@declare(0xAF, "bzero", "i", since=4)
def zeros(_: Machine, size: int) -> Pushed:
    if size > MOST_VALUE_BYTES:
        raise LogicError("bzero attempted to create a too large string")
    return bytes(size)


def taken(value: bytes, start: int, size: int) -> bytes:
    """Raises: LogicError: there is not so much."""
    if start > len(value):
        raise LogicError(f"extraction start {start} is beyond length: {len(value)}")
    end = start + size
    if end > MOST_UINT:
        raise LogicError("extraction end exceeds uint64")
    if end > len(value):
        raise LogicError(f"extraction end {end} is beyond length: {len(value)}")
    return value[start:end]


def replaced(value: bytes, start: int, by: bytes) -> bytes:
    """Raises: LogicError: it would grow."""
    if start > len(value):
        raise LogicError(f"replacement start {start} beyond length: {len(value)}")
    end = start + len(by)
    if end > len(value):
        raise LogicError(f"replacement end {end} beyond original length: {len(value)}")
    return value[:start] + by + value[end:]


def _between(value: bytes, start: int, end: int) -> bytes:
    if end < start:
        raise LogicError("substring end before start")
    if end > len(value):
        raise LogicError("substring range beyond length of string")
    return value[start:end]
