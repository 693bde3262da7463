"""What processes take, as Linux tells of them in /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: proc_pid_stat(5): utime and stime, counted from the state behind the name in parentheses.
_USER, _SYSTEM = 11, 12
#: cutime and cstime.
_ENDED_USER, _ENDED_SYSTEM = 13, 14
_MEGABYTE = 1_000_000


def processor_seconds(pid: int) -> float:
    """Of the process itself, all its threads, in user and system mode."""
    return _ticks(pid, _USER, _SYSTEM) / _TICKS


def seconds_of_the_ended(pid: int) -> float:
    """Of its children that have ended, likewise."""
    return _ticks(pid, _ENDED_USER, _ENDED_SYSTEM) / _TICKS


def _ticks(pid: int, *places: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[place]) for place in places)


def resident_megabytes(pid: int) -> float:
    """What it has in memory, shared pages included, in units of 1,000,000 bytes."""
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident * _PAGE / _MEGABYTE


def threads(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def open_files(pid: int) -> int:
    """Descriptors: files, connections, pipes."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
