"""Byte strings as numbers of up to 512 bits, big-endian, and as rows of bits of any length."""

from collections.abc import Iterator
from math import isqrt

from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import LogicError, Operations, Pushed

OPERATIONS = Operations()
declare = OPERATIONS.declare

_MOST_BYTES = 64


@declare(0xA0, "b+", "bb", since=4, cost=10)
def add(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _bytes(_whole(a) + _whole(b))


@declare(0xA1, "b-", "bb", since=4, cost=10)
def subtract(_: Machine, a: bytes, b: bytes) -> Pushed:
    difference = _whole(a) - _whole(b)
    if difference < 0:
        raise LogicError("byte math would have negative result")
    return _bytes(difference)


@declare(0xA2, "b/", "bb", since=4, cost=20)
def divide(_: Machine, a: bytes, b: bytes) -> Pushed:
    dividend, divisor = _whole(a), _whole(b)
    if divisor == 0:
        raise LogicError("division by zero")
    return _bytes(dividend // divisor)


@declare(0xA3, "b*", "bb", since=4, cost=20)
def multiply(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _bytes(_whole(a) * _whole(b))


@declare(0xA4, "b<", "bb", since=4)
def less(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _whole(a) < _whole(b)


@declare(0xA5, "b>", "bb", since=4)
def greater(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _whole(a) > _whole(b)


@declare(0xA6, "b<=", "bb", since=4)
def at_most(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _whole(a) <= _whole(b)


@declare(0xA7, "b>=", "bb", since=4)
def at_least(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _whole(a) >= _whole(b)


@declare(0xA8, "b==", "bb", since=4)
def equal(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _whole(a) == _whole(b)


@declare(0xA9, "b!=", "bb", since=4)
def unequal(_: Machine, a: bytes, b: bytes) -> Pushed:
    return _whole(a) != _whole(b)


@declare(0xAA, "b%", "bb", since=4, cost=20)
def remainder(_: Machine, a: bytes, b: bytes) -> Pushed:
    dividend, divisor = _whole(a), _whole(b)
    if divisor == 0:
        raise LogicError("modulo by zero")
    return _bytes(dividend % divisor)


@declare(0x96, "bsqrt", "b", since=6, cost=40)
def square_root(_: Machine, a: bytes) -> Pushed:
    return _bytes(isqrt(_whole(a)))


@declare(0xAB, "b|", "bb", since=4, cost=6)
def bit_or(_: Machine, a: bytes, b: bytes) -> Pushed:
    return bytes(x | y for x, y in _aligned(a, b))


@declare(0xAC, "b&", "bb", since=4, cost=6)
def bit_and(_: Machine, a: bytes, b: bytes) -> Pushed:
    return bytes(x & y for x, y in _aligned(a, b))


@declare(0xAD, "b^", "bb", since=4, cost=6)
def bit_xor(_: Machine, a: bytes, b: bytes) -> Pushed:
    return bytes(x ^ y for x, y in _aligned(a, b))


@declare(0xAE, "b~", "b", since=4, cost=4)
def bit_not(_: Machine, a: bytes) -> Pushed:
    return bytes(x ^ 0xFF for x in a)


def _whole(value: bytes) -> int:
    if len(value) > _MOST_BYTES:
        raise LogicError("math attempted on large byte-array")
    return int.from_bytes(value, "big")


def _bytes(value: int) -> bytes:
    """As few as hold it: zero is the empty string."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _aligned(a: bytes, b: bytes) -> Iterator[tuple[int, int]]:
    """The shorter one is preceded by zeros."""
    size = max(len(a), len(b))
    return zip(a.rjust(size, b"\0"), b.rjust(size, b"\0"), strict=True)
