"""Which error codes a run has seen in HTTP answers.

A code that is registered for a client's eyes and that no test ever gets is a promise nobody has
kept.  Every answer of the application in this process is read as it is sent; what each worker of
a run has seen comes together at its end, and a run of everything names the codes that are missing.
"""

import json
import sys

import pytest

EDGE = "entrypoints.http.edge"
SEEN: set[str] = set()
#: Of the worker processes, by the one that started them.
REPORTED: set[str] = set()


def watch(edge):
    """Have every answer that leaves *edge*'s class read on its way."""
    answer = edge.__call__

    async def watched(self, scope, receive, send):
        body, is_problem = b"", False

        async def read(message):
            nonlocal body, is_problem
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                kind = headers.get(b"content-type", b"")
                is_problem = kind.startswith(b"application/problem+json")
            elif is_problem:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    note(json.loads(body))
            await send(message)

        await answer(self, scope, receive, read)

    edge.__call__ = watched


def note(problem):
    SEEN.add(problem["code"])
    SEEN.update(fault["code"] for fault in problem["errors"])


def pytest_collection_finish():
    if EDGE in sys.modules:
        watch(sys.modules[EDGE].Edge)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    REPORTED.update(getattr(node, "workeroutput", {}).get("codes", ()))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["codes"] = sorted(SEEN)


def pytest_terminal_summary(terminalreporter, config):
    if found := missing(config):
        terminalreporter.write_line(
            f"error codes that no answer had: {', '.join(sorted(found))}", red=True
        )


def missing(config) -> set[str]:
    """Codes that a run of everything ought to have seen, and has not."""
    if not is_of_everything(config):
        return set()
    from tests.http.codes import EXPECTED

    return set(EXPECTED) - SEEN - REPORTED


def is_of_everything(config) -> bool:
    """Whether nothing was left out, as far as the command says."""
    chosen = ("keyword", "markexpr", "lf", "failedfirst", "deselect", "ignore", "collectonly",
              "maxfail", "without_servers")  # fmt: skip
    narrowed = any(config.getoption(name, default=None) for name in chosen)
    return not narrowed and list(config.args) == list(config.getini("testpaths"))
