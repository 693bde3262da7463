"""anvil, an EVM node for development and tests, in the two profiles that tests ask for.

fast
    Every transaction is a block, and a block is final at once.  Of 256 blocks it knows the states,
    as a node that is no archive does.  Its own is kept by `stop` only, and not of a transaction
    still being mined: wait for the receipt first.
hard
    A block each second, the state written each second: for reorgs (`anvil_reorg`) and for `kill`,
    after which at most the last seconds are lost, as with a node that was behind.
"""

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from entrypoints.devnet.processes import DevnetError, free_port, spawn

Profile = Literal["fast", "hard"]

#: anvil's default accounts each hold 10,000 ETH; this is the first one's well-known key.
FIRST_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
FIRST_PRIVATE_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

_PROFILES: dict[Profile, list[str]] = {
    # Without the first `finalized` lags two epochs, and the last deployments would wait for ever.
    # Without the second each block beyond the 500th leaves a whole state of its past in the home
    # of whoever runs it: after 2,000 contracts 40 MB each.  Geth keeps 128 where it is no archive.
    "fast": ["--slots-in-an-epoch", "0", "--prune-history", "256"],
    # Old states are kept, or after a restart nothing could be asked about a final block.
    "hard": ["--block-time", "1", "--state-interval", "1", "--preserve-historical-states"],
}
_START_SECONDS = 20.0
_STOP_SECONDS = 20.0


class Anvil:
    """One node.  After `stop` or `kill` it may be started again: on the same port and, if it has a
    state file, with the same chain.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        profile: Profile = "fast",
        state: Path | None = None,
        chain_id: int = 31337,
        extra: Sequence[str] = (),
    ) -> None:
        self.port = port or free_port()
        self.profile = profile
        self.state = state
        self.chain_id = chain_id
        self.extra = tuple(extra)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> Self:
        if self._process is not None:
            raise DevnetError(f"anvil on port {self.port} runs already")
        state = ["--state", str(self.state)] if self.state else []
        self._process = spawn(
            [
                *(binary(), "--silent", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--chain-id", str(self.chain_id), *_PROFILES[self.profile], *state, *self.extra),
            ],
            dies_by=signal.SIGTERM,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._await_answer(self._process)
        return self

    def stop(self) -> None:
        """SIGTERM: the state file is written."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: the state file is as the last interval left it.

        Never amid the writing of it: anvil writes in place, and could not start from a half.
        """
        process = self._running()
        while True:
            process.send_signal(signal.SIGSTOP)
            if self._state_is_whole():
                break
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        self._end(signal.SIGKILL)

    def call(self, method: str, *params: object) -> object:
        """Ask the node, by-passing any proxy; for `anvil_…`, `evm_…` and checks."""
        return call(self.url, method, *params)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if self.state is None:
            # Nothing is to be saved, and now and then it does not hear SIGTERM.
            self.kill()
        else:
            self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise DevnetError(f"anvil on port {self.port} is not running")
        return self._process

    def _state_is_whole(self) -> bool:
        if self.state is None or not self.state.exists():
            return True
        try:
            json.loads(self.state.read_bytes())
        except ValueError:
            return False
        return True

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                if self.call("eth_chainId") == hex(self.chain_id):
                    return
            time.sleep(0.02)
        self._process = None
        process.kill()
        _, said = process.communicate()
        raise DevnetError(f"anvil did not start on port {self.port}: {said.decode().strip()}")

    def _end(self, signal_number: signal.Signals) -> None:
        process = self._running()
        self._process = None
        process.send_signal(signal_number)
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise DevnetError(f"anvil on port {self.port} did not stop and was killed") from None


class JsonRpcError(Exception):
    """The node's own refusal: `code`, then its words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def call(url: str, method: str, *params: object, timeout_seconds: float = 10.0) -> object:
    """One JSON-RPC call.

    Raises:
        JsonRpcError: the node answered with an error.
        OSError: no answer.
    """
    question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    request = urllib.request.Request(  # noqa: S310 - the scheme is that of a server we started
        url, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=timeout_seconds) as response:  # noqa: S310 - as above
        answer = json.load(response)
    if "error" in answer:
        raise JsonRpcError(answer["error"]["code"], answer["error"]["message"])
    return answer["result"]


def binary() -> Path:
    """anvil: as TALLYSTICK_ANVIL_BIN says, else of tools/node_modules, else found on the path."""
    chosen = os.environ.get("TALLYSTICK_ANVIL_BIN")
    if chosen:
        return Path(chosen)
    processor = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{processor}"
    modules = Path(__file__).resolve().parents[2] / "tools" / "node_modules"
    installed = modules / "@foundry-rs" / package / "bin" / "anvil"
    if installed.exists():
        return installed
    on_path = shutil.which("anvil")
    if on_path is None:
        raise DevnetError(f"anvil is not here: run `make setup` (looked for {installed})")
    return Path(on_path)
