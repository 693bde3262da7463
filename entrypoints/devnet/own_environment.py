"""Programs for tests that cannot live in our environment: each has one of its own.

Installed from ``tools/<name>.lock``, pinned by hash, into ``.cache/<name>`` when it is first
wanted, and renewed when the lock has changed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from entrypoints.devnet.processes import DevnetError

_HOUSE = Path(__file__).parents[2]
_CACHE = _HOUSE / ".cache"


def problem(name: str) -> str | None:
    """Why there is no *name* here; None: there is."""
    try:
        installed(name)
    except DevnetError as error:
        return str(error)
    return None


def installed(name: str) -> Path:
    """Its environment.  Raises: DevnetError."""
    environment, lock = _CACHE / name, _HOUSE / f"tools/{name}.lock"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        stamp = environment / ".ready"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(environment, ignore_errors=True)
            _install(name, environment, lock)
            stamp.write_text(wanted)
    return environment


def _install(name: str, environment: Path, lock: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        raise DevnetError(f"needs {name}: no uv beside this Python to install it with")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", str(lock)],
    ):
        made = subprocess.run(
            command,
            env=os.environ
            | {
                "VIRTUAL_ENV": str(environment),
                "UV_SYSTEM_CERTS": "1",
                "UV_PYTHON_DOWNLOADS": "never",
                "UV_LINK_MODE": "copy",
            },
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            shutil.rmtree(environment, ignore_errors=True)
            raise DevnetError(f"needs {name}, which cannot be installed: {made.stderr[-500:]}")
