from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY
from attrs import define, field

from application.ports.passwords import Passwords, PasswordsBusyError
from domain.errors import MisuseError

#: 64 MiB each; whoever comes when all are busy waits, so that log-ins cannot exhaust memory.
AT_ONCE = 2
#: Who may wait: so few that log-ins cannot take the threads that other requests need.
WAITING = 8


@define(eq=False)
class Argon2Passwords(Passwords):
    # RFC 9106, 4: the second recommended option (t=3, m=64 MiB, p=4).
    _hasher: PasswordHasher = field(
        factory=lambda: PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY), repr=False
    )
    _places: BoundedSemaphore = field(factory=lambda: BoundedSemaphore(AT_ONCE), repr=False)
    _queue: BoundedSemaphore = field(
        factory=lambda: BoundedSemaphore(AT_ONCE + WAITING), repr=False
    )

    def hash(self, password: str) -> str:
        with self._place():
            return self._hasher.hash(_bytes(password))

    def verify(self, hash: str | None, password: str) -> bool:
        with self._place():
            try:
                self._hasher.verify(_NOBODY if hash is None else hash, _bytes(password))
            except VerifyMismatchError:
                return False
            except InvalidHashError:
                raise MisuseError("what is stored is no hash of a password") from None
        return hash is not None

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise PasswordsBusyError("too many passwords are being compared")
        try:
            with self._places:
                yield
        finally:
            self._queue.release()


def _bytes(password: str) -> bytes:
    """Whatever JSON can carry, lone surrogates included, is a password."""
    return password.encode("utf-8", "surrogatepass")


#: No password is known to make it, and refusing it takes as long as refusing a real one.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
