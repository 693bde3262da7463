"""The limit of the ledger's figures: pgbench's TPC-B-like script on the same server."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from attrs import frozen
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.figures import Measured
from entrypoints.devnet import embedded_postgres

CLIENTS = 16
#: Branches, where clients are to stay out of each other's way; 16 MB each.
SCALE = 32

_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_DONE = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@frozen(kw_only=True)
class Pgbench:
    """A database of pgbench's own; as pgbench runs by default but for clients and time."""

    program: Path
    url: str

    def __call__(self, seconds: float) -> Measured:
        said = self._run("--client", str(CLIENTS), "--time", str(max(1, round(seconds))))
        count = int(_DONE.findall(said)[0])
        return Measured(
            rate=float(_TPS.findall(said)[0]),
            count=count,
            errors=int((_FAILED.findall(said) or ["0"])[0]),
        )

    def initialise(self, scale: int) -> None:
        self._run("--initialize", "--quiet", "--scale", str(scale))

    def _run(self, *arguments: str) -> str:
        place = conninfo_to_dict(self.url)
        return subprocess.run(
            [
                *(self.program, *arguments),
                *("--host", str(place["host"]), "--port", str(place["port"])),
                *("--username", str(place["user"]), str(place["dbname"])),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@contextmanager
def tpcb(server: str, scale: int) -> Iterator[Pgbench]:
    """*server*: a superuser's URL."""
    name = f"tpcb_{scale}"
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    side = Pgbench(
        program=embedded_postgres.programs() / "pgbench", url=make_conninfo(server, dbname=name)
    )
    side.initialise(scale)
    yield side
