"""Boxes: their opcodes, their names and sizes, who may reach them, and what they cost."""

import base64

import pytest
from algosdk import logic, transaction

from entrypoints.devnet.algod import devnet
from tests.devnet.avm.assembly import APPROVE, program
from tests.devnet.avm.contracts import call, confirmed, create, creation, logs
from tests.devnet.conftest import funded
from tests.devnet.people import Person, refused

#: Does what its first argument says with the box that the second one names.
KEEPER = program(
    """
    txn ApplicationID
    bz done
    pushbytess "put" "get" "len" "create" "del" "extract" "replace" "resize" "splice"
    txna ApplicationArgs 0
    match put get len create del extract replace resize splice
    err

    put:
    txna ApplicationArgs 1
    txna ApplicationArgs 2
    box_put
    b done

    get:
    txna ApplicationArgs 1
    box_get
    itob
    log
    log
    b done

    len:
    txna ApplicationArgs 1
    box_len
    itob
    log
    itob
    log
    b done

    create:
    txna ApplicationArgs 1
    txna ApplicationArgs 2
    btoi
    box_create
    itob
    log
    b done

    del:
    txna ApplicationArgs 1
    box_del
    itob
    log
    b done

    extract:
    txna ApplicationArgs 1
    txna ApplicationArgs 2
    btoi
    txna ApplicationArgs 3
    btoi
    box_extract
    log
    b done

    replace:
    txna ApplicationArgs 1
    txna ApplicationArgs 2
    btoi
    txna ApplicationArgs 3
    box_replace
    b done

    resize:
    txna ApplicationArgs 1
    txna ApplicationArgs 2
    btoi
    box_resize
    b done

    splice:
    txna ApplicationArgs 1
    txna ApplicationArgs 2
    btoi
    txna ApplicationArgs 3
    btoi
    txna ApplicationArgs 4
    box_splice

    done:
    pushint 1
    """
)
YES, NO = (1).to_bytes(8, "big"), bytes(8)


class Keeper:
    """An application with money, and somebody who calls it."""

    def __init__(self, person, funds=1_000_000_000):
        self.person = person
        self.id = create(person, KEEPER, funds=funds)
        self.calls = 0

    def call(self, what, name, *arguments, references=None):
        self.calls += 1
        return call(
            self.person, self.id, what.encode(), name, *map(_argument, arguments),
            boxes=[name] if references is None else references, note=b"%d" % self.calls,
        )  # fmt: skip

    def __call__(self, what, name, *arguments, **options):
        return logs(self.person.confirm(self.call(what, name, *arguments, **options)))

    def refuses(self, why, what, name, *arguments, **options):
        with refused(why):
            self.person.send(self.call(what, name, *arguments, **options))

    @property
    def boxes(self):
        return self.person.network.ledger.boxes(self.id)


def _argument(value):
    return value.to_bytes(8, "big") if isinstance(value, int) else value


@pytest.fixture
def keeper(network):
    person = Person(network)
    network.fund(person.address, 100_000_000)
    return Keeper(person)


def test_they_are_put_and_got(keeper):
    assert keeper("get", b"n") == [NO, b""]
    keeper("put", b"n", b"value")
    assert keeper("get", b"n") == [YES, b"value"]
    assert keeper("len", b"n") == [YES, (5).to_bytes(8, "big")]
    keeper("put", b"n", b"other")
    assert keeper.boxes == {b"n": b"other"}
    keeper.refuses("attempt to box_put wrong size 5 != 6", "put", b"n", b"longer")


def test_they_are_created_once(keeper):
    assert keeper("create", b"n", 3) == [YES]
    assert keeper("create", b"n", 3) == [NO]
    assert keeper.boxes == {b"n": bytes(3)}
    keeper.refuses("box size mismatch 3 4", "create", b"n", 4)


def test_they_are_deleted(keeper):
    assert keeper("del", b"n") == [NO]
    keeper("put", b"n", b"value")
    assert keeper("del", b"n") == [YES]
    assert keeper.boxes == {}
    assert keeper("len", b"n") == [NO, NO]


def test_parts_are_read_and_written(keeper):
    keeper("put", b"n", b"abcdef")
    assert keeper("extract", b"n", 2, 3) == [b"cde"]
    keeper("replace", b"n", 1, b"XY")
    assert keeper.boxes == {b"n": b"aXYdef"}
    keeper.refuses("extraction end 7 is beyond length: 6", "extract", b"n", 3, 4)
    keeper.refuses("replacement end 7 beyond original length: 6", "replace", b"n", 5, b"XY")
    for what, arguments in [("extract", (0, 1)), ("replace", (0, b"x")), ("resize", (1,))]:
        keeper.refuses("no such box 0x6f", what, b"o", *arguments)


@pytest.mark.parametrize(
    ("start", "size", "by", "after"),
    [
        (1, 2, b"XY", b"aXYdef"),
        # As much as comes in too much leaves at the end, and what is missing is zeros.
        (1, 0, b"XY", b"aXYbcd"),
        (1, 3, b"X", b"aXef\0\0"),
        (6, 0, b"", b"abcdef"),
        (6, 0, b"X", b"abcdef"),
    ],
)
def test_they_are_spliced(keeper, start, size, by, after):
    keeper("put", b"n", b"abcdef")
    keeper("splice", b"n", start, size, by)
    assert keeper.boxes == {b"n": after}


@pytest.mark.parametrize(("start", "size"), [(7, 0), (3, 4)])
def test_a_splice_stays_inside(keeper, start, size):
    keeper("put", b"n", b"abcdef")
    keeper.refuses("beyond", "splice", b"n", start, size, b"")


def test_they_grow_and_shrink(keeper):
    keeper("put", b"n", b"abc")
    address = logic.get_application_address(keeper.id)
    keeper("resize", b"n", 5)
    assert keeper.boxes == {b"n": b"abc\0\0"}
    assert keeper.person.algod.account_info(address)["total-box-bytes"] == 6
    keeper("resize", b"n", 2)
    assert keeper.boxes == {b"n": b"ab"}
    assert keeper.person.algod.account_info(address)["min-balance"] == 102_500 + 400 * 3


@pytest.mark.parametrize("size", [1, 64])
def test_a_name_of_that_length_works(keeper, size):
    name = bytes(size - 1) + b"n"
    keeper("put", name, b"v")
    assert keeper.boxes == {name: b"v"}
    told = keeper.person.algod.application_box_by_name(keeper.id, name)
    assert base64.b64decode(told["name"]) == name


def test_a_name_is_64_bytes_at_most(keeper):
    long = b"n" * 65
    keeper.refuses("name too long: length was 65, maximum is 64", "put", long, b"", references=[])
    keeper.refuses(r"tx.Boxes\[0\].Name too long, max len 64 bytes", "put", long, b"")
    keeper.refuses("box names may not be zero length", "put", b"", b"")


def test_a_name_of_zeros_is_a_name(keeper):
    """All zeros are something: only an empty name is left out of a transaction."""
    keeper("put", b"\0\0", b"v")
    assert keeper.boxes == {b"\0\0": b"v"}


class TestReferences:
    def test_name_what_may_be_reached(self, keeper):
        keeper.refuses("invalid Box reference 0x6e", "put", b"n", b"v", references=[])
        keeper.refuses("invalid Box reference 0x6e", "get", b"n", references=[b"N"])

    def test_are_shared_by_a_group(self, keeper):
        first = keeper.call("put", b"n", b"v", references=[])
        second = keeper.call("get", b"n", references=[b"n"])
        assert logs(confirmed(keeper.person, first, second)[1]) == [YES, b"v"]

    def test_of_another_application_do_not_help(self, keeper):
        other = create(keeper.person, APPROVE)
        made = transaction.ApplicationCallTxn(
            keeper.person.address, keeper.person.parameters(), keeper.id, 0,
            app_args=[b"get", b"n"], foreign_apps=[other], boxes=[(other, b"n")],
        )  # fmt: skip
        with refused("invalid Box reference 0x6e"):
            keeper.person.send(made)

    def test_point_into_the_foreign_applications(self, keeper):
        made = keeper.call("get", b"n")
        made.boxes[0].app_index = 1
        with refused(r"tx.Boxes\[0\].Index is 1. Exceeds len\(tx.ForeignApps\)"):
            keeper.person.send(made)

    def test_of_a_creation_are_for_the_new_application(self, network, alice):
        code = program('pushbytes "n"\npushint 5\nbox_create')
        address = logic.get_application_address(
            alice.algod.block_info(network.round)["block"]["tc"] + 2
        )
        fund = alice.pay(address, 1_000_000)
        _, told = confirmed(alice, fund, creation(alice, code, boxes=[(0, b"n")]))
        assert network.ledger.boxes(told["application-index"]) == {b"n": bytes(5)}
        with refused("invalid Box reference 0x6e"):
            alice.send(creation(alice, code))

    def test_may_be_left_out_in_a_simulation(self, laboratory):
        lines = 'pushbytes "n"\nbox_len\n!\nassert\n!'
        laboratory.refuses("invalid Box reference 0x6e", lines)
        told = laboratory.ask(lines, simulated={"allow_unnamed_resources": True})
        assert "failure-message" not in told
        (box,) = told["unnamed-resources-accessed"]["boxes"]
        assert box["name"] == "bg=="


class TestInputAndOutput:
    """1,024 bytes for each reference, read and written, of the whole group."""

    def test_of_one_reference_is_1024_bytes(self, keeper):
        assert keeper("create", b"n", 1024) == [YES]
        keeper.refuses(r"write budget \(1024\) exceeded 1025", "create", b"m", 1025)

    def test_grows_with_references(self, keeper):
        """Also with those that name nothing."""
        assert keeper("create", b"n", 2048, references=[b"n", b""]) == [YES]
        keeper.refuses(r"box read budget \(1024\) exceeded", "len", b"n")
        assert keeper("len", b"n", references=[b"n", b""]) == [YES, (2048).to_bytes(8, "big")]

    def test_counts_what_is_named_though_it_is_not_read(self, keeper):
        keeper("create", b"big", 1025, references=[b"big", b""])
        keeper.refuses(r"box read budget \(1024\) exceeded", "len", b"no", references=[b"big"])

    def test_counts_each_changed_box_once(self, keeper):
        assert keeper("create", b"n", 1000) == [YES]
        first = keeper.call("replace", b"n", 0, b"x" * 600, references=[])
        second = keeper.call("replace", b"n", 0, b"y" * 600)
        confirmed(keeper.person, first, second)
        assert keeper.boxes[b"n"][:601] == b"y" * 600 + b"\0"

    def test_counts_what_is_deleted_no_more(self, keeper):
        group = [
            keeper.call("create", b"n", 1024),
            keeper.call("del", b"n", references=[]),
            keeper.call("create", b"n", 1024, references=[]),
        ]
        confirmed(keeper.person, *group)
        assert len(keeper.boxes[b"n"]) == 1024

    def test_counts_the_size_after_resizing(self, keeper):
        keeper("create", b"n", 10)
        assert keeper("resize", b"n", 1024) == []
        keeper.refuses(r"write budget \(1024\) exceeded 1025", "resize", b"n", 1025)

    def test_counts_what_was_created_and_resized_as_it_is_then(self, keeper):
        group = [
            keeper.call("create", b"n", 600),
            keeper.call("resize", b"n", 1025, references=[]),
        ]
        with refused(r"write budget \(1024\) exceeded 1025"):
            confirmed(keeper.person, *group)

    def test_of_eight_references_is_8192_bytes(self, keeper):
        names = [b"n", *[b""] * 7]
        assert keeper("create", b"n", 8192, references=names) == [YES]
        keeper.refuses(r"write budget \(8192\) exceeded 8193", "create", b"m", 8193,
                       references=[b"m", *[b""] * 7])  # fmt: skip

    def test_ends_with_the_largest_box(self, keeper):
        keeper.refuses("box size too large: 32769, maximum is 32768", "create", b"n", 32_769)


class TestReading:
    def test_is_of_the_nodes_round(self, network, keeper):
        keeper("put", b"n", b"old")
        keeper("put", b"n", b"new")
        algod = keeper.person.algod
        network.nodes[0].fault("lag", rounds=1)
        assert algod.application_box_by_name(keeper.id, b"n")["value"] == "b2xk"
        network.nodes[0].fault("lag", rounds=2)
        assert algod.application_boxes(keeper.id) == {"boxes": []}

    def test_lists_names_in_order(self, keeper):
        for name in (b"c", b"a", b"b"):
            keeper("put", name, b"")
        told = keeper.person.algod.application_boxes(keeper.id)
        assert [box["name"] for box in told["boxes"]] == ["YQ==", "Yg==", "Yw=="]
        with refused("Result limit exceeded"):
            keeper.person.algod.application_boxes(keeper.id, limit=2)
        assert keeper.person.algod.application_boxes(keeper.id, limit=3) == told

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("str:box", b"box"),
            ("b64:Ym94", b"box"),
            ("b32:MJXXQ===", b"box"),
            ("int:7", b"\0\0\0\0\0\0\0\7"),
        ],
    )
    def test_takes_names_as_algod_does(self, keeper, text, name):
        keeper("put", name, b"v")
        told = keeper.person.algod.algod_request(
            "GET", f"/applications/{keeper.id}/box", params={"name": text}
        )
        assert told["value"] == "dg=="

    @pytest.mark.parametrize("text", ["", "box", "b64:%", "hex:00", "int:-1"])
    def test_refuses_other_names(self, keeper, text):
        with refused("."):
            keeper.person.algod.algod_request(
                "GET", f"/applications/{keeper.id}/box", params={"name": text}
            )


def test_applications_come_back_with_the_journal(tmp_path):
    state = tmp_path / "chain"
    with devnet(mode="manual", state=state) as network:
        keeper = Keeper(funded(Person(network)))
        keeper("put", b"n", b"value")
        time = program("global LatestTimestamp\nitob\nlog\npushint 1")
        told = keeper.person.confirm(creation(keeper.person, time))
        hash = keeper.person.algod.get_block_hash(network.round)
        information = keeper.person.algod.application_info(keeper.id)
    with devnet(mode="manual", state=state) as network:
        algod = Person(network).algod
        assert algod.get_block_hash(network.round) == hash
        assert algod.application_info(keeper.id) == information
        assert network.ledger.boxes(keeper.id) == {b"n": b"value"}
        again = algod.application_info(told["application-index"])
        assert again["params"]["creator"] == keeper.person.address
