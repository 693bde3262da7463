"""A KMS on the loopback: MiniStack, in an environment of its own.

It pins another botocore than we do, so it is installed from tools/ministack.lock into
.cache/ministack when it is first started, and run as a process.  It is a double and no KMS: it
knows no permissions and no throttling, and takes messages of any length.
"""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Self

from entrypoints.devnet import own_environment
from entrypoints.devnet.processes import DevnetError, free_port, give_back, spawn

_NAME = "ministack"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
#: It takes any; these are what clients need to sign their requests with.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "loopback",
    "AWS_SECRET_ACCESS_KEY": "loopback",
    "AWS_SESSION_TOKEN": "",
}
REGION = "eu-central-1"


class MiniStack:
    """Started with `start`, or as a context manager; keys are gone when it stops."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """As ``aws-kms:`` in the configuration goes on."""
        return f"{REGION}?endpoint={self.url}"

    def start(self) -> Self:
        program = own_environment.installed(_NAME) / "bin/ministack"
        self._process = spawn(
            [program],
            dies_by=signal.SIGKILL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                "PATH": os.environ.get("PATH", ""),
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "SERVICES": "kms",
            },
        )
        self._await()
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        give_back(self.port)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _await(self) -> None:
        ends = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends:
            if self._process is None or self._process.poll() is not None:
                raise DevnetError("MiniStack ended as soon as it was started")
            try:
                with urllib.request.urlopen(self.url, timeout=1):  # noqa: S310 - our own server
                    return
            except urllib.error.HTTPError:
                return  # whatever it says, it listens
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise DevnetError(f"MiniStack does not answer at {self.url}")


def problem() -> str | None:
    """Why there is no MiniStack here; None: there is."""
    return own_environment.problem(_NAME)
