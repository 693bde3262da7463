"""``tallystick arc76 rekey``: on a real node of our own, and no word of the passphrase."""

import base64
import json

import msgpack
import pytest
from algosdk.encoding import decode_address
from click.testing import CliRunner

from entrypoints.devnet.algod import devnet
from entrypoints.main import main
from tests.domain.test_arc76 import OFFICIAL

RULER = "GIMN3RFDRRWFD7KIFSVRMXC4JXYD5ZXKT7KSN57OG4RAZPPC3L3YDM46NQ"


@pytest.fixture(scope="module")
def network():
    with devnet(nodes=1, mode="instant") as made:
        yield made


def run(network, *options, to=RULER, passphrase=OFFICIAL["password"]):
    (node, *_) = network.nodes
    arguments = ["arc76", "rekey", "--email", OFFICIAL["email"], "--to", to, "--node", node.url]
    done = CliRunner().invoke(
        main,
        [*arguments, *options],
        input=passphrase,
        env={"TALLYSTICK_NODE_TOKEN": network.token},
    )
    assert passphrase not in done.output
    return done.exit_code, json.loads(done.output)


def ruler_of(network):
    account = network.ledger.account(OFFICIAL["algorand"])
    return account.authorizer if any(account.authorizer) else decode_address(OFFICIAL["algorand"])


def test_an_account_is_handed_over_where_its_passphrase_is(network):
    assert run(network)[1]["code"] == "account_unfunded"
    network.fund(OFFICIAL["algorand"], 10**6)
    status, told = run(network)
    assert status == 0, told
    assert (told["address"], told["to"]) == (OFFICIAL["algorand"], RULER)
    assert (told["network"], told["submitted"]) == (network.caip2, False)
    assert ruler_of(network) == decode_address(OFFICIAL["algorand"]), "nothing was sent"
    fields = msgpack.unpackb(base64.b64decode(told["signed_transaction"]))["txn"]
    assert (fields["type"], fields["rekey"]) == ("pay", decode_address(RULER))
    assert "amt" not in fields
    assert "close" not in fields
    status, told = run(network, "--submit")
    assert (status, told["submitted"]) == (0, True)
    assert ruler_of(network) == decode_address(RULER)
    assert run(network, "--submit") == (1, run(network)[1])
    assert run(network)[1]["code"] == "rekeyed_already"


def test_what_cannot_be_done_is_refused_with_a_code(network):
    network.fund(OFFICIAL["algorand"], 10**6)
    assert run(network, to="0x" + "ab" * 20)[1]["code"] == "rekey_not_offered"
    assert run(network, to=RULER[:-1] + "A")[1]["code"] == "address_unusable"
    assert run(network, passphrase="short one")[1]["code"] == "passphrase_unusable"


def test_a_node_that_does_not_answer_is_told():
    arguments = ["arc76", "rekey", "--to", RULER, "--node", "http://127.0.0.1:9"]
    done = CliRunner().invoke(main, arguments, input=OFFICIAL["password"])
    assert done.exit_code == 1
    assert json.loads(done.output)["code"] == "node_unavailable"
