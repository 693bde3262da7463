import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from attrs import define, field

from application.ports.files import FileDraft, Files
from domain.errors import MisuseError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*", re.ASCII)


@define
class MemoryFiles(Files):
    kept: dict[str, bytes] = field(factory=dict, repr=False)
    #: What every write and every question ends with, for as long as it is set.
    failure: Exception | None = None

    @contextmanager
    def draft(self) -> Iterator[FileDraft]:
        self._fail()
        yield _Draft(self)

    def open(self, name: str) -> BinaryIO | None:
        self._fail()
        content = self.kept.get(_checked(name))
        return None if content is None else BytesIO(content)

    def remove(self, folder: str) -> None:
        self._fail()
        inside = f"{_checked(folder)}/"
        for name in [name for name in self.kept if name.startswith(inside)]:
            del self.kept[name]

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@define
class _Draft(FileDraft):
    _files: MemoryFiles
    _content: bytearray = field(factory=bytearray, repr=False)

    def write(self, data: bytes) -> int:
        self._files._fail()
        self._content += data
        return len(data)

    def keep(self, name: str) -> None:
        self._files._fail()
        self._files.kept[_checked(name)] = bytes(self._content)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise MisuseError(f"{name!r} is no name of a file")
    return name
