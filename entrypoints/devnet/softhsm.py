"""SoftHSM's tokens in a folder of their own: a PKCS #11 module without a machine behind it.

SoftHSM reads where its tokens are when a process loads it, from SOFTHSM2_CONF: set that before.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from entrypoints.devnet.processes import DevnetError

MODULE = "TALLYSTICK_SOFTHSM_MODULE"
CONFIGURATION = "SOFTHSM2_CONF"
#: Where Debian, Fedora, Alpine and Homebrew put it.
_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
_SECONDS = 30


@dataclass(frozen=True)
class SoftHsm:
    module: Path
    #: Set this for whoever loads the module.
    environment: Mapping[str, str]
    _tool: str

    def add_token(self, label: str, pin: str) -> str:
        """A fresh token; its address, as ``pkcs11:`` references begin."""
        self._run("--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", pin + "0")
        return f"token={label}?module-path={self.module}"

    def remove_token(self, label: str) -> None:
        self._run("--delete-token", "--token", label)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [self._tool, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            # Not the arguments: the PIN is among them.
            raise DevnetError(f"softhsm2-util {arguments[0]}: {done.stderr.strip()[-300:]}")


def problem() -> str | None:
    """Why there is no SoftHSM here; None: there is."""
    try:
        _module(), _tool()
    except DevnetError as error:
        return str(error)
    return None


def set_up(folder: Path) -> SoftHsm:
    """Without tokens yet, in *folder*.  Raises: DevnetError."""
    tokens, configuration = folder / "tokens", folder / "softhsm2.conf"
    tokens.mkdir(parents=True, exist_ok=True)
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return SoftHsm(_module(), {CONFIGURATION: str(configuration)}, _tool())


def _module() -> Path:
    named = os.environ.get(MODULE)
    for place in [named] if named else _PLACES:
        if Path(place).is_file():
            return Path(place)
    raise DevnetError(f"needs SoftHSM: install softhsm2, or name its library in {MODULE}")


def _tool() -> str:
    found = shutil.which("softhsm2-util")
    if found is None:
        raise DevnetError("needs SoftHSM: softhsm2-util is not on the path; install softhsm2")
    return found
