"""Send one letter: at least once, and not twice without need.

The attempt is recorded before the message leaves, with the instant at which another may begin; so
a worker that dies in the middle has tried, and nobody tries beside it.
"""

from datetime import timedelta

from attrs import evolve, frozen

from application.mail.texts import message_of
from application.mail.write import ReadLetter
from application.ports.clock import Clock
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.mail import (
    Mail,
    MailRefusedError,
    MailUnavailableError,
    MailUnknownError,
    Message,
)
from application.ports.storage.letters import Letter, LetterState
from application.ports.storage.work import Scope, Store
from domain.identifiers import LetterId, OrganisationId
from domain.letter import AFTER_UNKNOWN, LEASE, MOST_ATTEMPTS, LetterKind, pause_after

#: What following a letter needs of it once it was sent.
_KEPT = frozenset({LetterKind.REGISTRATION, LetterKind.INVITATION})


@frozen(kw_only=True)
class SendLetter:
    store: Store
    mail: Mail
    read: ReadLetter
    clock: Clock
    #: Where the API is, as clients call it.
    url: str

    def __call__(self, organisation: OrganisationId, id: LetterId) -> str | None:
        """Why it was not sent, for a log.  What could not be sent becomes due again by itself."""
        scope = Scope(organisation=organisation)
        letter = self._begin(scope, id)
        if letter is None:
            return None
        try:
            self.mail.send(self._message(letter))
        except (MailRefusedError, CustodyRefusedError) as error:
            self._give_up(scope, letter)
            return f"it is given up: {error}"
        except (MailUnavailableError, CustodyUnavailableError) as error:
            self._put_off(scope, letter, pause_after(letter.attempts))
            return f"it is not sent yet: {error}"
        except MailUnknownError as error:
            # The next attempt is the last.
            is_last = letter.attempts >= MOST_ATTEMPTS
            last = evolve(letter, attempts=MOST_ATTEMPTS - 1)
            self._put_off(scope, last, None if is_last else AFTER_UNKNOWN)
            return f"nobody knows whether it was sent: {error}"
        self._end(scope, letter, LetterState.SENT)
        return None

    def _begin(self, scope: Scope, id: LetterId) -> Letter | None:
        with self.store.begin(scope) as work:
            letter = work.letters.lock(id)
            now = self.clock.now()
            if letter is None or letter.due_at is None or letter.due_at > now:
                return None
            is_no_good = letter.is_ended and letter.secret_hash is not None
            is_in_vain = letter.kind is LetterKind.TO_NOBODY or letter.sealed is None
            if (
                is_in_vain
                or is_no_good
                or now >= letter.expires_at
                or letter.attempts >= MOST_ATTEMPTS
            ):
                work.letters.put(_ended(letter, LetterState.GIVEN_UP))
                return None
            begun = evolve(letter, attempts=letter.attempts + 1, due_at=now + LEASE)
            work.letters.put(begun)
        return begun

    def _message(self, letter: Letter) -> Message:
        """Raises: MailRefusedError, CustodyRefusedError, CustodyUnavailableError."""
        contents = self.read(letter)
        if contents is None:
            raise MailRefusedError("it is forgotten what it says")
        try:
            return message_of(letter, contents, self.url)
        except ValueError as error:
            raise MailRefusedError(str(error)) from error

    def _put_off(self, scope: Scope, letter: Letter, pause: timedelta | None) -> None:
        if pause is None:
            self._give_up(scope, letter)
            return
        with self.store.begin(scope) as work:
            now = work.letters.lock(letter.id)
            if now is not None and now.state is LetterState.QUEUED:
                due_at = self.clock.now() + pause
                work.letters.put(evolve(now, attempts=letter.attempts, due_at=due_at))

    def _give_up(self, scope: Scope, letter: Letter) -> None:
        self._end(scope, letter, LetterState.GIVEN_UP)

    def _end(self, scope: Scope, letter: Letter, state: LetterState) -> None:
        with self.store.begin(scope) as work:
            now = work.letters.lock(letter.id)
            # Its token may have been used, or its person erased, meanwhile.
            if now is not None and now.state is LetterState.QUEUED:
                work.letters.put(_ended(now, state))


def _ended(letter: Letter, state: LetterState) -> Letter:
    sealed = letter.sealed if letter.kind in _KEPT and letter.used_at is None else None
    return evolve(letter, state=state, due_at=None, sealed=sealed)
