"""`tallystick listen` against an API on a real port."""

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from domain.webhook import headers_of, read
from entrypoints.commands import listen
from tests.adapters.egress.receivers import receiving, saying, status
from tests.architecture.house import ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def an_event(number, kind="deployment.queued"):
    return {
        "api_version": "2026-11-01", "data": {"id": f"dep_{number}", "object": "deployment"},
        "id": f"evt_{number}", "live": False, "organisation": "org_1", "sequence": number,
        "timestamp": "2026-11-21T12:00:00.000000Z", "type": kind,
    }  # fmt: skip


class Api(ThreadingHTTPServer):
    """As much of GET /v1/events as a listener sees; its cursor is a number."""

    def __init__(self, events):
        super().__init__(("127.0.0.1", 0), Handler)
        self.events, self.asked, self.answers = events, [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        api = self.server
        asked = {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
        api.asked.append(asked)
        if self.headers["Authorization"] != "Bearer tsk_good":
            problem = {
                "title": "The API key is not good",
                "detail": "no",
                "code": "invalid_api_key",
            }
            return self._answer(401, problem)
        if api.answers:
            return self._answer(api.answers.pop(0), {})
        after = len(api.events) if "tail" in asked else int(asked["cursor"])
        page = api.events[after : after + 2]
        more = after + 2 < len(api.events)
        return self._answer(
            200, {"data": page, "has_more": more, "next_cursor": str(after + len(page))}
        )

    def _answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    with Api([an_event(number) for number in range(1, 6)]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(api, *arguments, key="tsk_good"):
    return CliRunner().invoke(
        listen.command, ["--url", api.url, "--once", *arguments],
        env={"TALLYSTICK_API_KEY": key}, catch_exceptions=False,
    )  # fmt: skip


def test_what_has_happened_since_is_told_in_its_order(api):
    told = run(api, "--cursor", "1", "--json")
    assert told.exit_code == 0
    assert [json.loads(line) for line in told.stdout.splitlines()] == api.events[1:]


def test_without_a_cursor_it_begins_now(api):
    assert run(api).stdout == ""
    assert api.asked[0]["tail"] == "true"


def test_lines_are_for_people(api):
    first = run(api, "--cursor", "0").stdout.splitlines()[0]
    assert first.split() == [
        "2026-11-21T12:00:00.000000Z", "1", "deployment.queued", "dep_1",
    ]  # fmt: skip


def test_only_what_is_asked_for(api):
    api.events.append(an_event(6, "credits.low"))
    told = run(api, "--cursor", "0", "--type", "credits.low", "--json")
    assert [json.loads(line)["sequence"] for line in told.stdout.splitlines()] == [6]


def test_each_is_handed_on_signed(api):
    with receiving(saying(status(204))) as receiver:
        told = run(api, "--cursor", "3", "--forward-to", receiver.url(), "--secret", SECRET)
    assert [line.split()[-1] for line in told.stdout.splitlines()] == ["204", "204"]
    assert SECRET in told.stderr
    for request, event in zip(receiver.requests, api.events[3:], strict=True):
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        assert json.loads(body) == event
        assert headers["Connection"] == "close"  # a kept one may be closed as the next is sent
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        wanted = headers_of(event["id"], at, body, [read(SECRET)])
        assert headers["webhook-signature"] == wanted["webhook-signature"]


def test_who_does_not_take_it_is_told_of(api):
    with receiving(saying(b"")) as receiver:
        told = run(api, "--cursor", "4", "--forward-to", receiver.url())
    assert told.stdout.split()[-1] == "RemoteProtocolError"
    assert told.exit_code == 0


def test_a_key_that_is_not_good_ends_it(api):
    told = run(api, key="tsk_bad")
    assert (told.exit_code, "invalid_api_key" in told.stderr) == (1, True)
    assert run(api, key="").exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_after_an_outage_and_ends_when_told_to(api, number):
    api.answers = [503]
    # As a shell starts what is in the background: with SIGINT ignored.
    process = subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-m", "entrypoints.main",
         "listen", "--url", api.url, "--cursor", "4", "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TALLYSTICK_API_KEY": "tsk_good", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    with process:
        try:
            assert json.loads(process.stdout.readline()) == api.events[4]
            api.events.append(an_event(6))
            assert json.loads(process.stdout.readline()) == api.events[5]
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "asking again" in errors
