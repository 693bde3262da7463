"""``make sizes``: what one deployment leaves behind, in rows and bytes, and takes of processors.

Measured on a real installation, between two checkpoints of its PostgreSQL, with so many
deployments that pages are full.  Written to benchmarks/results/sizes.json, from which
benchmarks/scaling.py reckons.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.__main__ import RESULTS, circumstances
from benchmarks.installation import Installation, installed
from benchmarks.issuing import carried, differences
from benchmarks.processes import processor_seconds, seconds_of_the_ended

CUSTOMERS = 20
WORKERS = 2
COUNT = 2_000
#: Of these none is measured: first pages, first months, plans of statements.
WARMING = 100

#: Each table with its partitions: what it takes with its indexes, and its rows.
_TABLES = """
SELECT coalesce(parent.relname, child.relname) AS name,
       sum(pg_total_relation_size(child.oid))::bigint AS bytes
  FROM pg_class AS child
  LEFT JOIN pg_inherits ON inhrelid = child.oid
  LEFT JOIN pg_class AS parent ON parent.oid = inhparent
 WHERE child.relkind = 'r'
   AND child.relnamespace = 'public'::regnamespace
 GROUP BY 1
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make sizes", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=COUNT, help="deployments")
    asked = parser.parse_args(arguments)
    found = measured(asked.count, partial(print, flush=True)) | circumstances()
    written = RESULTS.with_name("sizes.json")
    written.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(f"written: benchmarks/results/{written.name}; make scaling writes the page")
    return 0


def measured(count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Raises: NotReadyError."""
    with installed(customers=CUSTOMERS, workers=WORKERS) as place:
        carried(place, WARMING, say)
        before, wal, server = _tables(place), _wal(place), _server_seconds(place)
        found = carried(place, count, say)
        seconds = _server_seconds(place) - server
        written = _wal(place) - wal
        after = _tables(place)
        wrong = list(differences(place))
    ours: Any = found["processor_seconds"]
    return {
        "count": found["count"],
        "errors": found["errors"],
        "differences": len(wrong),
        "per_second": found["per_second"],
        "rows": _per_deployment(before, after, count, "rows"),
        "bytes": _per_deployment(before, after, count, "bytes"),
        "wal_bytes": round(written / count),
        "processor_milliseconds": {
            "serve": round(ours["serve"] * 1_000 / count, 2),
            "work": round(
                sum(seconds for name, seconds in ours.items() if name.startswith("work"))
                * 1_000
                / count,
                2,
            ),
            "postgresql": round(seconds * 1_000 / count, 2),
        },
        "notes": {
            "deployments": f"half on either chain, {WORKERS} workers, one API process,"
            f" {CUSTOMERS} organisations, after {WARMING} that are not counted",
            "bytes": "with indexes and what is free in their pages",
            "wal": "with full pages, as after a checkpoint",
        },
    }


def _tables(place: Installation) -> dict[str, dict[str, int]]:
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        found = {}
        for name, size in connection.execute(_TABLES).fetchall():
            # The names are the catalogue's own.
            (row,) = connection.execute(f'SELECT count(*) FROM "{name}"'.encode()).fetchall()  # noqa: S608
            found[name] = {"bytes": int(size), "rows": int(row[0])}
        return found


def _wal(place: Installation) -> int:
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        ((position,),) = connection.execute(
            "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
        ).fetchall()
        return int(position)


def _server_seconds(place: Installation) -> float:
    """Of the postmaster and everything that it has started, whether it still runs or not."""
    postmaster = int((place.postgres / "postmaster.pid").read_text().split()[0])
    children = [
        int(each.name)
        for each in Path("/proc").iterdir()
        if each.name.isdigit() and _parent(each) == postmaster
    ]
    running = sum(processor_seconds(pid) for pid in (postmaster, *children))
    return running + seconds_of_the_ended(postmaster)


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None  # it has ended


def _per_deployment(
    before: Mapping[str, Mapping[str, int]],
    after: Mapping[str, Mapping[str, int]],
    count: int,
    what: str,
) -> dict[str, float]:
    grown = {name: (after[name][what] - before[name][what]) / count for name in before}
    return {name: round(each, 2) for name, each in sorted(grown.items()) if each > 0}


if __name__ == "__main__":
    sys.exit(main())
