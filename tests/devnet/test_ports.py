"""Ports are ours alone while we have them, and others' afterwards."""

import fcntl
import os
import subprocess
import sys

from entrypoints.devnet import algod, processes

#: Exits with 0 where somebody else holds the lock file.
_IS_HELD = """
import fcntl, sys
with open(sys.argv[1]) as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(0)
sys.exit(1)
"""


def is_held(port: int) -> bool:
    held = processes._reserved.get(port)
    path = f"/proc/self/fd/{held}" if held is not None else None
    target = os.readlink(path) if path else None
    if target is None:
        return False
    return subprocess.run([sys.executable, "-c", _IS_HELD, target], check=False).returncode == 0


def test_a_port_is_held_until_it_is_given_back():
    port = processes.free_port()
    assert is_held(port)
    descriptor = processes._reserved[port]
    processes.give_back(port)
    assert not is_held(port)
    try:
        fcntl.fcntl(descriptor, fcntl.F_GETFD)
    except OSError:
        return
    raise AssertionError("the descriptor is still open")


def test_giving_back_what_nobody_reserved_does_nothing():
    processes.give_back(1)


def test_a_network_that_ends_gives_its_ports_back():
    """Full counts start thousands of them in one process."""
    before = set(processes._reserved)
    with algod.devnet(nodes=2, mode="manual"):
        assert len(set(processes._reserved) - before) == 2
    assert set(processes._reserved) == before
