"""A server that is killed comes back at the same place with what was committed."""

import os
import subprocess
import sys

import psycopg
import pytest

from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.processes import DevnetError, exists


@pytest.fixture
def folder():
    folder = embedded_postgres.temporary_folder()
    with embedded_postgres.running(folder):
        yield folder


def test_what_was_committed_survives_a_kill(folder):
    url = embedded_postgres.url(folder)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'kept' AS words")
    embedded_postgres.kill(folder)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    assert embedded_postgres.start(folder) == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT words FROM notes").fetchall() == [("kept",)]


def test_stopping_twice_is_no_error(folder):
    embedded_postgres.stop(folder)
    embedded_postgres.stop(folder)


def test_a_setting_that_the_server_refuses_is_shown_with_its_words(folder):
    embedded_postgres.stop(folder)
    with pytest.raises(DevnetError, match="no_such_setting"):
        embedded_postgres.start(folder, options=["no_such_setting=1"])


def test_a_server_ends_with_a_process_that_is_killed():
    if sys.platform != "linux":
        pytest.skip("only Linux promises this")
    script = (
        "import os, signal; from entrypoints.devnet import embedded_postgres as postgres;"
        "folder = postgres.temporary_folder(); postgres.start(folder);"
        "print((folder / 'postmaster.pid').read_text().splitlines()[0], flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    postmaster = int(told.stdout)
    # Its parent is gone, so nobody of ours can wait for it: watch its entry in /proc instead.
    for _ in range(2_000_000):
        if not exists(postmaster) or is_zombie(postmaster):
            break
        os.sched_yield()
    else:
        pytest.fail(f"the server {postmaster} is still running")


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
