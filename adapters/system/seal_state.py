"""The sealer's state in a file: replaced as a whole, and on the disk before it is relied on."""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from application.ports.seal_state import (
    SealState,
    SealStateError,
    SealStateSession,
    SealStateStore,
)
from application.ports.storage.seals import SealerBusyError
from domain.checkpoint import Checkpoint
from domain.errors import MisuseError
from domain.signing import Curve, PublicKey

FORMAT = "tallystick.seal-state/1"
_MODE = 0o600
_KEYS = {"format", "key", "note", "origin", "root", "size"}
#: Not in files of before there was one.
_LATER = {"timeline"}


@frozen
class SealStateFile(SealStateStore):
    path: Path

    @contextmanager
    def session(self) -> Iterator[SealStateSession]:
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            # Beside the file, which is another one after each write.
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            raise SealStateError(f"{lock} cannot be opened: {error.strerror}") from error
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SealerBusyError(f"another sealer has {lock}") from error
            yield _Session(self.path)
        finally:
            os.close(held)


@frozen
class _Session(SealStateSession):
    _path: Path

    def read(self) -> SealState | None:
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SealStateError(f"{self._path} cannot be read: {error}") from error
        try:
            return _state(json.loads(text))
        except (ValueError, KeyError, TypeError, MisuseError) as error:
            raise SealStateError(f"{self._path} is no state of a sealer: {error}") from error

    def write(self, state: SealState) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with suppress(FileNotFoundError):
                fresh.unlink()
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(_content(state), file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            self._keep_the_name()
        except OSError as error:
            raise SealStateError(f"{self._path} cannot be written: {error}") from error

    def _keep_the_name(self) -> None:
        """A file that was renamed is there after a power cut once its folder is written too."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _content(state: SealState) -> dict[str, object]:
    return {
        "format": FORMAT,
        "key": b64encode(state.public_key.raw).decode(),
        "note": state.note,
        "origin": state.checkpoint.origin,
        "root": b64encode(state.checkpoint.root).decode(),
        "size": state.checkpoint.size,
        "timeline": state.timeline,
    }


def _state(content: Any) -> SealState:
    """Raises: ValueError, KeyError, TypeError, MisuseError."""
    if not isinstance(content, dict) or content.keys() | _LATER != _KEYS | _LATER:
        raise ValueError(f"it is not {FORMAT}")
    note, size, timeline = content["note"], content["size"], content.get("timeline")
    if content["format"] != FORMAT:
        raise ValueError(f"it is not {FORMAT}")
    if type(size) is not int or not (note is None or isinstance(note, str)):
        raise TypeError("a size is a number, and a note is text")
    if timeline is not None and type(timeline) is not int:
        raise TypeError("a timeline is a number")
    return SealState(
        checkpoint=Checkpoint(
            origin=content["origin"], size=size, root=b64decode(content["root"], validate=True)
        ),
        public_key=PublicKey(Curve.ED25519, b64decode(content["key"], validate=True)),
        note=note,
        timeline=timeline,
    )
