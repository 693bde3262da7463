"""Mail as files in a folder, one ``.eml`` for each message: for development."""

import os
import tempfile
from pathlib import Path

from attrs import frozen

from application.mail.form import as_bytes
from application.ports.mail import Mail, MailUnavailableError, Message


@frozen(kw_only=True)
class FolderMail(Mail):
    folder: Path
    sender: str

    def send(self, message: Message) -> None:
        """Under the message's own name: sent again, it is still one file."""
        body = as_bytes(message, self.sender)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self.folder, prefix=".")
            with open(handle, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self.folder / f"{message.id}.eml")
        except OSError as error:
            raise MailUnavailableError(str(error)) from error
