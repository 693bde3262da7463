"""Server processes that spend, each for organisations of its own.

Python runs on one processor at a time, so servers are several processes.  Where an organisation's
commands all come to one of them, they meet in one line, and are decided about what that process
remembers (ADR 26).
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from attrs import frozen

from benchmarks.callers import calls_on_a_loop
from benchmarks.figures import Measured
from benchmarks.organisations import Town, found
from benchmarks.spending import Service
from domain.identifiers import OrganisationId

PROCESSES = 2

ROOT = Path(__file__).parent.parent


class ServerDiedError(Exception):
    """Why, it has told on standard error."""


@frozen
class Servers:
    processes: Sequence[subprocess.Popen[str]]

    def __call__(self, seconds: float) -> Measured:
        """All of them at once.  Raises: ServerDiedError."""
        for process in self.processes:
            _tell(process, seconds)
        each = [_hear(process) for process in self.processes]
        return Measured(
            rate=sum(measured.rate for measured in each),
            count=sum(measured.count for measured in each),
        )


@contextmanager
def servers(place: Town, callers: int) -> Iterator[Servers]:
    """*callers*: of all of them together."""
    with ExitStack() as stack:
        processes: list[subprocess.Popen[str]] = []
        for number in range(PROCESSES):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.servers"],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            processes.append(process)
            # Every id ends in chance.
            routed = [id for id in place.organisations if id.int % PROCESSES == number]
            _tell(process, [place.url, callers // PROCESSES, [str(id) for id in routed]])
        yield Servers(processes)


def _tell(process: subprocess.Popen[str], what: object) -> None:
    line = _open(process.stdin)
    print(json.dumps(what), file=line, flush=True)


def _hear(process: subprocess.Popen[str]) -> Measured:
    said = _open(process.stdout).readline()
    if not said:
        raise ServerDiedError(f"it ended with {process.wait()}")
    rate, count = json.loads(said)
    return Measured(rate=rate, count=count)


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ValueError("a server is spoken to over pipes")
    return stream


def main() -> None:
    """One of them: what it is about, then how many seconds for each round, until all is said."""
    url, callers, organisations = json.loads(sys.stdin.readline())
    with found(url, [OrganisationId(UUID(id)) for id in organisations], callers) as place:
        service = Service(place)

        async def act(_: int) -> None:
            await service.hold_and_capture(random.choice(place.organisations))

        for line in sys.stdin:
            measured = calls_on_a_loop(act, callers, json.loads(line))
            print(json.dumps([measured.rate, measured.count]), flush=True)


if __name__ == "__main__":
    main()
