"""Applications as the SDK creates, calls and reads them, over HTTP."""

import base64

from algosdk import logic, transaction

from tests.devnet.avm.assembly import APPROVE, program
from tests.devnet.avm.contracts import call, confirmed, create, creation, global_state, logs
from tests.devnet.people import refused

#: Keeps its first argument under "last", counts under "n", and says how often it was called.
COUNTER = program(
    """
    txn ApplicationID
    bz done
    pushbytes "n"
    pushbytes "n"
    app_global_get
    pushint 1
    +
    dup
    itob
    log
    app_global_put
    pushbytes "last"
    txna ApplicationArgs 0
    app_global_put
    done:
    pushint 1
    """
)
#: Puts its second argument into the box that the first one names; fails if there is a third.
KEEPER = program(
    """
    txn ApplicationID
    bz done
    txna ApplicationArgs 0
    txna ApplicationArgs 1
    box_put
    txn NumAppArgs
    pushint 3
    <
    assert
    done:
    pushint 1
    """
)


def test_an_application_is_created_and_read_back(network, alice):
    told = alice.confirm(creation(alice, COUNTER, uints=1, byte_slices=1, extra_pages=1))
    id = told["application-index"]
    assert id == alice.algod.block_info(network.round)["block"]["tc"]
    assert alice.algod.application_info(id) == {
        "id": id,
        "params": {
            "approval-program": base64.b64encode(COUNTER).decode(),
            "clear-state-program": base64.b64encode(APPROVE).decode(),
            "creator": alice.address,
            "extra-program-pages": 1,
            "global-state-schema": {"num-byte-slice": 1, "num-uint": 1},
            "local-state-schema": {"num-byte-slice": 0, "num-uint": 0},
        },
    }
    account = alice.algod.account_info(alice.address)
    assert account["created-apps"] == [alice.algod.application_info(id)]
    assert account["total-created-apps"] == 1
    assert account["apps-total-schema"] == {"num-byte-slice": 1, "num-uint": 1}
    assert account["apps-total-extra-pages"] == 1
    assert account["min-balance"] == 100_000 * 3 + 28_500 + 50_000
    with refused("application does not exist", 404):
        alice.algod.application_info(id + 1)


def test_a_call_changes_the_state_and_is_told(network, alice, bob):
    id = create(alice, COUNTER, uints=1, byte_slices=1)
    told = bob.confirm(call(bob, id, b"first"))
    assert logs(told) == [(1).to_bytes(8, "big")]
    assert told["global-state-delta"] == [
        {"key": "bGFzdA==", "value": {"action": 1, "bytes": "Zmlyc3Q="}},
        {"key": "bg==", "value": {"action": 2, "uint": 1}},
    ]
    assert logs(alice.confirm(call(alice, id, b"second"))) == [(2).to_bytes(8, "big")]
    assert global_state(alice, id) == {b"n": 2, b"last": b"second"}


def test_boxes_are_kept_and_paid_for_by_the_application(network, alice):
    id = create(alice, KEEPER, funds=100_000 + 2_500 + 400 * (4 + 5))
    address = logic.get_application_address(id)
    alice.confirm(call(alice, id, b"name", b"value", boxes=[b"name"]))
    told = alice.algod.application_box_by_name(id, b"name")
    assert (told["round"], told["name"], told["value"]) == (network.round, "bmFtZQ==", "dmFsdWU=")
    assert alice.algod.application_boxes(id) == {"boxes": [{"name": "bmFtZQ=="}]}
    account = alice.algod.account_info(address)
    assert (account["total-boxes"], account["total-box-bytes"]) == (1, 9)
    assert account["min-balance"] == account["amount"]
    with refused("box not found", 404):
        alice.algod.application_box_by_name(id, b"other")
    with refused(f"account {address} balance 106100 below min 109000"):
        alice.send(call(alice, id, b"o", b"", boxes=[b"o"]))


def test_a_group_happens_as_a_whole_or_not_at_all(network, alice):
    id = create(alice, KEEPER, funds=1_000_000)
    good = call(alice, id, b"a", b"1", boxes=[b"a"])
    bad = call(alice, id, b"b", b"2", b"too much", boxes=[b"b"])
    group = transaction.assign_group_id([good, bad])
    before = network.ledger.balance(alice.address)
    with refused(r"logic eval error: assert failed pc=\d+\. Details: app=\d+, pc=\d+, opcodes="):
        alice.algod.send_transactions([alice.sign(each) for each in group])
    network.mine()
    assert network.ledger.boxes(id) == {}
    assert network.ledger.balance(alice.address) == before
    confirmed(
        alice,
        call(alice, id, b"a", b"1", boxes=[b"a"]),
        call(alice, id, b"b", b"2", boxes=[b"b"]),
    )
    assert network.ledger.boxes(id) == {b"a": b"1", b"b": b"2"}
