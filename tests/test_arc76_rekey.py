"""``tallystick arc76 rekey``: on a real node of our own, and no word of the passphrase."""

import base64
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

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


#: What a well-behaved node says.
PARAMETERS = {
    "consensus-version": "future",
    "fee": 0,
    "genesis-hash": base64.b64encode(bytes(32)).decode(),
    "genesis-id": "devnet-v1",
    "last-round": 7,
    "min-fee": 1_000,
}
ACCOUNT = {"amount": 10**6, "min-balance": 10**5}


@contextmanager
def a_node(parameters, account):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            told = parameters if "params" in self.path else account
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("parameters", "account"),
    [
        ({"genesis-id": "devnet\x1b[2J"}, {}),
        ({"genesis-id": "d" * 65}, {}),
        ({"genesis-id": None}, {}),
        ({"genesis-hash": "\x1b[2J"}, {}),
        ({"genesis-hash": base64.b64encode(bytes(31)).decode()}, {}),
        ({}, {"auth-addr": "\x1b[2J" + RULER}),
        ({}, {"auth-addr": ["no text"]}),
        ({"min-fee": "\x1b[2J"}, {}),
    ],
)
def test_what_no_node_says_reaches_no_terminal(parameters, account):
    arguments = ["arc76", "rekey", "--email", OFFICIAL["email"], "--to", RULER, "--node"]
    with a_node(PARAMETERS | parameters, ACCOUNT | account) as url:
        done = CliRunner().invoke(main, [*arguments, url], input=OFFICIAL["password"])
    assert done.exit_code == 1
    assert json.loads(done.output)["code"] == "node_unavailable", done.output
    assert "2J" not in done.output


def test_a_node_of_which_nothing_is_wrong_is_believed():
    arguments = ["arc76", "rekey", "--email", OFFICIAL["email"], "--to", RULER, "--node"]
    with a_node(PARAMETERS, ACCOUNT) as url:
        done = CliRunner().invoke(main, [*arguments, url], input=OFFICIAL["password"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["network"] == f"algorand:{'A' * 32}"
