"""Numbers, bytes and hashes: what each opcode leaves, from the specification of TEAL."""

import hashlib

import pytest
from nacl.signing import SigningKey

from tests.devnet.avm.assembly import hex_of, program, varuint

MOST = 2**64 - 1


def ints(*values):
    return f"pushints {' '.join(map(str, values))}"


def strings(*values):
    return f"pushbytess {' '.join(map(hex_of, values))}"


@pytest.mark.parametrize(
    ("taken", "name", "left"),
    [
        ((2, 3), "+", (5,)),
        ((MOST, 0), "+", (MOST,)),
        ((7, 7), "-", (0,)),
        ((7, 2), "/", (3,)),
        ((2**32, 2**31), "*", (2**63,)),
        ((7, 4), "%", (3,)),
        ((1, 2), "<", (1,)),
        ((2, 2), "<", (0,)),
        ((3, 2), ">", (1,)),
        ((2, 2), ">", (0,)),
        ((2, 2), "<=", (1,)),
        ((3, 2), "<=", (0,)),
        ((2, 2), ">=", (1,)),
        ((1, 2), ">=", (0,)),
        ((5, 0), "&&", (0,)),
        ((5, 6), "&&", (1,)),
        ((0, 0), "||", (0,)),
        ((0, 9), "||", (1,)),
        ((4, 4), "!=", (0,)),
        ((0,), "!", (1,)),
        ((9,), "!", (0,)),
        ((12, 10), "|", (14,)),
        ((12, 10), "&", (8,)),
        ((12, 10), "^", (6,)),
        ((0,), "~", (MOST,)),
        ((MOST, MOST), "mulw", (MOST - 1, 1)),
        ((MOST, 2), "addw", (1, 1)),
        ((1, 5, 0, 10), "divmodw", (0, (2**64 + 5) // 10, 0, (2**64 + 5) % 10)),
        ((3, 0, 1, 0), "divmodw", (0, 3, 0, 0)),
        ((1, 0, 2), "divw", (2**63,)),
        ((MOST, 1), "shl", (MOST - 1,)),
        ((1, 63), "shl", (2**63,)),
        ((MOST, 63), "shr", (1,)),
        ((24,), "sqrt", (4,)),
        ((MOST,), "sqrt", (2**32 - 1,)),
        ((0,), "bitlen", (0,)),
        ((8,), "bitlen", (4,)),
        ((2, 63), "exp", (2**63,)),
        ((9, 0), "exp", (1,)),
        ((0, 9), "exp", (0,)),
        ((1, MOST), "exp", (1,)),
        ((2, 127), "expw", (2**63, 0)),
        ((3, 40), "expw", (3**40 >> 64, 3**40 & MOST)),
        ((258,), "itob", (b"\0\0\0\0\0\0\1\2",)),
        ((3,), "bzero", (b"\0\0\0",)),
        ((0b1010, 1), "getbit", (1,)),
        ((0b1010, 0), "getbit", (0,)),
        ((0, 63, 1), "setbit", (2**63,)),
        ((MOST, 0, 0), "setbit", (MOST - 1,)),
    ],
)
def test_numbers(laboratory, taken, name, left):
    laboratory.leaves(f"{ints(*taken)}\n{name}", *left)


@pytest.mark.parametrize(
    ("taken", "name", "why"),
    [
        ((MOST, 1), "+", r"\+ overflowed"),
        ((1, 2), "-", "- would result negative"),
        ((1, 0), "/", "/ 0"),
        ((1, 0), "%", "% 0"),
        ((2**32, 2**32), "*", r"\* overflowed"),
        ((1, 1, 0, 0), "divmodw", "/ 0"),
        ((1, 1, 0), "divw", "divw 0"),
        ((2, 0, 2), "divw", "divw overflow: 2 <= 2"),
        ((1, 64), "shl", r"shl arg too big, \(64\)"),
        ((1, 64), "shr", r"shr arg too big, \(64\)"),
        ((0, 0), "exp", r"0\^0 is undefined"),
        ((2, 64), "exp", r"2\^64 overflow"),
        ((3, 41), "exp", r"3\^41 overflow"),
        ((2, 128), "expw", r"2\^128 overflow"),
        ((2**63, 3), "expw", "overflow"),
        ((4097,), "bzero", "bzero attempted to create a too large string"),
        ((1, 64), "getbit", "getbit index > 63"),
        ((1, 64, 1), "setbit", "setbit index > 63"),
        ((1, 1, 2), "setbit", "setbit value > 1"),
    ],
)
def test_what_numbers_refuse(laboratory, taken, name, why):
    laboratory.refuses(why, f"{ints(*taken)}\n{name}")


@pytest.mark.parametrize(
    ("taken", "name", "left"),
    [
        ((b"ab",), "len", (2,)),
        ((b"",), "len", (0,)),
        ((b"\1\2",), "btoi", (258,)),
        ((b"",), "btoi", (0,)),
        ((b"\xff" * 8,), "btoi", (MOST,)),
        ((b"ab", b"c"), "concat", (b"abc",)),
        ((b"abcd",), "substring 1 3", (b"bc",)),
        ((b"abcd",), "substring 4 4", (b"",)),
        ((b"abcd",), "pushints 1 3\nsubstring3", (b"bc",)),
        ((b"abcd",), "extract 1 2", (b"bc",)),
        ((b"abcd",), "extract 1 0", (b"bcd",)),
        ((b"abcd",), "extract 4 0", (b"",)),
        ((b"abcd",), "pushints 1 0\nextract3", (b"",)),
        ((b"abcd",), "pushints 1 3\nextract3", (b"bcd",)),
        ((bytes(range(10)),), "pushint 1\nextract_uint16", (0x0102,)),
        ((bytes(range(10)),), "pushint 1\nextract_uint32", (0x01020304,)),
        ((bytes(range(10)),), "pushint 2\nextract_uint64", (0x0203040506070809,)),
        ((b"abcd", b"XY"), "replace2 1", (b"aXYd",)),
        ((b"abcd",), 'pushint 2\npushbytes "XY"\nreplace3', (b"abXY",)),
        ((b"\x80\x01",), "pushint 0\ngetbit", (1,)),
        ((b"\x80\x01",), "pushint 15\ngetbit", (1,)),
        ((b"\x80\x01",), "pushint 8\ngetbit", (0,)),
        ((b"\0\0",), "pushints 0 1\nsetbit", (b"\x80\0",)),
        ((b"\xff\xff",), "pushints 15 0\nsetbit", (b"\xff\xfe",)),
        ((b"abc",), "pushint 2\ngetbyte", (ord("c"),)),
        ((b"abc",), "pushints 1 255\nsetbyte", (b"a\xffc",)),
        ((b"\0\1\0",), "bitlen", (9,)),
        ((b"aGk=",), "base64_decode 1", (b"hi",)),
        ((b"aGk",), "base64_decode 1", (b"hi",)),
        ((b"-_8",), "base64_decode 0", (b"\xfb\xff",)),
        ((b"\xff", b"\1"), "b+", (b"\1\0",)),
        ((b"\xff" * 64, b"\1"), "b+", (b"\1" + bytes(64),)),
        ((b"", b""), "b+", (b"",)),
        ((b"\0\0\5", b"\3"), "b-", (b"\2",)),
        ((b"\5", b"\5"), "b-", (b"",)),
        ((b"\1\0", b"\3"), "b/", (b"\x55",)),
        ((b"\xff" * 64, b"\xff" * 64), "b*", ((((1 << 512) - 1) ** 2).to_bytes(128, "big"),)),
        ((b"\1\0", b"\3"), "b%", (b"\1",)),
        ((b"\0\0\1", b"\2"), "b<", (1,)),
        ((b"\2", b"\2"), "b<", (0,)),
        ((b"\3", b"\0\2"), "b>", (1,)),
        ((b"\2", b"\2"), "b>", (0,)),
        ((b"\0\2", b"\2"), "b<=", (1,)),
        ((b"\3", b"\2"), "b<=", (0,)),
        ((b"\2", b"\0\2"), "b>=", (1,)),
        ((b"\1", b"\2"), "b>=", (0,)),
        ((b"\0\0", b""), "b==", (1,)),
        ((b"\1\0", b"\1"), "b==", (0,)),
        ((b"\0\1", b"\1"), "b!=", (0,)),
        ((b"\x11\x20",), "bsqrt", (b"\x42",)),
        ((b"\x0f\0", b"\1"), "b|", (b"\x0f\1",)),
        ((b"\x0f\x0f", b"\xff"), "b&", (b"\0\x0f",)),
        ((b"\xff", b"\x0f\x0f"), "b^", (b"\x0f\xf0",)),
        ((b"\xf0\0",), "b~", (b"\x0f\xff",)),
    ],
)
def test_bytes(laboratory, taken, name, left):
    laboratory.leaves(f"{strings(*taken)}\n{name}", *left)


@pytest.mark.parametrize(
    ("taken", "name", "why"),
    [
        ((b"123456789",), "btoi", "btoi arg too long, got 9 bytes"),
        ((b"abcd",), "substring 3 2", "substring end before start"),
        ((b"abcd",), "substring 3 5", "substring range beyond length of string"),
        ((b"abcd",), "extract 5 0", "extraction start 5 is beyond length: 4"),
        ((b"abcd",), "extract 3 2", "extraction end 5 is beyond length: 4"),
        ((b"abcd",), "pushints 3 2\nextract3", "extraction end 5 is beyond length: 4"),
        ((b"abcd",), f"pushints 1 {MOST}\nextract3", "extraction end exceeds uint64"),
        ((b"abcd",), "pushint 3\nextract_uint16", "extraction end 5 is beyond length: 4"),
        ((b"abcd", b"XY"), "replace2 3", "replacement end 5 beyond original length: 4"),
        ((b"abcd", b""), "replace2 5", "replacement start 5 beyond length: 4"),
        ((b"a",), "pushint 8\ngetbit", "getbit index 8 is beyond length"),
        ((b"a",), "pushints 8 1\nsetbit", "setbit index 8 is beyond length"),
        ((b"a",), "pushint 1\ngetbyte", "getbyte index beyond array length"),
        ((b"a",), "pushints 0 256\nsetbyte", "setbyte value > 255"),
        ((b"a!",), "base64_decode 1", "illegal base64 data"),
        ((b"-_8",), "base64_decode 1", "illegal base64 data"),
        ((b"aGl=",), "base64_decode 1", "illegal base64 data"),
        ((b"\1", b"\2"), "b-", "byte math would have negative result"),
        ((b"\1", b"\0\0"), "b/", "division by zero"),
        ((b"\1", b""), "b%", "modulo by zero"),
        ((bytes(65), b"\1"), "b+", "math attempted on large byte-array"),
        ((b"\1", bytes(65)), "b<", "math attempted on large byte-array"),
        ((bytes(65),), "bsqrt", "math attempted on large byte-array"),
        ((b"\1",), "pushint 1\n+", r"\+ arg 0 wanted uint64 but got \[\]byte"),
        ((b"\1",), "pushint 1\nconcat", r"concat arg 1 wanted \[\]byte but got uint64"),
        ((b"\1",), "pushint 1\n==", r"cannot compare \(\[\]byte to uint64\)"),
        ((b"\1",), "pushint 1\n!=", r"cannot compare \(\[\]byte to uint64\)"),
    ],
)
def test_what_bytes_refuse(laboratory, taken, name, why):
    laboratory.refuses(why, f"{strings(*taken)}\n{name}")


@pytest.mark.parametrize("size", [65, 200])
def test_rows_of_bits_have_any_length(laboratory, size):
    laboratory.leaves(f"{strings(bytes(size), b'*')}\nb|", bytes(size - 1) + b"*")


@pytest.mark.parametrize(
    ("name", "message", "hash"),
    [
        ("sha256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        # FIPS 180-4, and the digest of nothing that Keccak's authors published.
        ("sha512_256", b"abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        ("keccak256", b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        ("keccak256", b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        ("sha3_256", b"abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ],
)  # fmt: skip
def test_hashes(laboratory, name, message, hash):
    laboratory.leaves(f"pushbytes {hex_of(message)}\n{name}", bytes.fromhex(hash))


@pytest.mark.parametrize("size", [1, 71, 135, 136, 137, 271, 272, 273, 500])
def test_keccak_is_what_another_library_computes(laboratory, size):
    from Crypto.Hash import keccak

    message = hashlib.shake_128(b"%d" % size).digest(size)
    expected = keccak.new(digest_bits=256, data=message).digest()
    laboratory.leaves(f"pushbytes {hex_of(message)}\nkeccak256", expected)


@pytest.mark.parametrize("is_good", [True, False])
def test_a_bare_signature_is_of_the_bytes(laboratory, is_good):
    key = SigningKey(bytes(range(32)))
    signature = key.sign(b"message" if is_good else b"other").signature
    laboratory.leaves(
        f"{strings(b'message', signature, bytes(key.verify_key))}\ned25519verify_bare",
        int(is_good),
        simulated={"extra_opcode_budget": 1400},
    )


def test_a_signature_may_be_for_one_program_only(laboratory):
    """Over ProgData, the program's hash and the data; the program hashes behind `Program`."""
    key = SigningKey(bytes(range(32)))
    lines = (
        "txna ApplicationArgs 0",
        "txna ApplicationArgs 1",
        f"pushbytes {hex_of(bytes(key.verify_key))}",
        "ed25519verify",
    )
    code = program(*lines)
    hash = hashlib.new("sha512_256", b"Program" + code).digest()
    signature = key.sign(b"ProgData" + hash + b"message").signature
    options = {"simulated": {"extra_opcode_budget": 1400}}
    asked = laboratory.ask(*lines, app_args=[b"message", signature], **options)
    assert "failure-message" not in asked
    asked = laboratory.ask(
        *lines, app_args=[b"message", key.sign(b"message").signature], **options
    )
    assert asked["failure-message"].endswith("transaction rejected by ApprovalProgram")


@pytest.mark.parametrize("value", [0, 127, 128, 16_383, 16_384, 2**32, MOST])
def test_numbers_in_programs_have_any_length(laboratory, value):
    laboratory.leaves(f"pushint {value}\nitob", value.to_bytes(8, "big"))
    assert len(varuint(value)) == max(1, -(-value.bit_length() // 7))
