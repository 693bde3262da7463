"""A worker's session is weighed as its threads are, where the kernel weighs sessions."""

import os
import subprocess
import sys

import pytest

from entrypoints.worker import niceness

WEIGHS = """
from pathlib import Path
from entrypoints.worker.niceness import AUTOGROUP, of_this_session
of_this_session(7)
print(AUTOGROUP.read_text() if AUTOGROUP.exists() else "nice 0")
"""
#: Whoever is started by the session's first process has none of its own.
WITHIN = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WEIGHS!r}], check=True)"


def said_by(program):
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, start_new_session=True, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-2:]


def test_a_worker_with_a_session_of_its_own_weighs_it():
    known = niceness.AUTOGROUP.exists()
    assert said_by(WEIGHS) == ["nice", "7" if known else "0"]


def test_a_session_that_is_somebody_elses_is_left_as_it_is():
    assert said_by(WITHIN) == ["nice", "0"]


@pytest.mark.parametrize("place", [".", "no/where"], ids=["not to be written", "not there"])
def test_a_kernel_that_weighs_no_sessions_hinders_nobody(monkeypatch, tmp_path, place):
    monkeypatch.setattr(niceness, "AUTOGROUP", tmp_path / place)
    monkeypatch.setattr("os.getsid", lambda _: os.getpid())
    niceness.of_this_session(7)
