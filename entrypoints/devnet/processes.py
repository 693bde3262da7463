"""Child processes that die with us, and ports that nobody else takes."""

import ctypes
import fcntl
import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
#: Becomes another user, asks for a signal at its parent's death (PR_SET_PDEATHSIG is 1), and
#: becomes the server.  A program and not a preexec_fn, which may hang where threads run.
_LEASH = """
import ctypes, os, sys
death, parent, uid, gid = map(int, sys.argv[1:5])
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if death and sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, death)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
os.execv(sys.argv[5], sys.argv[5:])
"""
#: Below the range from which systems pick ports for outgoing connections.
_PORTS = range(20_000, 32_000)
#: The descriptors that hold our ports.
_reserved: dict[int, int] = {}
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="devnet")


class DevnetError(Exception):
    """A server could not be found, started or stopped; the message says what to do."""


def free_port() -> int:
    """A free port on the loopback interface, ours until it is given back or this process ends.

    Processes that all ask here never get the same one: each port has a lock file.
    """
    folder = Path(tempfile.gettempdir()) / f"tallystick-ports-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(_PORTS, k=200):
        reservation = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(reservation, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(reservation)
            continue
        if _is_free(port):
            # A bare descriptor: unless it is closed the reservation ends with the process.
            _reserved[port] = reservation
            return port
        os.close(reservation)
    raise DevnetError("no free port between 20000 and 32000 in 200 tries")


def give_back(port: int) -> None:
    """End the reservation of a port whose server is gone; of any other port, nothing."""
    reservation = _reserved.pop(port, None)
    if reservation is not None:
        os.close(reservation)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def spawn(
    arguments: Sequence[str | Path],
    *,
    dies_by: signal.Signals | None,
    user: pwd.struct_passwd | None = None,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own: an interrupt at the terminal is for us to pass on.

    On Linux the kernel sends it `dies_by` when this process is gone, however it went.
    """
    words = [str(argument) for argument in arguments]
    if user is None and dies_by is None:
        return _popen(words, options)
    leash = [
        *(sys.executable, "-I", "-S", "-c", _LEASH, str(int(dies_by or 0)), str(os.getpid())),
        *((str(user.pw_uid), str(user.pw_gid)) if user else ("-1", "-1")),
    ]
    # The kernel means the thread that starts a child, so one that lasts starts them all.
    return _starter.submit(_popen, [*leash, *words], options).result()


def _popen(words: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, start_new_session=True, **options)


def die_with_parent() -> None:
    """Be killed by the kernel when the process that started this one is gone; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
