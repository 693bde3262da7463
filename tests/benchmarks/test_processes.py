"""What processes take and how they come back: shapes and counts."""

import os

import psycopg

from benchmarks.idling import idle, remembered
from benchmarks.installation import await_so
from benchmarks.processes import processor_seconds, resident_megabytes
from benchmarks.recovering import recovering

OPEN = "SELECT count(*) FROM operations WHERE due_at IS NOT NULL"
NAMES = {"serve", "work-0"}


def test_a_process_has_taken_time_and_memory():
    pid = os.getpid()
    before = processor_seconds(pid)
    sum(range(3_000_000))
    assert processor_seconds(pid) > before
    assert resident_megabytes(pid) > 10


def test_the_larger_of_both_processes_counts(place):
    found = idle(place).read(0.2)
    assert set(found.beside) == NAMES
    assert found.value == max(found.beside.values())


def test_memory_is_that_before_and_after(place):
    found = remembered(place, 2, lambda _: None)
    resident = found["resident_megabytes"]
    assert (found["count"], found["errors"]) == (2, 0)
    assert set(resident["before"]) == set(resident["after"]) == NAMES
    assert found["megabytes"] == max(*resident["before"].values(), *resident["after"].values())


def test_all_that_was_open_when_everything_died_is_carried_to_its_end(place):
    before = {name: process.pid for name, process in place.running.items()}
    found = recovering(place, backlog=20).read(0.0)
    assert found.count > 0
    assert found.errors == 0
    assert all(process.pid != before[name] for name, process in place.running.items())
    await_so(place, "all deployments are over", OPEN)
    with psycopg.connect(place.parts.database) as looking:
        states = looking.execute(
            "SELECT DISTINCT state::text FROM operations WHERE kind = 'deployment'"
        ).fetchall()
    assert states == [("Completed",)]
