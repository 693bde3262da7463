"""Blocks on disk, one line for each and one for a run of empty ones, each line synced.

A process that is killed while it writes leaves a torn last line, which is dropped: nobody was told
of that block.  A line that is whole but wrong is not ours to repair.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from entrypoints.devnet.algod.transactions import Group, read
from entrypoints.devnet.processes import DevnetError


@dataclass(frozen=True)
class Entry:
    """`count` blocks from `round` on; only a single one has groups."""

    round: int
    timestamp: int
    count: int
    groups: tuple[Group, ...]
    #: Of the last block.
    hash: bytes


class Journal:
    def __init__(self, path: Path, genesis_hash: bytes) -> None:
        """Raises: DevnetError: the file is another chain's."""
        self._path = path
        self._genesis = base64.b64encode(genesis_hash).decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        self._drop_torn_line()
        if self._file.tell() == 0:
            self._write({"genesis": self._genesis})

    def entries(self) -> Iterator[Entry]:
        """Raises: DevnetError: not a journal of this chain."""
        with self._path.open("rb") as file:
            try:
                if json.loads(next(file))["genesis"] != self._genesis:
                    raise DevnetError(f"{self._path} holds a chain of another genesis")
                for line in file:
                    yield _entry(json.loads(line))
            except (ValueError, KeyError, StopIteration) as error:
                raise DevnetError(f"{self._path} is no journal of a development chain") from error

    def append(self, entry: Entry) -> None:
        """Returns when it is on disk."""
        self._write(
            {
                "round": entry.round,
                "ts": entry.timestamp,
                "count": entry.count,
                "groups": [
                    base64.b64encode(b"".join(each.encoded for each in group)).decode()
                    for group in entry.groups
                ],
                "hash": base64.b64encode(entry.hash).decode(),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _write(self, content: dict[str, Any]) -> None:
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _drop_torn_line(self) -> None:
        self._file.seek(0)
        written = self._file.read()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)


def _entry(content: dict[str, Any]) -> Entry:
    return Entry(
        round=content["round"],
        timestamp=content["ts"],
        count=content["count"],
        groups=tuple(read(base64.b64decode(group)) for group in content["groups"]),
        hash=base64.b64decode(content["hash"]),
    )
