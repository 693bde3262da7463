"""A provider of log-ins on the loopback that others have written: oidc-provider-mock.

It lets in whoever says who they are, and speaks OpenID Connect by Authlib's server side.
"""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from entrypoints.devnet import own_environment
from entrypoints.devnet.processes import DevnetError, free_port, give_back, spawn

_NAME = "oidc-provider"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class LoginProvider:
    """Started as a context manager; *people* by subject, with their claims."""

    def __init__(self, people: Mapping[str, Mapping[str, object]]) -> None:
        self.port = free_port()
        self._people = people
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        program = own_environment.installed(_NAME) / "bin/oidc-provider-mock"
        known = [json.dumps({"sub": sub, **claims}) for sub, claims in self._people.items()]
        self._process = spawn(
            [program, "--port", str(self.port), *(f"--user-claims={each}" for each in known)],
            dies_by=signal.SIGKILL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONUTF8": "1"},
        )
        self._await()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        give_back(self.port)

    def _await(self) -> None:
        ends = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends:
            if self._process is None or self._process.poll() is not None:
                raise DevnetError("the provider of log-ins ended as soon as it was started")
            try:
                with urllib.request.urlopen(self.issuer, timeout=1):  # noqa: S310 - our own server
                    return
            except urllib.error.HTTPError:
                return  # whatever it says, it listens
            except OSError:
                time.sleep(0.05)
        self.__exit__(None, None, None)
        raise DevnetError(f"the provider of log-ins does not answer at {self.issuer}")


def problem() -> str | None:
    """Why there is none here; None: there is."""
    return own_environment.problem(_NAME)
