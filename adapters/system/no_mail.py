"""Of an installation that has nothing to send mail by."""

from application.ports.mail import Mail, MailUnavailableError, Message


class NoMail(Mail):
    def send(self, message: Message) -> None:
        del message
        raise MailUnavailableError("[mail] url is not set")
