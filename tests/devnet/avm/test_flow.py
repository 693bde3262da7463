"""The stack, branches, subroutines and the machine's limits, from the specification of TEAL."""

import pytest

from tests.devnet.avm.assembly import APPROVE, program
from tests.devnet.avm.contracts import creation
from tests.devnet.people import grouped, refused


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("pushints 1 2\npop", (1,)),
        ("pushints 1 2\ndup", (1, 2, 2)),
        ("pushints 1 2\ndup2", (1, 2, 1, 2)),
        ("pushints 1 2\nswap", (2, 1)),
        ("pushints 7 8 0\nselect", (7,)),
        ("pushints 7 8 5\nselect", (8,)),
        ("pushints 1 2 3\ndig 0", (1, 2, 3, 3)),
        ("pushints 1 2 3\ndig 2", (1, 2, 3, 1)),
        ("pushints 1 2 3\nbury 1", (1, 3)),
        ("pushints 1 2 3\nbury 2", (3, 2)),
        ("pushints 1 2 3\npopn 2", (1,)),
        ("pushints 1 2\ndupn 2", (1, 2, 2, 2)),
        ("pushints 1 2\ndupn 0", (1, 2)),
        ("pushints 1 2 3\ncover 2", (3, 1, 2)),
        ("pushints 1 2 3\ncover 0", (1, 2, 3)),
        ("pushints 1 2 3\nuncover 2", (2, 3, 1)),
        ("pushint 9\nstore 255\nload 255\nload 0", (9, 0)),
        ('pushint 3\npushbytes "x"\nstores\npushint 3\nloads', (b"x",)),
        ("intcblock 5 6 7 8 9\nintc_0\nintc_1\nintc_2\nintc_3\nintc 4", (5, 6, 7, 8, 9)),
        (
            'bytecblock "a" "b" "c" "d" "e"\nbytec_0\nbytec_1\nbytec_2\nbytec_3\nbytec 4',
            (b"a", b"b", b"c", b"d", b"e"),
        ),
        ('pushbytess "a" ""', (b"a", b"")),
        ("pushint 1\nbnz on\npushint 5\non:\npushint 6", (6,)),
        ("pushint 0\nbnz on\npushint 5\non:\npushint 6", (5, 6)),
        ("pushint 1\nbz on\npushint 5\non:\npushint 6", (5, 6)),
        ("pushint 0\nbz on\npushint 5\non:\npushint 6", (6,)),
        ("b on\nerr\non:\npushint 6", (6,)),
        ("pushint 0\nswitch a c\nb end\na:\npushint 7\nb end\nc:\npushint 8\nend:", (7,)),
        ("pushint 1\nswitch a c\nb end\na:\npushint 7\nb end\nc:\npushint 8\nend:", (8,)),
        ("pushint 2\nswitch a c\nb end\na:\npushint 7\nb end\nc:\npushint 8\nend:", ()),
        ("pushints 4 5 5\nmatch a c\nb end\na:\npushint 7\nb end\nc:\npushint 8\nend:", (8,)),
        ("pushints 5 5 5\nmatch a c\nb end\na:\npushint 7\nb end\nc:\npushint 8\nend:", (7,)),
        ("pushints 4 5 6\nmatch a c\nb end\na:\npushint 7\nb end\nc:\npushint 8\nend:", ()),
        # What is of another type is another value, and no mistake.
        ('pushint 5\npushbytes "5"\npushint 5\nmatch a c\nb c\na:\npushint 7\nc:', (7,)),
    ],
)
def test_what_is_left(laboratory, lines, left):
    laboratory.leaves(lines, *left)


#: The stack before, the subroutine, and the stack after.
SUBROUTINES = {
    "without proto it shares the stack": ("pushints 1 2", "+\nretsub", (3,)),
    "what it takes is gone": ("pushints 9 1 2", "proto 2 0\nretsub", (9,)),
    "it gives back what lies at the frame's base": (
        "pushints 9 1 2", "proto 2 1\npushints 5 6 7\nretsub", (9, 5),
    ),
    "it gives back several": ("pushints 9 1", "proto 1 2\npushints 5 6 7\nretsub", (9, 5, 6)),
    "it reads what it takes": (
        "pushints 9 1 2", "proto 2 1\nframe_dig -2\nframe_dig -1\n-\npop\nframe_dig -1\nretsub",
        None,
    ),
    "it reads its own": (
        "pushints 9 1", "proto 1 1\npushints 4 5\nframe_dig 1\nbury 2\nretsub", (9, 5),
    ),
    "it changes its own": (
        "pushints 9 1", "proto 1 1\npushints 4 5\nframe_bury 0\nretsub", (9, 5),
    ),
    "it changes what it takes": (
        "pushints 9 3", "proto 1 1\npushint 6\nframe_bury -1\nframe_dig -1\nretsub", (9, 6),
    ),
    "without proto a frame reaches below": ("pushints 9 1", "frame_dig -2\nretsub", (9, 1, 9)),
}  # fmt: skip


@pytest.mark.parametrize("what", [name for name, case in SUBROUTINES.items() if case[2]])
def test_a_subroutine(laboratory, what):
    before, body, after = SUBROUTINES[what]
    laboratory.leaves(f"{before}\ncallsub sub\nb end\nsub:\n{body}\nend:", *after)


def test_a_subroutine_calls_itself(laboratory):
    factorial = """
        pushint 5
        callsub factorial
        b end
        factorial:
        proto 1 1
        frame_dig -1
        bnz more
        pushint 1
        retsub
        more:
        frame_dig -1
        frame_dig -1
        pushint 1
        -
        callsub factorial
        *
        retsub
        end:
    """
    laboratory.leaves(factorial, 120)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("err", "err opcode executed"),
        ("pushint 0\nassert", r"assert failed pc=3\. Details: app=\d+, pc=3, opcodes="),
        ("pop", "stack underflow in pop"),
        ("pushint 1\n+", r"stack underflow in \+"),
        ("pushint 1\ndig 1", "dig beyond stack"),
        ("pushint 1\nbury 0", "bury 0 always fails"),
        ("pushints 1 2\nbury 2", "bury outside stack"),
        ("pushint 1\npopn 2", "popn 2 beyond stack"),
        ("pushint 1\ncover 1", "cover outside stack"),
        ("pushint 1\nuncover 1", "uncover outside stack"),
        ("intcblock 1\nintc 1", "intc 1 beyond 1 constants"),
        ("bytec_0", "bytec 0 beyond 0 constants"),
        ("pushint 256\nloads", "invalid loads index 256"),
        ("pushints 256 1\nstores", "invalid stores index 256"),
        ("pushint 1\nmatch a c\na:\nc:", "match expects 3 stack args"),
        ("retsub", "retsub with empty callstack"),
        ("frame_dig 0", "frame_dig with empty callstack"),
        ("proto 0 0", "proto was executed without a callsub"),
        ("callsub s\ns:\npushint 1\nproto 0 0", "proto was executed without a callsub"),
        ("callsub s\ns:\nproto 1 0", "callsub to proto that requires 1 args with stack height 0"),
        ("callsub s\ns:\nproto 0 2\npushint 1\nretsub", "executed with 1 return values"),
        ("callsub s\ns:\nproto 0 1\nretsub", "executed with no return values"),
        ("pushint 1\ncallsub s\ns:\nproto 1 1\npop\nretsub", "stack below frame"),
        ("pushint 1\ncallsub s\ns:\nproto 0 0\nframe_dig -1", "frame_dig -1 in sub with 0 args"),
        ("callsub s\ns:\nproto 0 0\nframe_dig 0", "frame_dig above stack"),
        ("callsub s\ns:\nproto 0 0\npushint 1\nframe_bury 0", "frame_bury above stack"),
        ("callsub s\ns:\nframe_dig -1", "frame_dig below stack"),
        ("pushint 1\npop", "stack len is 0 instead of 1"),
        ("pushints 1 1", "stack len is 2 instead of 1"),
        ('pushbytes "1"', "stack finished with bytes not int"),
        ("pushint 0", "transaction rejected by ApprovalProgram"),
        ("pushbytes 0x11\npushint 0\nreturn", "transaction rejected by ApprovalProgram"),
        ("arg_0", "arg_0 not allowed in current mode"),
        ("gload 0 0", "can't use gload on self, use load instead"),
        ("gload 1 0", r"gload lookup TxnGroup\[1\] but it only has 1"),
        ("gaid 0", "gaid is only for accessing creatable IDs of previous txns"),
    ],
)
def test_what_fails(laboratory, lines, why):
    told = laboratory.ask(lines)
    assert told["failed-at"] == [0]
    laboratory.refuses(why, lines)


@pytest.mark.parametrize(
    "lines",
    [
        "pushbytess 0x00 0x00 0x00 0x00 0x00\necdsa_verify 0",
        'pushbytess "{}" "k"\njson_ref 0',
        "pushint 1\nblock 1",
        "pushbytess 0x00 0x00 0x00\nvrf_verify 0",
        "pushbytess 0x00 0x00\nec_add 0",
        "global PayoutsEnabled",
        "txn VotePK",
        'itxn_begin\npushbytes "keyreg"\nitxn_field Type',
    ],
)
def test_what_is_not_simulated_is_refused_by_name(laboratory, lines):
    laboratory.refuses("is not supported by this simulator", lines)


def test_return_ends_with_what_is_on_top(laboratory):
    laboratory.leaves("pushint 7\ncallsub s\nb end\ns:\nretsub\nend:", 7)
    told = laboratory.ask('pushbytes "rest"\npushint 1\nreturn\nerr')
    assert "failure-message" not in told


@pytest.mark.parametrize(
    ("count", "why"), [(999, "stack len is 1000 instead of 1"), (1000, "stack overflow")]
)
def test_a_thousand_values_fit(laboratory, count, why):
    fill = ["pushint 1", "dupn 255", "dupn 255", "dupn 255", f"dupn {count - 3 * 255}"]
    laboratory.refuses(why, *fill)


@pytest.mark.parametrize("size", [4096, 4097])
def test_a_value_has_4096_bytes_at_most(laboratory, size):
    joined = f"pushint {size - 4000}\nbzero\npushint 4000\nbzero\nconcat\nlen"
    if size > 4096:
        laboratory.refuses(r"concat produced a too big \(4097\) byte-array", joined)
    else:
        laboratory.leaves(joined, 4096)


class TestBudget:
    """Of 700 steps for each call, for the whole group."""

    def test_of_one_call_is_700(self, laboratory):
        # A push, five hashes of 130 each, a length and a drop: 653.
        head = "pushbytes 0x00\n" + "keccak256\n" * 5 + "len\npop\n"
        exact = head + "pushint 1\npop\n" * 23 + "pushint 1"
        told = laboratory.ask(exact)
        assert "failure-message" not in told
        assert told["app-budget-added"] == 700
        assert told["app-budget-consumed"] == told["txn-results"][0]["app-budget-consumed"] == 700
        laboratory.refuses(
            "dynamic cost budget exceeded, executing pop: local program cost was 700",
            exact + "\npop\npushint 1",
        )

    def test_is_shared_by_a_group(self, laboratory):
        cheap = creation(laboratory.person, program("pushint 1"))
        dear = "pushbytes 0x00\n" + "keccak256\n" * 10 + "len"
        # 1 for the cheap one, 1302 for the other.
        told = laboratory.simulate(*grouped(cheap, creation(laboratory.person, program(dear))))
        assert "failure-message" not in told
        assert told["app-budget-added"] == 1400
        assert told["app-budget-consumed"] == 1303

    def test_may_be_raised_for_a_simulation(self, laboratory):
        dear = "pushbytes 0x00\n" + "keccak256\n" * 10 + "len"
        laboratory.refuses("dynamic cost budget exceeded", dear)
        told = laboratory.ask(dear, simulated={"extra_opcode_budget": 602})
        assert "failure-message" not in told
        assert (told["app-budget-added"], told["app-budget-consumed"]) == (1302, 1302)
        told = laboratory.ask(dear, simulated={"extra_opcode_budget": 601})
        assert "dynamic cost budget exceeded" in told["failure-message"]

    @pytest.mark.parametrize(
        ("lines", "cost"),
        [
            ("pushbytes 0x00\nsha256\nlen", 37),
            ("pushbytes 0x00\nsha512_256\nlen", 47),
            ("pushbytes 0x00\nkeccak256\nlen", 132),
            ("pushbytes 0x00\nsha3_256\nlen", 132),
            ("pushbytess 0x01 0x01\nb+\nlen", 12),
            ("pushbytess 0x02 0x01\nb-\nlen", 12),
            ("pushbytess 0x02 0x01\nb/\nlen", 22),
            ("pushbytess 0x02 0x01\nb*\nlen", 22),
            ("pushbytess 0x02 0x03\nb%\nlen", 22),
            ("pushbytess 0x02 0x03\nb|\nlen", 8),
            ("pushbytess 0x02 0x03\nb&\nlen", 8),
            ("pushbytess 0x02 0x03\nb^\nlen", 8),
            ("pushbytess 0x02 0x03\nb<", 2),
            ("pushbytes 0x02\nb~\nlen", 6),
            ("pushbytes 0x04\nbsqrt\nlen", 42),
            ("pushint 4\nsqrt", 5),
            ("pushints 2 3\nexpw\npop\npushint 1\n+", 14),
            ("pushints 0 9 0 9\ndivmodw\npopn 3\npushint 1\n+", 24),
            ('pushbytes "aGVsbG8gd29ybGQgaGVsbG8="\nbase64_decode 1\nlen', 5),
        ],
    )
    def test_is_spent_by_the_table(self, laboratory, lines, cost):
        told = laboratory.ask(lines)
        assert told.get("failure-message", "").endswith(("", "ApprovalProgram"))
        assert told["app-budget-consumed"] == cost


class TestPrograms:
    """What is judged when an application is made, before anything runs."""

    @pytest.mark.parametrize(
        ("code", "why"),
        [
            (b"\x80", "bad ApprovalProgram: invalid version"),
            (b"\x0c\x81\x01", "program version 12 greater than protocol supported version 11"),
            (b"\x0b\xff", r"check failed on ApprovalProgram: pc=  1 illegal opcode 0xff"),
            (b"\x0b\x81", "pushint program ends short of immediate"),
            (b"\x0b\x80\x05ab", "pushbytes program ends short of immediate"),
            (b"\x0b\x81" + b"\xff" * 10, "pushint program ends short of immediate"),
            (b"\x0b\x42\x00\x01\x81\x01", "branch target 5 is not an aligned instruction"),
            (b"\x0b\x42\xff\xf0\x81\x01", "branch target -12 is not an aligned instruction"),
        ],
    )
    def test_of_another_form_are_refused(self, laboratory, code, why):
        clear = bytes([code[0] if code and code[0] < 0x80 else 11, 0x81, 1])
        alice = laboratory.person
        with refused(why):
            alice.send(creation(alice, code, clear=clear))

    def test_must_be_there(self, laboratory):
        made = creation(laboratory.person, APPROVE)
        made.approval_program = None
        with refused(r"bad ApprovalProgram: invalid program \(empty\)"):
            laboratory.person.send(made)

    def test_of_an_older_version_lack_what_came_later(self, laboratory):
        laboratory.leaves("pushint 9\nsqrt", 3, version=4)
        told = laboratory.ask("pushint 9\nbsqrt", version=5)
        assert "illegal opcode 0x96" in told["failure-message"]
        told = laboratory.ask("txn LastLog", version=5)
        assert "invalid txn field 62" in told["failure-message"]

    def test_of_an_older_version_branch_forward_only(self, laboratory):
        told = laboratory.ask("again:\npushint 0\nbnz again\npushint 1", version=3)
        assert "negative branch offset" in told["failure-message"]
        laboratory.leaves("again:\npushint 0\nbnz again", version=4)

    def test_have_one_version_from_6_on(self, laboratory):
        alice = laboratory.person
        with refused("program version mismatch: 11 != 10"):
            alice.send(creation(alice, APPROVE, clear=b"\x0a\x81\x01"))
        with refused("program version mismatch: 5 != 6"):
            alice.send(creation(alice, b"\x05\x81\x01", clear=b"\x06\x81\x01"))
        old, older = b"\x05\x81\x01", b"\x04\x81\x01"
        assert alice.confirm(creation(alice, old, clear=older))["application-index"]

    @pytest.mark.parametrize(("pages", "size"), [(0, 2048), (1, 4096), (3, 8192)])
    def test_fit_into_their_pages(self, laboratory, pages, size):
        """Both together: the clearing one has three bytes."""
        alice = laboratory.person
        filling = b"\x81\x01\x48" * 4000
        code = b"\x0b\x81\x01\x43" + filling[: (size - 7) // 3 * 3]
        code += b"\x49" * (size - 3 - len(code))
        assert len(code) + len(APPROVE) == size
        made = creation(alice, code, clear=APPROVE, extra_pages=pages)
        assert alice.confirm(made)["application-index"]
        with refused(f"app programs too long. max total len {size} bytes"):
            alice.send(creation(alice, code + b"\x49", clear=APPROVE, extra_pages=pages))
        with refused(f"approval program too long. max len {size} bytes"):
            alice.send(creation(alice, code + b"\x49" * 4, clear=APPROVE, extra_pages=pages))

    def test_have_three_extra_pages_at_most(self, laboratory):
        with refused("tx.ExtraProgramPages exceeds MaxExtraAppProgramPages = 3"):
            laboratory.person.send(creation(laboratory.person, APPROVE, extra_pages=4))
