"""A contract that is nothing but opcodes, compiled when the tests run: Algorand Python.

What a call answers is logged; a number says which opcode is meant.
"""

from algopy import ARC4Contract, BigUInt, UInt64, arc4, log, op, subroutine


class Zoo(ARC4Contract):
    @arc4.abimethod(create="require")
    def create(self) -> None:
        pass

    @arc4.abimethod
    def numbers(self, which: UInt64, a: UInt64, b: UInt64) -> UInt64:
        if which == 0:
            return a + b
        if which == 1:
            return a - b
        if which == 2:
            return a * b
        if which == 3:
            return a // b
        if which == 4:
            return a % b
        if which == 5:
            return op.shl(a, b)
        if which == 6:
            return op.shr(a, b)
        if which == 7:
            return op.exp(a, b)
        if which == 8:
            return op.sqrt(a)
        if which == 9:
            return a | b
        if which == 10:
            return a & b
        if which == 11:
            return a ^ b
        if which == 12:
            return ~a
        if which == 13:
            return op.bitlen(a)
        if which == 14:
            return op.setbit_uint64(a, b, True)
        if which == 15:
            return UInt64(op.getbit(a, b))
        if which == 16:
            return op.divw(a, b, UInt64(1000))
        if which == 17:
            return UInt64(a < b) + UInt64(a <= b) * 2 + UInt64(a > b) * 4 + UInt64(a >= b) * 8
        assert which == 18, "no such opcode"
        return fibonacci(a % 12)

    @arc4.abimethod
    def wide(self, which: UInt64, a: UInt64, b: UInt64, c: UInt64) -> None:
        if which == 0:
            high, low = op.addw(a, b)
            log(high, low)
        elif which == 1:
            high, low = op.mulw(a, b)
            log(high, low)
        elif which == 2:
            high, low = op.expw(a, b)
            log(high, low)
        else:
            first, second, third, fourth = op.divmodw(a, b, c, a)
            log(first, second, third, fourth)

    @arc4.abimethod
    def big(self, which: UInt64, x: arc4.DynamicBytes, y: arc4.DynamicBytes) -> None:
        a, b = BigUInt.from_bytes(x.native), BigUInt.from_bytes(y.native)
        if which == 0:
            log((a + b).bytes)
        elif which == 1:
            log((a - b).bytes)
        elif which == 2:
            log((a * b).bytes)
        elif which == 3:
            log((a // b).bytes)
        elif which == 4:
            log((a % b).bytes)
        elif which == 5:
            log(op.itob(UInt64(a < b) + UInt64(a <= b) * 2 + UInt64(a > b) * 4))
        elif which == 6:
            log(op.itob(UInt64(a == b) + UInt64(a != b) * 2 + UInt64(a >= b) * 4))
        elif which == 7:
            log(op.bsqrt(a).bytes)
        elif which == 8:
            log(x.native | y.native)
        elif which == 9:
            log(x.native & y.native)
        elif which == 10:
            log(x.native ^ y.native)
        else:
            log(~x.native)

    @arc4.abimethod
    def slices(
        self, which: UInt64, x: arc4.DynamicBytes, y: arc4.DynamicBytes, i: UInt64, j: UInt64
    ) -> None:
        a, b = x.native, y.native
        if which == 0:
            log(op.extract(a, i, j))
        elif which == 1:
            log(op.substring(a, i, j))
        elif which == 2:
            log(op.replace(a, i, b))
        elif which == 3:
            log(op.setbit_bytes(a, i, True))
        elif which == 4:
            log(op.itob(UInt64(op.getbit(a, i))))
        elif which == 5:
            log(op.setbyte(a, i, j))
        elif which == 6:
            log(op.itob(op.getbyte(a, i)))
        elif which == 7:
            log(a + b)
        elif which == 8:
            log(op.itob(op.btoi(a)))
        elif which == 9:
            log(op.itob(op.bitlen(a)))
        elif which == 10:
            log(op.itob(op.extract_uint16(a, i)))
        elif which == 11:
            log(op.itob(op.extract_uint32(a, i)))
        elif which == 12:
            log(op.itob(op.extract_uint64(a, i)))
        elif which == 13:
            log(op.itob(a.length), op.bzero(j))
        else:
            log(a[i:j])

    @arc4.abimethod
    def hashes(self, x: arc4.DynamicBytes) -> None:
        log(op.sha256(x.native))
        log(op.sha512_256(x.native))
        log(op.keccak256(x.native))
        log(op.sha3_256(x.native))


@subroutine
def fibonacci(n: UInt64) -> UInt64:
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)
