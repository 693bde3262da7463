"""Global and local state, logs, and the life of an application."""

import base64

import pytest
from algosdk import transaction

from tests.devnet.avm.assembly import APPROVE, REJECT, program
from tests.devnet.avm.contracts import NO_OP, call, confirmed, create, creation, global_state, logs
from tests.devnet.people import refused

ON = transaction.OnComplete

#: Puts its arguments, a key and a value; a number where there is a third.
WRITER = program(
    """
    txn ApplicationID
    bz done
    txna ApplicationArgs 0
    txna ApplicationArgs 1
    txn NumAppArgs
    pushint 3
    ==
    bz write
    btoi
    write:
    app_global_put
    done:
    pushint 1
    """
)


class TestGlobalState:
    def test_tells_only_what_it_changed(self, alice):
        id = create(alice, WRITER, byte_slices=1)
        assert "global-state-delta" in alice.confirm(call(alice, id, b"k", b"v", note=b"1"))
        assert "global-state-delta" not in alice.confirm(call(alice, id, b"k", b"v", note=b"2"))

    @pytest.mark.parametrize(
        ("key", "value", "why"),
        [
            (b"k" * 64, b"v" * 64, None),
            (b"k" * 64, b"v" * 65, "key/value total too long for key 0x(6b)+: sum was 129"),
            (b"k" * 65, b"", "key too long: length was 65, maximum is 64"),
            (b"", b"v" * 128, None),
            (b"", b"v" * 129, "value too long for key 0x: length was 129"),
        ],
    )
    def test_has_limits_for_each_entry(self, alice, key, value, why):
        id = create(alice, WRITER, byte_slices=1)
        if why is None:
            alice.confirm(call(alice, id, key, value))
            assert global_state(alice, id) == {key: value}
            return
        with refused(why):
            alice.send(call(alice, id, key, value))

    def test_keeps_to_its_schema(self, alice):
        id = create(alice, WRITER, uints=1, byte_slices=2)
        for key, value in [(b"a", b"1"), (b"b", b"2"), (b"a", b"changed")]:
            alice.confirm(call(alice, id, key, value))
        alice.confirm(call(alice, id, b"n", b"\5", b""))
        with refused("store bytes count 3 exceeds schema bytes count 2"):
            alice.send(call(alice, id, b"c", b"3"))
        with refused("store integer count 2 exceeds schema integer count 1"):
            alice.send(call(alice, id, b"m", b"\5", b""))
        with refused("store bytes count 3 exceeds schema bytes count 2"):
            alice.send(call(alice, id, b"n", b"now bytes"))
        assert global_state(alice, id) == {b"a": b"changed", b"b": b"2", b"n": 5}

    @pytest.mark.parametrize(("values", "fits"), [(64, True), (65, False)])
    def test_has_64_values_at_most(self, alice, values, fits):
        made = creation(alice, APPROVE, uints=values - 1, byte_slices=1)
        if fits:
            alice.confirm(made)
            told = alice.algod.account_info(alice.address)
            assert told["min-balance"] == 200_000 + 63 * 28_500 + 50_000
        else:
            with refused("tx.GlobalStateSchema is too large. 65 > 64"):
                alice.send(made)

    def test_of_others_is_read_where_they_are_named(self, alice):
        id = create(alice, WRITER, byte_slices=1)
        alice.confirm(call(alice, id, b"k", b"theirs"))
        code = 'txna Applications 1\npushbytes "k"\napp_global_get_ex\nassert\nlog\npushint 1'
        assert logs(alice.confirm(creation(alice, program(code), foreign_apps=[id]))) == [
            b"theirs"
        ]
        direct = code.replace("txna Applications 1", f"pushint {id}")
        with refused(f"unavailable App {id}"):
            alice.send(creation(alice, program(direct)))

    @pytest.mark.parametrize(
        "lines",
        [
            'pushbytes "none"\napp_global_get\n!',
            'pushint 0\npushbytes "none"\napp_global_get_ex\n!\nassert\n!',
            (
                'pushbytes "k"\npushint 7\napp_global_put\n'
                'pushbytes "k"\napp_global_get\npushint 7\n=='
            ),
            (
                'pushbytes "k"\npushint 7\napp_global_put\npushbytes "k"\napp_global_del\n'
                'pushint 0\npushbytes "k"\napp_global_get_ex\n!\nassert\n!'
            ),
        ],
    )
    def test_is_read_and_forgotten(self, laboratory, lines):
        assert "failure-message" not in laboratory.ask(lines)

    def test_of_the_past_is_what_it_was(self, network, alice):
        """A node that lags tells what it knows."""
        id = create(alice, WRITER, byte_slices=1)
        alice.confirm(call(alice, id, b"k", b"old"))
        alice.confirm(call(alice, id, b"k", b"new"))
        network.nodes[0].fault("lag", rounds=1)
        assert global_state(alice, id) == {b"k": b"old"}
        network.nodes[0].heal()
        assert global_state(alice, id) == {b"k": b"new"}

    def test_is_told_in_the_block(self, network, alice):
        import msgpack

        id = create(alice, WRITER, uints=1, byte_slices=1)
        alice.confirm(call(alice, id, b"\xff", b"\x01", b""))
        packed = alice.algod.block_info(network.round, response_format="msgpack")
        block = msgpack.unpackb(packed, raw=True, strict_map_key=False)[b"block"]
        (entry,) = block[b"txns"]
        assert entry[b"dt"] == {b"gd": {b"\xff": {b"at": 2, b"ui": 1}}}
        packed = alice.algod.block_info(network.round - 1, response_format="msgpack")
        block = msgpack.unpackb(packed, raw=True, strict_map_key=False)[b"block"]
        assert block[b"txns"][0][b"apid"] == id


#: Writes "k" for its sender with what its first argument says, and deletes it without one.
LOCAL = program(
    """
    txn ApplicationID
    bz done
    txn NumAppArgs
    bz forget
    txn Sender
    pushbytes "k"
    txna ApplicationArgs 0
    app_local_put
    txn Sender
    pushbytes "k"
    app_local_get
    log
    b done
    forget:
    txn Sender
    pushbytes "k"
    app_local_del
    done:
    pushint 1
    """
)


class TestLocalState:
    def test_is_kept_by_who_opted_in(self, network, alice, bob):
        id = create(alice, LOCAL, local_values=(1, 1))
        with refused(f"{bob.address} has not opted in to app {id}"):
            bob.send(call(bob, id, b"v"))
        told = bob.confirm(call(bob, id, b"v", on_complete=ON.OptInOC))
        assert logs(told) == [b"v"]
        assert told["local-state-delta"] == [
            {
                "address": bob.address,
                "delta": [{"key": "aw==", "value": {"action": 1, "bytes": "dg=="}}],
            }
        ]
        account = bob.algod.account_info(bob.address)
        assert account["apps-local-state"] == [
            {
                "id": id,
                "schema": {"num-byte-slice": 1, "num-uint": 1},
                "key-value": [{"key": "aw==", "value": {"bytes": "dg==", "type": 1, "uint": 0}}],
            }
        ]
        assert (account["total-apps-opted-in"], account["min-balance"]) == (1, 278_500)
        with refused(f"account {bob.address} has already opted in to app {id}"):
            bob.send(call(bob, id, on_complete=ON.OptInOC))
        bob.confirm(call(bob, id))
        assert "key-value" not in bob.algod.account_info(bob.address)["apps-local-state"][0]
        bob.confirm(call(bob, id, b"again"))
        bob.confirm(call(bob, id, b"last", on_complete=ON.CloseOutOC))
        account = bob.algod.account_info(bob.address)
        assert (account["apps-local-state"], account["min-balance"]) == ([], 100_000)
        other = create(alice, APPROVE)
        with refused(f"account {bob.address} is not opted in to app {other}"):
            bob.send(call(bob, other, on_complete=ON.CloseOutOC))

    def test_keeps_to_its_schema(self, alice, bob):
        id = create(alice, LOCAL, local_values=(1, 0))
        with refused("store bytes count 1 exceeds schema bytes count 0"):
            bob.send(call(bob, id, b"v", on_complete=ON.OptInOC))

    @pytest.mark.parametrize(("values", "fits"), [(16, True), (17, False)])
    def test_has_16_values_at_most(self, alice, values, fits):
        made = creation(alice, APPROVE, local_values=(values, 0))
        if fits:
            assert alice.confirm(made)["application-index"]
        else:
            with refused("tx.LocalStateSchema is too large. 17 > 16"):
                alice.send(made)

    @pytest.mark.parametrize("clear", [APPROVE, REJECT, program("err")])
    def test_is_always_given_up(self, alice, bob, clear):
        id = create(alice, APPROVE, clear=clear)
        with refused(f"cannot clear state: {bob.address} is not currently opted in to app {id}"):
            bob.send(call(bob, id, on_complete=ON.ClearStateOC))
        bob.confirm(call(bob, id, on_complete=ON.OptInOC))
        bob.confirm(call(bob, id, on_complete=ON.ClearStateOC))
        assert bob.algod.account_info(bob.address)["total-apps-opted-in"] == 0

    @pytest.mark.parametrize(("end", "kept"), [("pushint 1", 1), ("pushint 0", 0), ("err", 0)])
    def test_what_a_failing_clear_program_did_is_undone(self, alice, bob, end, kept):
        clear = program(f'pushbytes "n"\npushint 1\napp_global_put\n{end}')
        id = create(alice, APPROVE, clear=clear, uints=1)
        bob.confirm(call(bob, id, on_complete=ON.OptInOC))
        told = bob.confirm(call(bob, id, on_complete=ON.ClearStateOC))
        assert global_state(alice, id) == ({b"n": 1} if kept else {})
        assert ("global-state-delta" in told) is bool(kept)

    def test_outlives_its_application(self, alice, bob):
        id = create(alice, APPROVE, local_values=(1, 0))
        bob.confirm(call(bob, id, on_complete=ON.OptInOC))
        alice.confirm(call(alice, id, on_complete=ON.DeleteApplicationOC))
        assert bob.algod.account_info(bob.address)["min-balance"] == 228_500
        with refused(rf"only ClearState is supported for an application \({id}\)"):
            bob.send(call(bob, id, on_complete=ON.CloseOutOC))
        bob.confirm(call(bob, id, on_complete=ON.ClearStateOC))
        assert bob.algod.account_info(bob.address)["min-balance"] == 100_000


class TestLife:
    def test_ends_with_deletion(self, alice, bob):
        """Whoever the program lets: the balance is the creator's."""
        id = create(alice, APPROVE, uints=2, byte_slices=3, extra_pages=2)
        before = alice.algod.account_info(alice.address)["min-balance"]
        assert before == 100_000 * 4 + 2 * 28_500 + 3 * 50_000
        bob.confirm(call(bob, id, on_complete=ON.DeleteApplicationOC))
        told = alice.algod.account_info(alice.address)
        assert (told["min-balance"], told["created-apps"], told["total-created-apps"]) == (
            100_000, [], 0,
        )  # fmt: skip
        with refused("application does not exist", 404):
            alice.algod.application_info(id)

    def test_goes_on_with_other_programs(self, alice):
        id = create(alice, APPROVE)
        other = program('pushbytes "other"\nlog\npushint 1')
        alice.confirm(
            transaction.ApplicationUpdateTxn(alice.address, alice.parameters(), id, other, APPROVE)
        )
        assert logs(alice.confirm(call(alice, id))) == [b"other"]
        big = program("pushint 1\nreturn\n" + "pop\n" * 2048)
        with refused("approval program too long. max len 2048 bytes"):
            alice.send(
                transaction.ApplicationUpdateTxn(
                    alice.address, alice.parameters(), id, big, APPROVE
                )
            )
        with refused("program version downgrade: 10 < 11"):
            alice.send(
                transaction.ApplicationUpdateTxn(
                    alice.address, alice.parameters(), id, b"\x0a\x81\x01", b"\x0a\x81\x01"
                )
            )

    @pytest.mark.parametrize("completion", [NO_OP, ON.UpdateApplicationOC, ON.DeleteApplicationOC])
    def test_is_the_programs_to_decide(self, alice, completion):
        """It lets itself be created, and nothing else."""
        id = create(alice, program("txn ApplicationID\n!"))
        made = call(alice, id, on_complete=completion)
        if completion == ON.UpdateApplicationOC:
            made.approval_program = made.clear_program = APPROVE
        with refused("transaction rejected by ApprovalProgram"):
            alice.send(made)

    def test_begins_with_the_programs_consent(self, network, alice):
        before = alice.algod.account_info(alice.address)
        with refused("TransactionPool.Remember: .* transaction rejected by ApprovalProgram"):
            alice.send(creation(alice, REJECT))
        network.mine()
        assert alice.algod.account_info(alice.address)["min-balance"] == before["min-balance"]

    def test_keeps_its_creators_account_open(self, alice, bob):
        create(alice, APPROVE)
        with refused("cannot close: 1 outstanding created applications"):
            alice.send(alice.pay(close=bob.address))

    def test_needs_a_balance(self, network, bob):
        poor = type(bob)(network)
        network.fund(poor.address, 200_000 + 28_500 + 50_000 + 999)
        with refused("balance 278499 below min 278500"):
            poor.send(creation(poor, APPROVE, uints=1, byte_slices=1))
        network.fund(poor.address, 1_000_000)
        assert poor.confirm(creation(poor, APPROVE, uints=1, byte_slices=1))["application-index"]


class TestLogs:
    def test_are_32_at_most(self, laboratory):
        line = 'pushbytes "x"\nlog\n'
        assert laboratory.logs(line * 32 + "pushint 1") == [b"x"] * 32
        laboratory.refuses("too many log calls in program. up to 32 is allowed", line * 33)

    def test_have_1024_bytes_together(self, laboratory):
        line = "pushint {}\nbzero\nlog\n"
        kept = laboratory.logs(line.format(1000), line.format(24), "pushint 1")
        assert kept == [bytes(1000), bytes(24)]
        laboratory.refuses(
            "program logs too large. 1025 bytes >  1024 bytes limit",
            line.format(1000), line.format(25),
        )  # fmt: skip

    def test_may_be_more_in_a_simulation(self, laboratory):
        line = 'pushbytes "x"\nlog\n'
        options = {"simulated": {"allow_more_logs": True}}
        assert len(laboratory.logs(line * 33 + "pushint 1", **options)) == 33


class TestCalls:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ([b""] * 16, None),
            ([b""] * 17, "tx.ApplicationArgs has too many arguments. 17 > 16"),
            ([bytes(1024), bytes(1024)], None),
            (
                [bytes(1024), bytes(1025)],
                "tx.ApplicationArgs total length is too long. 2049 > 2048",
            ),
        ],
    )
    def test_have_limits(self, alice, arguments, why):
        id = create(alice, APPROVE)
        if why is None:
            assert alice.confirm(call(alice, id, *arguments))["confirmed-round"]
        else:
            with refused(why):
                alice.send(call(alice, id, *arguments))

    def test_have_eight_references_at_most(self, alice, bob):
        id = create(alice, APPROVE)
        kinds = {"accounts": [bob.address] * 2, "foreign_apps": [id] * 2, "foreign_assets": [1, 2]}
        assert alice.confirm(call(alice, id, boxes=[b"a", b"b"], **kinds))["confirmed-round"]
        with refused("tx references exceed MaxAppTotalTxnReferences = 8"):
            alice.send(call(alice, id, boxes=[b"a", b"b", b"c"], **kinds))
        with refused("tx.Boxes too long, max number of box references is 8"):
            alice.send(call(alice, id, boxes=[b"%d" % number for number in range(9)]))
        with refused("tx.Accounts too long, max number of accounts is 4"):
            alice.send(call(alice, id, accounts=[bob.address] * 5))

    def test_bring_programs_only_to_create_or_update(self, alice):
        made = call(alice, create(alice, APPROVE))
        made.approval_program = APPROVE
        with refused("programs may only be specified during application creation or update"):
            alice.send(made)

    def test_of_what_does_not_exist_are_refused(self, alice):
        with refused(
            r"only ClearState is supported for an application \(77\) that does not exist"
        ):
            alice.send(call(alice, 77))

    def test_see_their_transaction(self, network, alice, bob):
        code = program(
            """
            txn ApplicationID
            bz done
            txn Sender
            log
            txna ApplicationArgs 1
            log
            pushint 0
            txnas ApplicationArgs
            log
            txna Accounts 1
            log
            txn NumAppArgs
            itob
            log
            txn OnCompletion
            itob
            log
            txn Note
            log
            txn TypeEnum
            itob
            log
            txn TxID
            log
            global GroupSize
            itob
            log
            global CreatorAddress
            log
            global Round
            itob
            log
            global LatestTimestamp
            itob
            log
            global GenesisHash
            log
            done:
            pushint 1
            """
        )
        id = create(alice, code)
        before = alice.algod.block_info(network.round)["block"]["ts"]
        made = call(bob, id, b"zero", b"one", accounts=[alice.address], note=b"a note")
        told = logs(bob.confirm(made))
        from algosdk.encoding import decode_address

        number = [value.to_bytes(8, "big") for value in (2, 0, 6, 1, network.round, before)]
        assert told == [
            decode_address(bob.address), b"one", b"zero", decode_address(alice.address), number[0],
            number[1], b"a note", number[2], base64.b32decode(made.get_txid() + "===="), number[3],
            decode_address(alice.address), number[4], number[5],
            base64.b64decode(network.genesis_hash),
        ]  # fmt: skip

    def test_see_their_group(self, alice, bob):
        code = program(
            """
            gtxn 0 Amount
            itob
            log
            pushint 0
            gtxns Receiver
            log
            gtxn 0 TypeEnum
            itob
            log
            txn GroupIndex
            itob
            log
            pushint 1
            """
        )
        _, told = confirmed(alice, alice.pay(bob.address, 1234), creation(alice, code))
        from algosdk.encoding import decode_address

        assert logs(told) == [
            (1234).to_bytes(8, "big"), decode_address(bob.address), (1).to_bytes(8, "big"),
            (1).to_bytes(8, "big"),
        ]  # fmt: skip

    def test_see_what_earlier_ones_did(self, alice):
        first = program('pushbytes "said"\nlog\npushint 9\nstore 3\npushint 1')
        second = program(
            "gtxn 0 LastLog\nlog\ngload 0 3\nitob\nlog\ngaid 0\nitob\nlog\n"
            "gtxn 0 CreatedApplicationID\ngaid 0\n=="
        )
        one, two = confirmed(alice, creation(alice, first), creation(alice, second))
        assert logs(two) == [
            b"said", (9).to_bytes(8, "big"), one["application-index"].to_bytes(8, "big"),
        ]  # fmt: skip
        with refused("txn effects can only be read from past txns 0 0"):
            alice.send(creation(alice, second))
