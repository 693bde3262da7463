"""A file becomes durable in three steps: its bytes, its name, the folder that has the name.

Drafts lie in a folder of their own on the same volume, so that giving a name is one step that
either happens or does not.  What a process that was killed has left there is removed by a later
draft.  Files are readable by their owner only: they hold an organisation's trail.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from attrs import define, field, frozen

from application.ports.files import FileDraft, Files, FilesUnavailableError
from domain.errors import MisuseError

_WORD = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
_DRAFTS = ".drafts"
_FORGOTTEN_AFTER_SECONDS = 24 * 60 * 60


@frozen
class FolderFiles(Files):
    _folder: Path

    @contextmanager
    def draft(self) -> Iterator[FileDraft]:
        drafts = self._folder / _DRAFTS
        with _translated():
            drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
            _forget(drafts)
            handle, name = tempfile.mkstemp(dir=drafts)
        path = Path(name)
        # Unbuffered: bytes come in large pieces, and what was written is known to be.
        with open(handle, "wb", buffering=0) as file:
            try:
                yield _Draft(self._folder, path, file)
            finally:
                with _translated():
                    path.unlink(missing_ok=True)

    def open(self, name: str) -> BinaryIO | None:
        with _translated():
            try:
                return (self._folder / _checked(name)).open("rb")
            except (FileNotFoundError, NotADirectoryError):
                return None

    def remove(self, folder: str) -> None:
        with _translated(), suppress(FileNotFoundError):
            shutil.rmtree(self._folder / _checked(folder))


@define
class _Draft(FileDraft):
    _folder: Path
    _path: Path
    _file: BinaryIO = field(repr=False)

    def write(self, data: bytes) -> int:
        with _translated():
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        return len(data)

    def keep(self, name: str) -> None:
        target = self._folder / _checked(name)
        with _translated():
            os.fsync(self._file.fileno())
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.replace(target)
            for folder in (target.parent, *target.parent.parents):
                _sync(folder)
                if folder == self._folder:
                    break


class NoFolder(Files):
    """Of an installation that has said no place for them."""

    def draft(self) -> AbstractContextManager[FileDraft]:
        _refuse()

    def open(self, name: str) -> BinaryIO | None:
        del name
        _refuse()

    def remove(self, folder: str) -> None:
        del folder
        _refuse()


def _refuse() -> NoReturn:
    raise FilesUnavailableError("the configuration names no folder for such files")


def _checked(name: str) -> Path:
    words = name.split("/")
    if not all(_WORD.fullmatch(word) for word in words):
        raise MisuseError(f"{name!r} is no name of a file")
    return Path(*words)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _forget(drafts: Path) -> None:
    for old in drafts.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > _FORGOTTEN_AFTER_SECONDS:
                old.unlink()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FilesUnavailableError(str(error)) from error
