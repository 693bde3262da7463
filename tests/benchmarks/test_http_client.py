"""The client that loads servers, at a server of the standard library."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import pytest

from benchmarks.http_client import await_port, in_turns, on_time, percentile, request, shared

#: What the slow path takes: at least that.
SLOW_SECONDS = 0.05


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["X-Number"], asked))
        if self.path == "/slow":
            time.sleep(SLOW_SECONDS)
        self.send_response(409 if self.path == "/refused" else 201)
        self.send_header("Content-Length", str(len(asked)))
        self.end_headers()
        if self.path == "/torn":
            self.close_connection = True
            return
        self.wfile.write(asked)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    await_port(server.url)
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


def post(path="/", number=0, body=b"{}"):
    return request("POST", path, {"X-Number": str(number)}, body, kind=path)


def test_what_is_asked_at_its_time_is_asked_once_and_answered_in_order(server):
    asked = [(number / 100, post(number=number, body=b"x" * number)) for number in range(1, 20)]
    answers = on_time(server.url, asked, connections=3)
    assert [len(answer.body) for answer in answers] == list(range(1, 20))
    assert all(answer.is_good for answer in answers)
    assert sorted(int(number) for _, number, _ in server.asked) == list(range(1, 20))


def test_what_waits_for_a_connection_has_waited_since_it_was_due(server):
    """Three are due at once, and there is one connection."""
    answers = on_time(server.url, [(0.0, post("/slow"))] * 3, connections=1)
    assert all(
        answer.seconds >= number * SLOW_SECONDS
        for number, answer in enumerate(sorted(answers, key=lambda each: each.seconds), start=1)
    )


def test_whoever_asks_in_turns_counts_every_answer(server):
    answers, taken = in_turns(server.url, repeat(post()), connections=4, seconds=0.2)
    assert taken >= 0.2
    assert len(answers) == len(server.asked) > 0
    assert {answer.status for answer in answers} == {201}


def test_a_refusal_is_an_answer_and_not_a_good_one(server):
    (answer,) = on_time(server.url, [(0.0, post("/refused"))], connections=1)
    assert (answer.status, answer.is_good, answer.kind) == (409, False, "/refused")


def test_an_answer_that_breaks_off_is_none_and_the_next_one_is_asked_elsewhere(server):
    answers = on_time(server.url, [(0.0, post("/torn")), (0.3, post())], connections=1)
    assert [answer.status for answer in answers] == [0, 201]


def test_a_percentile_is_one_of_what_was_measured():
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(each) for each in range(1, 101)], 95) == 95.0
    assert percentile([7.0], 95) == 7.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 95)


def test_callers_take_turns():
    turns = shared(["a", "b"], lambda caller: post(number=caller))
    assert [b"X-Number: a" in next(turns).content for _ in range(4)] == [True, False, True, False]
