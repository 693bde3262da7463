"""Numbers of 64 bits, and pairs of them that make 128: high half first."""

from math import isqrt

from entrypoints.devnet.algod.applied import Value
from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import (
    MOST_UINT,
    LogicError,
    Operations,
    Pushed,
    kind,
    number,
)

OPERATIONS = Operations()
declare = OPERATIONS.declare


@declare(0x08, "+", "ii")
def add(_: Machine, a: int, b: int) -> Pushed:
    return number(a + b, "+")


@declare(0x09, "-", "ii")
def subtract(_: Machine, a: int, b: int) -> Pushed:
    if b > a:
        raise LogicError("- would result negative")
    return a - b


@declare(0x0A, "/", "ii")
def divide(_: Machine, a: int, b: int) -> Pushed:
    if b == 0:
        raise LogicError("/ 0")
    return a // b


@declare(0x0B, "*", "ii")
def multiply(_: Machine, a: int, b: int) -> Pushed:
    return number(a * b, "*")


@declare(0x18, "%", "ii")
def remainder(_: Machine, a: int, b: int) -> Pushed:
    if b == 0:
        raise LogicError("% 0")
    return a % b


@declare(0x0C, "<", "ii")
def less(_: Machine, a: int, b: int) -> Pushed:
    return a < b


@declare(0x0D, ">", "ii")
def greater(_: Machine, a: int, b: int) -> Pushed:
    return a > b


@declare(0x0E, "<=", "ii")
def at_most(_: Machine, a: int, b: int) -> Pushed:
    return a <= b


@declare(0x0F, ">=", "ii")
def at_least(_: Machine, a: int, b: int) -> Pushed:
    return a >= b


@declare(0x10, "&&", "ii")
def both(_: Machine, a: int, b: int) -> Pushed:
    return a != 0 and b != 0


@declare(0x11, "||", "ii")
def either(_: Machine, a: int, b: int) -> Pushed:
    return a != 0 or b != 0


@declare(0x12, "==", "aa")
def equal(_: Machine, a: Value, b: Value) -> Pushed:
    return _same(a, b)


@declare(0x13, "!=", "aa")
def unequal(_: Machine, a: Value, b: Value) -> Pushed:
    return not _same(a, b)


@declare(0x14, "!", "i")
def negate(_: Machine, a: int) -> Pushed:
    return a == 0


@declare(0x19, "|", "ii")
def bit_or(_: Machine, a: int, b: int) -> Pushed:
    return a | b


@declare(0x1A, "&", "ii")
def bit_and(_: Machine, a: int, b: int) -> Pushed:
    return a & b


@declare(0x1B, "^", "ii")
def bit_xor(_: Machine, a: int, b: int) -> Pushed:
    return a ^ b


@declare(0x1C, "~", "i")
def bit_not(_: Machine, a: int) -> Pushed:
    return a ^ MOST_UINT


@declare(0x1D, "mulw", "ii")
def multiply_wide(_: Machine, a: int, b: int) -> Pushed:
    return _halves(a * b)


@declare(0x1E, "addw", "ii", since=2)
def add_wide(_: Machine, a: int, b: int) -> Pushed:
    return _halves(a + b)


@declare(0x1F, "divmodw", "iiii", since=4, cost=20)
def divide_wide(_: Machine, a: int, b: int, c: int, d: int) -> Pushed:
    divisor = (c << 64) + d
    if divisor == 0:
        raise LogicError("/ 0")
    quotient, rest = divmod((a << 64) + b, divisor)
    return (*_halves(quotient), *_halves(rest))


@declare(0x90, "shl", "ii", since=4)
def shift_left(_: Machine, a: int, b: int) -> Pushed:
    if b > 63:
        raise LogicError(f"shl arg too big, ({b})")
    return (a << b) & MOST_UINT


@declare(0x91, "shr", "ii", since=4)
def shift_right(_: Machine, a: int, b: int) -> Pushed:
    if b > 63:
        raise LogicError(f"shr arg too big, ({b})")
    return a >> b


@declare(0x92, "sqrt", "i", since=4, cost=4)
def square_root(_: Machine, a: int) -> Pushed:
    return isqrt(a)


@declare(0x93, "bitlen", "a", since=4)
def bit_length(_: Machine, a: Value) -> Pushed:
    whole = a if isinstance(a, int) else int.from_bytes(a, "big")
    return whole.bit_length()


@declare(0x94, "exp", "ii", since=4)
def power(_: Machine, a: int, b: int) -> Pushed:
    return _power(a, b, 64)


@declare(0x95, "expw", "ii", since=4, cost=10)
def power_wide(_: Machine, a: int, b: int) -> Pushed:
    return _halves(_power(a, b, 128))


@declare(0x97, "divw", "iii", since=6)
def divide_high(_: Machine, a: int, b: int, c: int) -> Pushed:
    if c == 0:
        raise LogicError("divw 0")
    if c <= a:
        raise LogicError(f"divw overflow: {c} <= {a}")
    return ((a << 64) + b) // c


def _same(a: Value, b: Value) -> bool:
    if type(a) is not type(b):
        raise LogicError(f"cannot compare ({kind(a)} to {kind(b)})")
    return a == b


def _halves(value: int) -> tuple[int, int]:
    return value >> 64, value & MOST_UINT


def _power(base: int, exponent: int, bits: int) -> int:
    if base == exponent == 0:
        raise LogicError("0^0 is undefined")
    # Two to the power of as many is too much already, and a large exponent is not tried.
    if base > 1 and exponent >= bits:
        raise LogicError(f"{base}^{exponent} overflow")
    value: int = base if base < 2 and exponent else base**exponent
    if value >> bits:
        raise LogicError(f"{base}^{exponent} overflow")
    return value
