"""What letters say.

Names that people chose stand in the text only, never in a header, and each on a line of its own:
whoever registers "Your bank" as an organisation must not seem to speak for us.
"""

from collections.abc import Mapping
from textwrap import dedent

from attrs import frozen

from application.ports.mail import Message
from application.ports.storage.letters import Letter
from domain.letter import LetterKind


@frozen
class _Text:
    subject: str
    template: str

    def filled(self, contents: Mapping[str, str], url: str) -> str:
        return dedent(self.template).strip().format(url=url, **contents) + "\n"


def message_of(letter: Letter, contents: Mapping[str, str], url: str) -> Message:
    """*letter* as it is sent; *url* is where the API is."""
    text = _TEXTS[letter.kind]
    return Message(
        id=letter.name,
        to=contents["to"],
        subject=text.subject,
        text=text.filled(contents, url),
        written_at=letter.written_at,
    )


_TEXTS = {
    LetterKind.REGISTRATION: _Text(
        "Finish your registration",
        """
        Somebody has registered this address at {url}, for an organisation with the name

            {organisation}

        To finish, send this token, and the password of the registration, to
        {url}/v1/auth/verify within a day:

            {token}

        If this was not you, do nothing: without the token nothing happens.
        """,
    ),
    LetterKind.ADDRESS_KNOWN: _Text(
        "You are registered already",
        """
        Somebody has tried to register this address at {url}. It is registered
        already, so nothing was changed: log in as before.

        If you have forgotten the password, ask for a new one at
        {url}/v1/auth/password/reset
        """,
    ),
    LetterKind.VERIFICATION: _Text(
        "Verify your address",
        """
        To verify this address, send this token, and your password, to
        {url}/v1/auth/verify within a day:

            {token}

        If this was not you, do nothing: without the token nothing happens.
        """,
    ),
    LetterKind.PASSWORD_RESET: _Text(
        "Choose a new password",
        """
        Somebody has asked for a new password for this address at {url}. To choose it,
        send this token, and the new password, to
        {url}/v1/auth/password/reset/confirm within an hour:

            {token}

        All sessions end then. If this was not you, do nothing: without the token
        nothing happens.
        """,
    ),
    LetterKind.PASSWORD_CHANGED: _Text(
        "Your password was changed",
        """
        The password of this address was changed at {url}, and other sessions have
        ended.

        If this was not you, ask for a new password at once, at
        {url}/v1/auth/password/reset
        and tell an owner of your organisation.
        """,
    ),
    LetterKind.IDENTITY_LINKED: _Text(
        "A log-in was linked",
        """
        Whoever logs in with your identity at

            {issuer}

        is let in at {url} as this address from now on.

        If this was not you, ask for a new password at once, at
        {url}/v1/auth/password/reset
        which unlinks it, and tell an owner of your organisation.
        """,
    ),
    LetterKind.INVITATION: _Text(
        "You are invited",
        """
        You are invited at {url} to join, with the role {role}, the organisation with
        the name

            {organisation}

        To accept, log in (or register this address first) and send this token to
        {url}/v1/invitations/accept within a week:

            {token}

        If you do not know them, do nothing: without the token nothing happens.
        """,
    ),
}
