"""The network as a child process, to be killed and started again."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from entrypoints.devnet.algod.world import Mode
from entrypoints.devnet.processes import DevnetError, free_port, spawn

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_ROOT = Path(__file__).resolve().parents[3]


class AlgodProcess:
    """`tallystick devnet`.  After `stop` or `kill` it may be started again: on the same ports and,
    if it has a state file, with the same chain.
    """

    def __init__(
        self,
        *,
        nodes: int = 1,
        ports: Sequence[int] = (),
        mode: Mode = "instant",
        block_time: float = 1.0,
        idle_seconds: float = 0.0,
        state: Path | None = None,
        kept_rounds: Sequence[int | None] = (),
        genesis_seed: str = "",
    ) -> None:
        self.ports = [*ports, *(free_port() for _ in range(nodes - len(ports)))]
        self.mode = mode
        self.block_time = block_time
        self.idle_seconds = idle_seconds
        self.state = state
        self.kept_rounds = tuple(kept_rounds)
        self.genesis_seed = genesis_seed
        #: What it said when it was ready: nodes, genesis_id, genesis_hash, caip2, dispenser, …
        self.description: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @property
    def url(self) -> str:
        """The first node's."""
        return self.urls[0]

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> Self:
        if self._process is not None:
            raise DevnetError("the development network runs already")
        self._process = spawn(
            [sys.executable, "-m", "entrypoints.main", "devnet", "--json", *self._options()],
            dies_by=signal.SIGTERM,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_ROOT,
        )
        self._await_ready(self._process)
        return self

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: every block that anybody was told of is on disk."""
        self._end(signal.SIGKILL)

    def control(self, path: str, node: int = 0, **content: object) -> dict[str, Any]:
        """POST to /devnet/`path` of a node.  Raises: OSError: no answer, or a refusal."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is that of a server we started
            f"{self.urls[node]}/devnet/{path}", json.dumps(content).encode()
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
            answer: dict[str, Any] = json.load(response)
        return answer

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.stop()

    def _options(self) -> list[str]:
        options = ["--mode", self.mode, "--block-time", str(self.block_time)]
        options += ["--idle-seconds", str(self.idle_seconds)]
        for port in self.ports:
            options += ["--port", str(port)]
        for kept in self.kept_rounds:
            options += ["--kept-rounds", str(kept or 0)]
        if self.state:
            options += ["--state", str(self.state.absolute())]
        if self.genesis_seed:
            options += ["--genesis-seed", self.genesis_seed]
        return options

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise DevnetError("the development network is not running")
        return self._process

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - we asked for a pipe
        patience = threading.Timer(_START_SECONDS, process.kill)
        patience.start()
        line = process.stdout.readline()
        patience.cancel()
        with contextlib.suppress(ValueError):
            self.description = json.loads(line)
            return
        self._process = None
        process.kill()
        _, said = process.communicate()
        raise DevnetError(f"the development network did not start: {said.decode().strip()}")

    def _end(self, signal_number: signal.Signals) -> None:
        process = self._running()
        self._process = None
        process.send_signal(signal_number)
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise DevnetError("the development network did not stop and was killed") from None
