"""Files in a folder of the machine's, or of a mounted volume; and mail as such files."""

from pathlib import Path

from adapters.folder.files import FolderFiles, NoFolder
from adapters.folder.mail import FolderMail

__all__ = ["FolderFiles", "FolderMail", "NoFolder", "connect"]


def connect(folder: str | None) -> FolderFiles | NoFolder:
    """Touches nothing; the folder is made when something is first put there."""
    return FolderFiles(Path(folder)) if folder else NoFolder()
