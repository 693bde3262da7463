"""What programs send themselves."""

import base64

import msgpack
import pytest
from algosdk import logic, transaction
from algosdk.encoding import decode_address

from tests.devnet.avm.assembly import APPROVE, hex_of, program
from tests.devnet.avm.conftest import Laboratory
from tests.devnet.avm.contracts import call, confirmed, create, logs
from tests.devnet.people import refused

#: Pays its sender what the first argument says.
PAYER = program(
    """
    txn ApplicationID
    bz done
    itxn_begin
    pushint 1
    itxn_field TypeEnum
    txn Sender
    itxn_field Receiver
    txna ApplicationArgs 0
    btoi
    itxn_field Amount
    itxn_submit
    done:
    pushint 1
    """
)


def test_a_program_pays(network, alice, bob):
    id = create(alice, PAYER, funds=1_000_000)
    address = logic.get_application_address(id)
    told = bob.confirm(call(bob, id, (5000).to_bytes(8, "big")))
    (inner,) = told["inner-txns"]
    assert inner["txn"]["txn"] == {
        "type": "pay", "snd": address, "rcv": bob.address, "amt": 5000, "fee": 1000,
        "fv": told["txn"]["txn"]["fv"], "lv": told["txn"]["txn"]["lv"],
    }  # fmt: skip
    assert network.ledger.balance(address) == 1_000_000 - 5000 - 1000
    assert network.ledger.balance(bob.address) == 10_000_000 - 1000 + 5000
    packed = bob.algod.block_info(network.round, response_format="msgpack")
    block = msgpack.unpackb(packed, raw=True, strict_map_key=False)[b"block"]
    (entry,) = block[b"txns"]
    assert entry[b"dt"][b"itx"][0][b"txn"][b"amt"] == 5000


def test_what_the_outer_one_pays_too_much_pays_for_it(network, alice, bob):
    id = create(alice, PAYER, funds=1_000_000)
    told = bob.confirm(call(bob, id, b"\1", fee=2000))
    assert "fee" not in told["inner-txns"][0]["txn"]["txn"]
    assert network.ledger.balance(logic.get_application_address(id)) == 1_000_000 - 1


def test_a_failure_inside_is_one_of_all(network, alice):
    id = create(alice, PAYER, funds=1_000_000)
    with refused(r"logic eval error: inner tx 0 failed: overspend \(account"):
        alice.send(call(alice, id, (2_000_000).to_bytes(8, "big")))
    with refused("balance 99000 below min 100000"):
        alice.send(call(alice, id, (900_000).to_bytes(8, "big")))


def test_assets_are_made_and_moved(network, alice):
    code = program(
        """
        txn ApplicationID
        bz done
        itxn_begin
        pushbytes "acfg"
        itxn_field Type
        pushint 100
        itxn_field ConfigAssetTotal
        pushint 2
        itxn_field ConfigAssetDecimals
        pushbytes "Tally"
        itxn_field ConfigAssetName
        global CurrentApplicationAddress
        itxn_field ConfigAssetManager
        itxn_submit
        itxn CreatedAssetID
        itob
        log
        itxn_begin
        pushbytes "axfer"
        itxn_field Type
        itxn CreatedAssetID
        itxn_field XferAsset
        pushint 7
        itxn_field AssetAmount
        txn Sender
        itxn_field AssetReceiver
        txna ApplicationArgs 0
        btoi
        bz done
        itxn_submit
        done:
        pushint 1
        """
    )
    id = create(alice, code, funds=1_000_000)
    address = logic.get_application_address(id)
    before = alice.algod.block_info(network.round)["block"]["tc"]
    told = alice.confirm(call(alice, id, b"\0"))
    (made,) = told["inner-txns"]
    asset = made["asset-index"]
    assert asset == before + 2
    assert logs(told) == [asset.to_bytes(8, "big")]
    # The outer transaction has the number before: an inner one is counted ahead of it.
    assert asset == alice.algod.block_info(network.round)["block"]["tc"]
    assert alice.algod.asset_info(asset)["params"]["creator"] == address
    assert network.ledger.holding(address, asset) == 100
    with refused("inner tx 0 failed: receiver error: must optin"):
        alice.send(call(alice, id, b"\1"))


class TestCalls:
    @pytest.fixture
    def callee(self, alice):
        return create(
            alice,
            program(
                """
                txn ApplicationID
                bz done
                global CallerApplicationID
                itob
                log
                txn Sender
                log
                txna ApplicationArgs 0
                log
                done:
                pushint 1
                """
            ),
        )

    @staticmethod
    def caller(extra=""):
        return program(
            f"""
            txn ApplicationID
            bz done
            itxn_begin
            pushbytes "appl"
            itxn_field Type
            txna Applications 1
            itxn_field ApplicationID
            pushbytes "hello"
            itxn_field ApplicationArgs
            {extra}
            itxn_submit
            gitxn 0 NumLogs
            itob
            log
            itxn LastLog
            log
            done:
            pushint 1
            """
        )

    def test_reach_other_applications(self, alice, callee):
        id = create(alice, self.caller(), funds=200_000)
        told = alice.confirm(call(alice, id, foreign_apps=[callee]))
        assert logs(told) == [(3).to_bytes(8, "big"), b"hello"]
        assert [base64.b64decode(log) for log in told["inner-txns"][0]["logs"]] == [
            id.to_bytes(8, "big"),
            decode_address(logic.get_application_address(id)),
            b"hello",
        ]

    def test_need_a_reference(self, alice, callee):
        id = create(alice, self.caller(), funds=200_000)
        with refused("invalid Applications index 1"):
            alice.send(call(alice, id))

    def test_never_come_back(self, alice):
        id = create(alice, self.caller(), funds=200_000)
        with refused("attempt to self-call"):
            alice.send(call(alice, id, foreign_apps=[id]))

    def test_add_to_the_budget(self, alice):
        """Ten dear calls inside one that could pay for one of them only."""
        dear = program(
            "txn ApplicationID\nbz done\n"
            + "pushbytes 0x00\nkeccak256\npop\n" * 5
            + "done:\npushint 1"
        )
        callee = create(alice, dear)
        again = """
            itxn_next
            pushbytes "appl"
            itxn_field Type
            txna Applications 1
            itxn_field ApplicationID
        """
        id = create(alice, self.caller(again * 9), funds=300_000)
        told = alice.confirm(call(alice, id, foreign_apps=[callee], fee=11_000))
        inner = [each["txn"]["txn"] for each in told["inner-txns"]]
        assert len(inner) == 10
        assert len({each["grp"] for each in inner}) == 1

    def test_create_applications(self, network, alice):
        code = program(
            f"""
            txn ApplicationID
            bz done
            itxn_begin
            pushint 6
            itxn_field TypeEnum
            pushbytes {hex_of(program('pushbytes "born"', "log", "pushint 1"))}
            itxn_field ApprovalProgram
            pushbytes {hex_of(APPROVE)}
            itxn_field ClearStateProgram
            pushint 1
            itxn_field GlobalNumUint
            itxn_submit
            itxn CreatedApplicationID
            itob
            log
            done:
            pushint 1
            """
        )
        id = create(alice, code, funds=400_000)
        told = alice.confirm(call(alice, id))
        (inner,) = told["inner-txns"]
        born = inner["application-index"]
        assert logs(told) == [born.to_bytes(8, "big")]
        assert base64.b64decode(inner["logs"][0]) == b"born"
        address = logic.get_application_address(id)
        assert alice.algod.application_info(born)["params"]["creator"] == address
        assert alice.algod.account_info(address)["min-balance"] == 200_000 + 28_500


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("itxn_submit", "itxn_submit without itxn_begin"),
        ("pushint 1\nitxn_field TypeEnum", "itxn_field without itxn_begin"),
        ("itxn_next", "itxn_next without itxn_begin"),
        ("itxn_begin\nitxn_begin", "itxn_begin without itxn_submit"),
        ("itxn_begin\npushint 9\nitxn_field TypeEnum", "9 is not a valid TypeEnum"),
        ('itxn_begin\npushbytes "xyz"\nitxn_field Type', "xyz is not a valid Type"),
        ("itxn_begin\npushint 1\nitxn_field FirstValid", "invalid itxn_field FirstValid"),
        ("itxn_begin\npushint 1\nitxn_field Receiver", "not an address"),
        ("itxn_begin\npushint 32\nbzero\nitxn_field Receiver", "unavailable Account"),
        ("itxn_begin\npushint 7777\nitxn_field XferAsset", "unavailable Asset 7777"),
        ("itxn_begin\npushint 7777\nitxn_field ApplicationID", "unavailable App 7777"),
        ("itxn_begin\npushint 20\nitxn_field ConfigAssetDecimals", "20 is larger than max=19"),
        (
            "itxn_begin\npushint 1\nitxn_field TypeEnum\npushint 0\nitxn_field Fee\nitxn_submit",
            "fee too small",
        ),
        ("itxn_begin\n" + "itxn_next\n" * 16, "too many inner transactions 16 with"),
        ("itxn Sender", r"txn index 0, len\(group\) is 0"),
    ],
)
def test_what_is_refused(laboratory, lines, why):
    laboratory.refuses(why, lines)


#: Pays itself nothing, without a fee of its own, as often as the first argument says.
FREE = program(
    """
    txn ApplicationID
    bz done
    again:
    itxn_begin
    pushint 1
    itxn_field TypeEnum
    pushint 0
    itxn_field Fee
    itxn_submit
    load 0
    pushint 1
    +
    dup
    store 0
    txna ApplicationArgs 0
    btoi
    <
    bnz again
    done:
    pushint 1
    """
)


@pytest.mark.parametrize(
    ("fee", "count", "fits"), [(2000, 1, True), (2999, 2, False), (3000, 2, True)]
)
def test_what_was_paid_too_much_is_spent_once(alice, fee, count, fits):
    id = create(alice, FREE, funds=100_000)
    made = call(alice, id, count.to_bytes(8, "big"), fee=fee)
    if fits:
        assert len(alice.confirm(made)["inner-txns"]) == count
    else:
        with refused("fee too small"):
            alice.send(made)


@pytest.mark.parametrize(("count", "fits"), [(256, True), (257, False)])
def test_a_group_sends_256_at_most(alice, count, fits):
    id = create(alice, FREE, funds=100_000)
    made = call(alice, id, count.to_bytes(8, "big"), fee=1_000_000)
    told = Laboratory(alice).simulate(made, extra_opcode_budget=20_000)
    if fits:
        assert len(told["txn-results"][0]["txn-result"]["inner-txns"]) == 256
    else:
        assert "too many inner transactions 1 with 0 left" in told["failure-message"]


def test_another_account_spends_only_if_it_is_rekeyed(network, alice, bob):
    code = program(
        """
        txn ApplicationID
        bz done
        itxn_begin
        pushint 1
        itxn_field TypeEnum
        txna Accounts 1
        itxn_field Sender
        itxn_submit
        done:
        pushint 1
        """
    )
    id = create(alice, code, funds=100_000)
    address = logic.get_application_address(id)
    made = call(alice, id, accounts=[bob.address], fee=2000)
    with refused(rf"app {id} \(addr {address}\) unauthorized {bob.address}"):
        alice.send(made)
    bob.confirm(
        transaction.PaymentTxn(bob.address, bob.parameters(), bob.address, 0, rekey_to=address)
    )
    assert alice.confirm(made)["inner-txns"][0]["txn"]["txn"]["snd"] == bob.address


def test_resources_of_a_group_are_shared_but_not_multiplied(network, alice, bob):
    """One transaction names the asset and another the account: the holding is neither's."""
    asset = bob.asset()
    look = program(
        f"""
        txn ApplicationID
        bz done
        pushbytes {hex_of(decode_address(bob.address))}
        pushint {asset}
        asset_holding_get 0
        pop
        itob
        log
        done:
        pushint 1
        """
    )
    id = create(alice, look)
    with refused("unavailable Account"):
        alice.send(call(alice, id))
    both = call(alice, id, accounts=[bob.address], foreign_assets=[asset])
    assert logs(alice.confirm(both)) == [(1000).to_bytes(8, "big")]
    _, told = confirmed(
        alice, call(alice, id, note=b"1", accounts=[bob.address], foreign_assets=[asset]),
        call(alice, id, note=b"2"),
    )  # fmt: skip
    assert logs(told) == [(1000).to_bytes(8, "big")]
    group = transaction.assign_group_id(
        [
            call(alice, id, note=b"3", accounts=[bob.address]),
            call(alice, id, note=b"4", foreign_assets=[asset]),
        ]
    )
    with refused("unavailable"):
        alice.algod.send_transactions([alice.sign(each) for each in group])


def test_programs_read_the_ledger(network, alice, bob):
    asset = bob.asset()
    bob_address = hex_of(decode_address(bob.address))
    code = f"""
        txn ApplicationID
        bz done
        pushbytes {bob_address}
        balance
        itob
        log
        pushbytes {bob_address}
        min_balance
        itob
        log
        pushbytes {bob_address}
        acct_params_get 8
        pop
        itob
        log
        pushint {asset}
        asset_params_get 0
        pop
        itob
        log
        pushint {asset}
        asset_params_get 4
        pop
        log
        pushint {asset}
        asset_params_get 11
        pop
        log
        pushint 0
        app_params_get 7
        pop
        log
        pushint 0
        app_params_get 8
        pop
        log
        done:
        pushint 1
    """
    id = create(alice, program(code))
    told = logs(alice.confirm(call(alice, id, accounts=[bob.address], foreign_assets=[asset])))
    assert told == [
        (10_000_000 - 1000).to_bytes(8, "big"), (200_000).to_bytes(8, "big"),
        (1).to_bytes(8, "big"), (1000).to_bytes(8, "big"), b"Tally", decode_address(bob.address),
        decode_address(alice.address), decode_address(logic.get_application_address(id)),
    ]  # fmt: skip
