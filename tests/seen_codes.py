"""Which error codes a run has seen in HTTP answers.

A code that is registered for a client's eyes and that no test ever gets is a promise nobody has
kept.  Every answer of the application in this process is read as it is sent; what each worker of
a run has seen comes together at its end, and a run of everything that lacks codes names them and
fails.
"""

import json
import sys

import pytest

EDGE = "entrypoints.http.edge"
SEEN: set[str] = set()
#: Of the worker processes, by the one that started them.
REPORTED: set[str] = set()
#: Tests that were not to run.
LEFT_OUT: list[str] = []
MISSING = pytest.StashKey[set[str]]()


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


def pytest_deselected(items):
    LEFT_OUT.extend(item.nodeid for item in items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    told = getattr(node, "workeroutput", {})
    REPORTED.update(told.get("codes", ()))
    LEFT_OUT.extend(told.get("left_out", ()))


def pytest_sessionfinish(session):
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["codes"] = sorted(SEEN)
        # One is enough to know: every worker collects, and leaves out, the same.
        config.workeroutput["left_out"] = LEFT_OUT[:1]
        return
    has_run = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    config.stash[MISSING] = missing(config) if has_run else set()
    if config.stash[MISSING]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if found := config.stash.get(MISSING, None):
        terminalreporter.write_line(
            f"error codes that no answer had: {', '.join(sorted(found))}", red=True
        )


def missing(config) -> set[str]:
    """Codes that a run of everything ought to have seen, and has not."""
    return expected() - SEEN - REPORTED if is_of_everything(config) else set()


def expected() -> frozenset[str]:
    from tests.http.codes import EXPECTED

    return EXPECTED


def is_of_everything(config) -> bool:
    """Whether nothing was left out, by the command or by whatever else."""
    chosen = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob", "collectonly",
              "maxfail", "without_servers")  # fmt: skip
    narrowed = any(config.getoption(name, default=None) for name in chosen)
    is_all = list(config.args) == list(config.getini("testpaths"))
    return is_all and not narrowed and not LEFT_OUT
