"""Take a backup, restore it beside, and hold the copy against all that can be checked.

Nothing is signed, sent or written but in the copy: no worker and no API process is started,
because over a copy these would send.  The sealer is asked to seal the copy with a copy of its
state file, and must refuse.  Run it with the configuration of a sealer in its environment:

    python tools/restore_drill.py --source "$SUPERUSER_URL"

docs/operations.md says what it is for, docs/restoring.md what a real restore takes.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from entrypoints.devnet import embedded_postgres

#: In the server that the copy is restored into.
COPY = "tallystick_drill"
#: Connections that the configuration names, each with a role and a password of its own.
CONNECTIONS = (
    "TALLYSTICK_DATABASE_URL",
    "TALLYSTICK_DATABASE_READER_URL",
    "TALLYSTICK_SEAL_DATABASE_URL",
)
STATE = "TALLYSTICK_SEAL_STATE_FILE"
#: Tables of what lets somebody in.
WITH_AN_EPOCH = ("sessions", "api_keys", "letters", "sign_in_flows")
#: What a sealer must say of a copy that was restored from a dump (docs/sealing.md).
REFUSALS = {"another_cluster", "state_behind", "state_ahead"}


class DrillError(Exception):
    """Something is not as it must be."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Restore a backup beside, and check the copy.")
    parser.add_argument("--source", required=True, help="postgresql://superuser@host/database")
    parser.add_argument(
        "--target", help="of a superuser of a server that has nothing yet; else one is started"
    )
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tallystick-drill-") as folder:
        try:
            if chosen.target:
                _drill(chosen.source, chosen.target, Path(folder))
            else:
                with embedded_postgres.running() as target:
                    _drill(chosen.source, target, Path(folder))
        except DrillError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    print("the backup can be restored; nothing was signed, sent or started")
    return 0


def _drill(source: str, target: str, folder: Path) -> None:
    dump, roles = folder / "dump", folder / "roles.sql"
    with _step("backup: roles and database"):
        roles.write_text(_program("pg_dumpall", "--roles-only", "--dbname", source), "utf-8")
        _program("pg_dump", "--format=custom", "--file", str(dump), "--dbname", source)
    copy = _at(target, target, COPY)
    with _step("restored beside"):
        _without_own(roles, urlsplit(target).username or "postgres")
        _program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(roles), target)
        _program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", f"CREATE DATABASE {COPY}", target)
        _program("pg_restore", "--exit-on-error", "--dbname", copy, str(dump))
    environment = _of_the_copy(target, folder)
    with _step("all access of the copy ended: access end-all"):
        _ends_all_access(environment, copy)
    with _step("the ledger of the copy: verify ledger"):
        _holds(environment, "verify", "ledger")
    with _step("the trail of the copy: verify audit"):
        _holds(environment, "verify", "audit")
    if STATE not in environment:
        print("       nothing is sealed by this configuration: the sealer was not asked")
        return
    with _step("the sealer refuses the copy"):
        _is_refused(environment)


def _of_the_copy(target: str, folder: Path) -> dict[str, str]:
    """The environment, with every connection to the copy and a copy of the sealer's memory."""
    environment = dict(os.environ)
    for name in CONNECTIONS:
        value = _value(environment, name)
        if value is not None:
            environment.pop(f"{name}_FILE", None)
            environment[name] = _at(value, target, COPY)
    if "TALLYSTICK_DATABASE_URL" not in environment:
        raise DrillError(
            "TALLYSTICK_DATABASE_URL is missing: its role is what the copy is read by"
        )
    if state := environment.get(STATE):
        kept = folder / "sealer.json"
        if Path(state).exists():
            shutil.copy2(state, kept)
        environment[STATE] = str(kept)
    return environment


def _value(environment: Mapping[str, str], name: str) -> str | None:
    file = environment.get(f"{name}_FILE")
    return Path(file).read_text("utf-8").strip() if file else environment.get(name)


def _at(url: str, server: str, database: str) -> str:
    """*url* with its own role and password, at *server*."""
    own, there = urlsplit(url), urlsplit(server)
    login = own.netloc.rpartition("@")[0]
    place = there.netloc.rpartition("@")[2]
    return urlunsplit(("postgresql", f"{login}@{place}", f"/{database}", there.query, ""))


def _without_own(roles: Path, own: str) -> None:
    """The server has its superuser already, whose password is not to become another."""
    mine = re.compile(rf'(?:CREATE|ALTER) ROLE "?{re.escape(own)}"?[ ;]')
    lines = roles.read_text("utf-8").splitlines(keepends=True)
    roles.write_text("".join(line for line in lines if not mine.match(line)), "utf-8")


def _holds(environment: Mapping[str, str], *command: str) -> None:
    done = _tallystick(environment, *command)
    if done.returncode:
        raise DrillError(f"tallystick {' '.join(command)}: {_said(done)}")


def _ends_all_access(environment: Mapping[str, str], copy: str) -> None:
    """Whoever could come in by what the backup brings back is out."""
    before = int(_program("psql", "-At", "-c", "SELECT auth_epoch FROM installation", copy))
    done = _tallystick(
        environment, "access", "end-all", "--yes", "--reason", "restore drill", "--json"
    )
    if done.returncode or json.loads(done.stdout) != {"auth_epoch": before + 1}:
        raise DrillError(f"tallystick access end-all: {_said(done)}")
    for table in WITH_AN_EPOCH:
        # The names are ours, and psql takes no parameters.
        left = f"SELECT count(*) FROM {table} WHERE auth_epoch > {before}"  # noqa: S608 - as said
        if int(_program("psql", "-At", "-c", left, copy)):
            raise DrillError(f"{table} of the copy are good after all access was ended")


def _is_refused(environment: Mapping[str, str]) -> None:
    done = _tallystick(environment, "seal", "--once", "--json")
    try:
        code = json.loads(done.stdout).get("code")
    except ValueError:
        code = None
    if done.returncode == 0 or code not in REFUSALS | {"state_missing", "log_not_open"}:
        raise DrillError(
            f"the sealer did not refuse the copy ({_said(done)}): two histories could be signed "
            "under one name.  Is the copy in the same cluster?"
        )
    if code not in REFUSALS:
        raise DrillError(f"the sealer could not be tried ({code}): {_said(done)}")
    print(f"       {code}")


def _tallystick(environment: Mapping[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "entrypoints.main", *command],
        env={**environment, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stdout + done.stderr).strip()[-2_000:] or f"status {done.returncode}"


def _program(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [embedded_postgres.programs() / name, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DrillError(f"{name}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _step(what: str, now: Callable[[], float] = time.monotonic) -> Iterator[None]:
    began = now()
    yield
    print(f"{now() - began:5.1f} s {what}")


if __name__ == "__main__":
    sys.exit(main())
