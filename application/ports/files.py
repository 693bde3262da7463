"""Where large things lie that are made to be taken away: exports, archives."""

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol


class FilesUnavailableError(Exception):
    """The place does not answer, is full, or there is none."""


class FileDraft(Protocol):
    """A file without a name: nobody else sees it, and it is gone unless it is kept."""

    def write(self, data: bytes) -> int:
        """Raises: FilesUnavailableError."""
        ...

    def keep(self, name: str) -> None:
        """Give it its name, in place of whatever had it.  After it, the file outlives a crash.

        Raises: FilesUnavailableError.
        """
        ...


class Files(Protocol):
    """Files by names of words with slashes between them: ``org_…/exp_…/manifest.json``.

    A word has letters, digits, ``_``, ``-`` and ``.``, and does not begin with a dot.
    """

    def draft(self) -> AbstractContextManager[FileDraft]:
        """Raises: FilesUnavailableError."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """The file, to be closed by the caller; None where there is none.

        Raises: FilesUnavailableError.
        """
        ...

    def remove(self, folder: str) -> None:
        """Everything whose name begins with *folder* and a slash; also where there is nothing.

        Raises: FilesUnavailableError.
        """
        ...
