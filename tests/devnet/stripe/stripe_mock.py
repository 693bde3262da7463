"""Stripe's own judge of requests: stripe-mock, where that program is on the path.

It knows Stripe's OpenAPI description, refuses what is not in it, and remembers nothing; so it
says whether a request is well-formed and nothing else.  It is a Go program:
`go install github.com/stripe/stripe-mock@v0.203.0`.
"""

import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import threading

from entrypoints.devnet.processes import free_port, give_back, spawn

PROGRAM = shutil.which("stripe-mock")
_START_SECONDS = 30


@contextlib.contextmanager
def stripe_mock():
    """A function that answers a recorded request with what is wrong with it, or None.

    It takes what `control.requests()` is made of: method, path and form.
    """
    port = free_port()
    process = spawn(
        [PROGRAM, "-http-port", str(port)],
        dies_by=signal.SIGKILL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # It says where it listens when it does, and would stop at a full pipe.
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    for line in process.stdout:
        if b"Listening for HTTP" in line:
            break
    watchdog.cancel()
    assert process.poll() is None, "stripe-mock did not start"
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    drain.start()
    try:
        yield lambda request: _complaint(port, request)
    finally:
        process.kill()
        process.wait()
        drain.join()
        process.stdout.close()
        give_back(port)


def _complaint(port, request):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    is_post = request["method"] == "POST"
    query = f"?{request['form']}" if request["form"] and not is_post else ""
    headers = {"Authorization": "Bearer sk_test_123"}
    if is_post:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(
            request["method"],
            request["path"] + query,
            request["form"] if is_post else None,
            headers,
        )
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    if answer.status < 400:
        return None
    message = json.loads(told)["error"]["message"]
    return f"{request['method']} {request['path']} {request['form']}: {message}"


def complaints_of(requests):
    """What Stripe's description has against the requests, each named."""
    with stripe_mock() as judge:
        found = [judge(request) for request in requests]
    return [complaint for complaint in found if complaint is not None]
