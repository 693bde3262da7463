"""What a node of IPFS may do to us: nothing but make us wait."""

import base64
import hashlib
import json
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ipfs import connect
from adapters.ipfs.metadata import cid_of
from application.ports.metadata import (
    LARGEST,
    MetadataRefusedError,
    MetadataUnavailableError,
)
from tests.adapters.ipfs.node import content_id, running, tell

DOCUMENT = b'{"name":"Gold"}'
DIGEST = hashlib.sha256(DOCUMENT).digest()
#: Long enough for an answer from this machine, short enough to wait for none.
PATIENCE = 0.2


@pytest.fixture
def node():
    with running() as running_node:
        yield running_node


@pytest.fixture
def store(node):
    return connect(node.url, PATIENCE)


def test_the_id_is_the_one_that_the_specifications_give():
    """ARC-19's example, and the empty file as every node of IPFS knows it."""
    digest = bytes.fromhex("21218b18c13c46064c951beae90eb7d9d3041bcaf22ad8ee373e1c7afb99b008")
    assert cid_of(digest) == "bafkreibbegfrrqj4iydezfi35luq5n6z2mcbxsxsflmo4nz6dr5pxgnqba"
    empty = hashlib.sha256(b"").digest()
    assert cid_of(empty) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@given(st.binary(max_size=200))
def test_the_id_is_what_another_reckoning_gives(content):
    assert cid_of(hashlib.sha256(content).digest()) == content_id(content)


def test_an_address_is_the_id_behind_its_scheme(store, node):
    assert store.url_of(DOCUMENT) == f"ipfs://{content_id(DOCUMENT)}"
    assert node.asked == []


def test_a_document_is_one_block_of_its_own_bytes(store, node):
    store.put(DOCUMENT)
    assert node.blocks == {content_id(DOCUMENT): DOCUMENT}
    ((path, _),) = node.asked
    assert path == "/api/v0/add"


def test_what_is_too_large_is_not_even_sent(store, node):
    with pytest.raises(MetadataRefusedError):
        store.put(bytes(LARGEST + 1))
    assert node.asked == []


def says(status, content, **headers):
    return lambda handler: tell(handler, status, content, **headers)


OTHER = json.dumps({"Name": "document", "Hash": content_id(b"another"), "Size": "7"})


@pytest.mark.parametrize(
    "answer",
    [
        says(200, OTHER),
        says(200, json.dumps({"Hash": None})),
        says(200, json.dumps({"Hash": [content_id(DOCUMENT)]})),
        says(200, json.dumps([content_id(DOCUMENT)])),
        says(200, json.dumps(content_id(DOCUMENT))),
        says(200, "{}"),
        says(200, ""),
        says(200, "not JSON"),
        says(200, b"\xff\xfe"),
        says(200, "[" * 5_000),
        says(204, ""),
        says(500, json.dumps({"Message": "no space left on device"})),
        says(500, ""),
        says(404, "404 page not found"),
        says(429, ""),
        says(502, "<html>"),
    ],
)
def test_a_node_that_does_not_say_it_has_the_document_has_it_not(store, node, answer):
    node.misbehave = answer
    with pytest.raises(MetadataUnavailableError):
        store.put(DOCUMENT)
    node.misbehave = None
    store.put(DOCUMENT)


def test_its_own_words_are_told_and_not_more_than_a_line_of_them(store, node):
    node.misbehave = says(500, json.dumps({"Message": "no space left " * 500}))
    with pytest.raises(MetadataUnavailableError, match="no space left") as told:
        store.put(DOCUMENT)
    assert len(str(told.value)) < 300


@pytest.mark.parametrize("status", [401, 403])
def test_a_node_that_lets_us_not_in_refuses(store, node, status):
    node.misbehave = says(status, "forbidden")
    with pytest.raises(MetadataRefusedError):
        store.put(DOCUMENT)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("question", ["put", "get"])
def test_nobody_is_followed_elsewhere(store, node, status, question):
    with running() as elsewhere:
        node.misbehave = says(status, "", Location=f"{elsewhere.url}/api/v0/add")
        with pytest.raises(MetadataUnavailableError):
            store.put(DOCUMENT) if question == "put" else store.get(DIGEST)
        assert elsewhere.asked == []


def silent(node):
    return lambda handler: node.is_over.wait(30)


def trickling(node):
    """A byte now and then, each within its time, for ever."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not node.is_over.wait(PATIENCE / 8):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    return answer


def endless(node):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            while not node.is_over.is_set():
                handler.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
        except OSError:
            return

    return answer


def hanging_up(node):
    return lambda handler: None


def half(node):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")

    return answer


def no_http(node):
    return lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")


@pytest.mark.parametrize(
    "way",
    [silent, trickling, endless, hanging_up, half, no_http],
    ids=lambda way: way.__name__,
)
@pytest.mark.parametrize("question", ["put", "get"])
def test_an_answer_that_is_none_leaves_nothing_known(store, node, way, question):
    node.misbehave = way(node)
    with pytest.raises(MetadataUnavailableError):
        store.put(DOCUMENT) if question == "put" else store.get(DIGEST)


def test_an_answer_larger_than_any_document_is_not_read_to_its_end(store, node):
    node.misbehave = says(200, bytes(LARGEST + 1))
    with pytest.raises(MetadataUnavailableError, match="more than"):
        store.get(DIGEST)
    node.misbehave = says(200, " " * 20_000 + "{}")
    with pytest.raises(MetadataUnavailableError, match="more than"):
        store.put(DOCUMENT)


def test_other_bytes_than_those_asked_for_are_none(store, node):
    node.misbehave = says(200, DOCUMENT + b" ")
    with pytest.raises(MetadataUnavailableError, match="other bytes"):
        store.get(DIGEST)


def test_a_node_that_fails_is_not_a_node_that_has_nothing(store, node):
    node.misbehave = says(500, json.dumps({"Message": "datastore: closed"}))
    with pytest.raises(MetadataUnavailableError):
        store.get(DIGEST)
    node.misbehave = says(404, "404 page not found")
    with pytest.raises(MetadataUnavailableError):
        store.get(DIGEST)


def test_a_machine_that_does_not_answer_leaves_nothing_known():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        store = connect(f"http://127.0.0.1:{taken.getsockname()[1]}", PATIENCE)
        with pytest.raises(MetadataUnavailableError):
            store.put(DOCUMENT)


def test_the_address_may_have_a_path_and_a_password(node):
    seen = []

    def answer(handler):
        seen.append((handler.path.partition("?")[0], handler.headers["Authorization"]))
        tell(handler, 200, json.dumps({"Hash": content_id(DOCUMENT)}))

    node.misbehave = answer
    host = node.url.removeprefix("http://")
    connect(f"http://ada:secret@{host}/behind/", PATIENCE).put(DOCUMENT)
    word = base64.b64encode(b"ada:secret").decode()
    assert seen == [("/behind/api/v0/add", f"Basic {word}")]


def test_no_password_is_told(node):
    host = node.url.removeprefix("http://")
    store = connect(f"http://ada:secret@{host}", PATIENCE)
    node.misbehave = hanging_up(node)
    with pytest.raises(MetadataUnavailableError) as told:
        store.put(DOCUMENT)
    assert "secret" not in repr(told.value)
    assert "secret" not in repr(store)


def test_importing_the_folder_loads_no_client():
    code = "import sys, adapters.ipfs; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
