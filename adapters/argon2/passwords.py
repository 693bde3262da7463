from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY
from attrs import define, field

from application.ports.passwords import Passwords
from domain.errors import MisuseError

#: 64 MiB each; whoever comes when all are busy waits, so that log-ins cannot exhaust memory.
AT_ONCE = 2


@define(eq=False)
class Argon2Passwords(Passwords):
    # RFC 9106, 4: the second recommended option (t=3, m=64 MiB, p=4).
    _hasher: PasswordHasher = field(
        factory=lambda: PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY), repr=False
    )
    _places: BoundedSemaphore = field(factory=lambda: BoundedSemaphore(AT_ONCE), repr=False)

    def hash(self, password: str) -> str:
        with self._places:
            return self._hasher.hash(_bytes(password))

    def verify(self, hash: str | None, password: str) -> bool:
        with self._places:
            try:
                self._hasher.verify(_NOBODY if hash is None else hash, _bytes(password))
            except VerifyMismatchError:
                return False
            except InvalidHashError:
                raise MisuseError("what is stored is no hash of a password") from None
        return hash is not None


def _bytes(password: str) -> bytes:
    """Whatever JSON can carry, lone surrogates included, is a password."""
    return password.encode("utf-8", "surrogatepass")


#: No password is known to make it, and refusing it takes as long as refusing a real one.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
