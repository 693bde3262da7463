"""Answers, in whatever pieces they arrive: what `http.client` says that they are."""

import io
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from itertools import chain, pairwise, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.line.answer import MOST_OF_A_HEAD, TooLongError, heard, question
from tests.strategies import examples

MOST = 400
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WAYS = ("length", "chunks", "end")
_token = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(lambda t: f"x-{t}")
_value = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)


@st.composite
def answers(draw, statuses=(200, 201, 204, 304, 400, 404, 500, 503), most=MOST + 50, ways=WAYS):
    """A whole answer.  *ways*: how it may be said where its body ends."""
    status = draw(st.sampled_from(statuses))
    sizes = [MOST - 1, MOST, MOST + 1, most]
    large = st.sampled_from([size for size in sizes if size <= most])
    body = draw(st.binary(min_size=1, max_size=50) | large.map(lambda size: b"y" * size))
    headers = draw(st.lists(st.tuples(_token, _value), max_size=4))
    way = draw(st.sampled_from(ways))
    if status in {204, 304}:
        body, way = b"", "nothing"
    if way == "length":
        headers.append(("Content-Length", str(len(body))))
        sent = body
    elif way == "chunks":
        headers.append(("transfer-encoding", "chunked"))
        sent, left = b"", body
        while left:
            size = draw(st.integers(1, len(left)))
            sent += b"%X\r\n%s\r\n" % (size, left[:size])
            left = left[size:]
        sent += b"0\r\n\r\n"
    else:
        sent = body
    if draw(st.booleans()):
        headers.append(("Connection", draw(st.sampled_from(["close", "keep-alive", "Close"]))))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"])) if way != "chunks" else "1.1"
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * draw(st.integers(0, 2))
    if version == "1.0":
        interim = b""
    head = f"HTTP/{version} {status} What\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers)
    return interim + head.encode() + b"\r\n" + sent


class Plain(io.BytesIO):
    def makefile(self, *_):
        return self


def as_told(answer):
    """Status, body, and whether the connection is over, as `http.client` has it."""
    rest = answer
    while rest.startswith(b"HTTP/1.1 103"):
        rest = rest.partition(b"\r\n\r\n")[2]
    response = HTTPResponse(Plain(rest), method="GET")
    response.begin()
    return response.status, response.read(), response.will_close


def in_pieces(answer, cuts):
    """What `recv` would give of it."""
    places = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})
    pieces = [answer[a:b] for a, b in pairwise(places)]
    return iter([*pieces, *[b""] * 3])


def hear(answer, cuts=(), most=MOST):
    pieces = in_pieces(answer, cuts)
    return heard(lambda _: next(pieces), most)


@settings(max_examples=examples(300))
@given(answers(), st.lists(st.integers(0, 2_000), max_size=8))
def test_an_answer_is_what_it_is_in_whatever_pieces_it_comes(answer, cuts):
    status, body, will_close = as_told(answer)
    if len(body) > MOST:
        with pytest.raises(TooLongError):
            hear(answer, cuts)
        return
    found = hear(answer, cuts)
    assert (found.status, found.body) == (status, body)
    assert found.will_close == will_close


@settings(max_examples=examples(200))
@given(answers(statuses=(200, 500), most=MOST, ways=("length", "chunks")), st.data())
def test_of_an_answer_that_breaks_off_there_is_none(answer, data):
    at = data.draw(st.integers(0, len(answer) - 1))
    with pytest.raises(IncompleteRead if at else RemoteDisconnected):
        hear(answer[:at])


@pytest.mark.parametrize("behind", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", b"\0"])
def test_what_comes_behind_an_answer_is_no_part_of_it(behind):
    found = hear(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1" + behind)
    assert (found.status, found.body, found.will_close) == (200, b"1", True)


def test_a_connection_that_may_be_asked_on_is_kept():
    assert not hear(b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n1").will_close


@pytest.mark.parametrize(
    "said",
    [
        b"H" * 9,
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 1\n\n1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n1\r\n",
        b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_refused(said):
    with pytest.raises(HTTPException):
        hear(said)


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 20),
        (b"HTTP/1.1 200 O", b"K" * 100),
        (b"", b"HTTP/1.1 103 Hints\r\n\r\n" * 5),
        (CHUNKS + b"1;x=", b"y" * 100),
        (CHUNKS, b"0" * 100),
        (CHUNKS + b"1\r\nx\r\n0\r\nx: ", b"y" * 100),
        (CHUNKS + b"1\r\nx\r\n0\r\n", b"x: y\r\n" * 20),
    ],
)
def test_what_is_no_body_and_has_no_end_is_given_up(beginning, more):
    given, pieces = [], chain([beginning] if beginning else [], repeat(more))

    def receive(_):
        given.append(next(pieces))
        assert sum(map(len, given)) < MOST_OF_A_HEAD + 1_000
        return given[-1]

    with pytest.raises(HTTPException, match="no end"):
        heard(receive, MOST)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_body_in_many_chunks_is_no_longer_for_what_is_said_between_them(size):
    """A megabyte of extensions, in each of which comes one byte of the body."""
    answer = CHUNKS + b"1;%s\r\nx\r\n" % (b"y" * 2_500) * MOST + b"0\r\n\r\n"
    pieces = (answer[at : at + size] for at in range(0, len(answer), size))
    found = heard(lambda _: next(pieces), MOST)
    assert (found.status, found.body, found.will_close) == (200, b"x" * MOST, False)


def test_a_size_is_refused_before_the_body_is_there():
    pieces = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 401\r\n\r\n"])
    with pytest.raises(TooLongError):
        heard(lambda _: next(pieces), MOST)


def test_a_question_is_as_it_should_be():
    asked = question("POST", "/v2/x?y=1", {"Host": "node", "X-Token": "t"}, b"{}")
    assert asked == (
        b"POST /v2/x?y=1 HTTP/1.1\r\nAccept-Encoding: identity\r\nHost: node\r\nX-Token: t\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    assert question("GET", "/", {}, None).endswith(b"identity\r\n\r\n")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/x y", {}),
        ("/x\r\nHost: other", {}),
        ("/ü", {}),
        ("/", {"X-Token": "t\r\nHost: other"}),
        ("/", {"X-Token": "t\n other"}),
        ("/", {"X-Token\r\nHost": "other"}),
        ("/", {"X Token": "t"}),
        ("/", {"X-Token": "€"}),
    ],
)
def test_no_part_of_a_question_leaves_its_place(target, headers):
    with pytest.raises(ValueError, match="no place"):
        question("GET", target, headers, None)
