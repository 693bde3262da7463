"""A PostgreSQL that is backed up as docs/operations.md says, lost, and restored.

A base backup, and an archive to which the server hands each file of its log.  What it has not
handed over yet is lost with it.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from attrs import frozen

from entrypoints.devnet import embedded_postgres

_PATIENCE_SECONDS = 60.0
#: Within the data directory: recover, and become a server of its own.
_SIGNAL = "recovery.signal"


class LostError(Exception):
    """The archive does not get, or does not have, what it should."""


@frozen(kw_only=True)
class Server:
    cluster: Path
    #: Of another disk than the cluster, in an installation.
    archive: Path
    base: Path

    @classmethod
    def within(cls, folder: Path) -> Server:
        made = cls(
            cluster=folder / "postgres", archive=folder / "archive", base=folder / "base-backup"
        )
        made.archive.mkdir()
        if _is_root():
            shutil.chown(made.archive, "nobody")
        return made

    @property
    def url(self) -> str:
        return embedded_postgres.url(self.cluster)

    def start(self) -> str:
        return embedded_postgres.start(self.cluster, options=self._archiving())

    def _archiving(self) -> list[str]:
        """A file that is there already with the same bytes has been handed over, and a file that
        is there is whole.
        """
        file = f"{self.archive}/%f"
        command = (
            f"cmp -s %p {file} || (test ! -e {file} && cp %p {file}.new && mv {file}.new {file})"
        )
        return ["archive_mode=on", f"archive_command={command}"]

    def back_up(self) -> None:
        source = f"--dbname={self.url}"
        how = ("--checkpoint=fast", "--wal-method=none", "--manifest-checksums=SHA256")
        _run("pg_basebackup", source, f"--pgdata={self.base}", *how)
        self.check()

    def check(self) -> None:
        """Every file of the base backup is what its manifest says.  Raises: LostError."""
        _run("pg_verifybackup", "--no-parse-wal", self.base)

    def moment(self) -> dt.datetime:
        """An instant between what has been committed and what will be."""
        found: dt.datetime = _asked(self.url, "SELECT clock_timestamp()")
        time.sleep(0.1)
        return found

    def hand_over(self) -> None:
        """Everything so far is in the archive.  Raises: LostError."""
        # Where nothing was written since the last file began, there is nothing to switch.
        _asked(
            self.url, "SELECT pg_logical_emit_message(false, 'drill', 'a file ends here')::text"
        )
        name = _asked(self.url, "SELECT pg_walfile_name(pg_switch_wal())")
        _await((self.archive / name).exists, f"{name} does not come into the archive")

    def destroy(self) -> None:
        """SIGKILL, and not a file is left of it."""
        embedded_postgres.kill(self.cluster)
        shutil.rmtree(self.cluster)

    def restore(self, to: dt.datetime | None) -> str:
        """From the base backup and the archive: to an instant, or as far as the archive goes."""
        shutil.copytree(self.base, self.cluster)
        (self.cluster / _SIGNAL).touch()
        if _is_root():
            for path in (self.cluster, *self.cluster.rglob("*")):
                shutil.chown(path, "nobody")
        self.cluster.chmod(0o700)
        target = [f"recovery_target_time={to.isoformat()}"] if to else []
        url = embedded_postgres.start(
            self.cluster,
            options=[
                *self._archiving(),
                f"restore_command=cp {self.archive}/%f %p",
                "recovery_target_timeline=latest",
                "recovery_target_action=promote",
                *target,
            ],
        )
        _await(lambda: not _asked(url, "SELECT pg_is_in_recovery()"), "the server stays a copy")
        return url


def _asked(url: str, question: LiteralString) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def _await(is_so: Callable[[], bool], otherwise: str) -> None:
    """Raises: LostError."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise LostError(otherwise)
        time.sleep(0.05)


def _run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [embedded_postgres.programs() / program, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LostError(f"{program}: {done.stderr.strip()}")


def _is_root() -> bool:
    return embedded_postgres._nobody() is not None
