"""Answers that have not the form they must have are none, and their words have an end."""

import json
from datetime import timedelta

import pytest

from adapters.evm.json_rpc import Node
from adapters.evm.nodes import MetNode
from adapters.evm.reads import Reader, Reverted
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.network import Block
from domain.operation import SignedTransaction, TransactionId
from tests.adapters.odd_servers import OK, a_server, says

KEY = "0123456789abcdef0123456789abcdef"
HASH = "0x" + "ab" * 32
ID = TransactionId("0x" + "cd" * 32)
ODD = [
    f"bad\0{KEY}" + "x" * 10_000, HASH + "\n", HASH + "0", HASH[:-1], HASH[2:], HASH.upper(), "0x",
    "", "0x" + "\u0661" * 64, None, 7, [HASH],
]  # fmt: skip

BLOCK = {"number": "0x1", "hash": HASH, "timestamp": "0x1"}
RECEIPT = {
    "blockNumber": "0x1", "blockHash": HASH, "status": "0x1", "gasUsed": "0x1",
    "effectiveGasPrice": "0x1",
}  # fmt: skip
LOG = {"transactionHash": ID, "blockNumber": "0x1", "blockHash": HASH, "topics": []}


def answers(result):
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "result": result}).encode()
    return says(OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def asked(result, question):
    with a_server(answers(result)) as server:
        there = Endpoint(url=f"{server.url}/v3/{KEY}")
        return question(Reader(Node(there, timedelta(seconds=5))))


QUESTIONS = {
    "header": (lambda reader: reader.header(1).block, BLOCK, "hash"),
    "receipt": (lambda reader: reader.receipt(ID).block, RECEIPT, "blockHash"),
    "log": (lambda reader: reader.logs("0x", [], 0, 1)[0].block, [LOG], "blockHash"),
    "its transaction": (lambda reader: reader.logs("0x", [], 0, 1)[0].block, [LOG],
                        "transactionHash"),
}  # fmt: skip


def changed(answer, **changes):
    return [each | changes for each in answer] if isinstance(answer, list) else answer | changes


def is_no_answer(answer, question):
    with pytest.raises(ChainUnavailableError) as raised:
        asked(answer, question)
    told = str(raised.value)
    assert (KEY in told, "\0" in told, len(told) < 200) == (False, False, True)


@pytest.mark.parametrize("hash", ODD, ids=lambda each: ascii(each)[:20])
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_hash_is_256_bits_or_none(name, hash):
    question, answer, field = QUESTIONS[name]
    assert asked(answer, question) == Block(number=1, hash=HASH)
    is_no_answer(changed(answer, **{field: hash}), question)


@pytest.mark.parametrize(
    "number", ["0x" + "f" * 65, "0x" + "f" * 5_000, "-0x1", "0x-1", "1", " 0x1", "0x1_0", "0x", 1]
)
def test_a_quantity_is_256_bits_at_most(number):
    is_no_answer(changed(BLOCK, number=number), lambda reader: reader.header(1))
    is_no_answer(number, lambda reader: reader.balance("0x", 1))


def test_the_largest_quantity_is_one():
    assert asked("0x" + "f" * 64, lambda reader: reader.balance("0x", 1)) == 2**256 - 1


@pytest.mark.parametrize(
    "found", ["0x" + "f" * 5_000, "0x" + "1" * 65, "1", "-0x1", "0x", " 0x1", 1, None, KEY, "\0"]
)
def test_what_cannot_be_a_chain_id_is_none(found):
    with a_server(answers(found)) as server:
        there = Endpoint(url=f"{server.url}/v3/{KEY}")
        with pytest.raises(ChainUnavailableError, match="is no chain id") as raised:
            MetNode(1, there, timedelta(seconds=5)).broadcast(SignedTransaction(id=ID, raw=b"\0"))
    told = str(raised.value)
    assert (KEY in told, "\0" in told, len(told) < 200) == (False, False, True)


def errs(message, data=None):
    body = json.dumps({"error": {"code": -32000, "message": message, "data": data}}).encode()
    return says(OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


@pytest.mark.parametrize("words", ["execution reverted", "invalid opcode: INVALID"])
def test_a_revert_is_one_whatever_is_hidden_of_it(words):
    place = "/execution/invalid/opcode?x=reverted"
    with a_server(errs(words)) as server:
        reader = Reader(Node(Endpoint(url=server.url + place), timedelta(seconds=5)))
        assert isinstance(reader.call("0x", b"", 1), Reverted)


def test_the_data_of_an_error_has_no_secrets_however_it_is_written():
    password = """pa\\ss'wo"rd"""
    with a_server(errs("execution reverted", {"header": password})) as server:
        url = server.url.replace("//", "//u:pa%5Css'wo%22rd@")
        told = Reader(Node(Endpoint(url=url), timedelta(seconds=5))).call("0x", b"", 1).reason
    assert told == "execution reverted {'header': '…'}"
