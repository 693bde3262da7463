from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.folder import FolderMail, connect
from application.ports.files import Files
from tests.contract.postbox import SENDER, Mailing, as_message


@contextmanager
def file_store() -> Iterator[Files]:
    with TemporaryDirectory() as folder:
        yield connect(f"{folder}/made/when/needed")


@contextmanager
def mailing() -> Iterator[Mailing]:
    with TemporaryDirectory() as name:
        folder = Path(name) / "made" / "when" / "needed"
        mail = FolderMail(folder=folder, sender=SENDER)
        yield Mailing(
            mail, lambda: [as_message(each.read_bytes()) for each in sorted(folder.glob("*.eml"))]
        )
