from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from attrs import define, field

from application.ports.derivation import Derivation, DerivationsBusyError
from domain.arc76 import derive

#: A third of a second of one core each, during which Python's lock is not held.
AT_ONCE = 1
#: Who may wait: so few that nobody's request lasts much longer than log-ins may.
WAITING = 8


@define(eq=False)
class DerivationPool(Derivation):
    """In threads of its own, so that a machine's cores are not all busy with passphrases."""

    _pool: ThreadPoolExecutor = field(
        factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="arc76"), repr=False
    )
    _places: BoundedSemaphore = field(
        factory=lambda: BoundedSemaphore(AT_ONCE + WAITING), repr=False
    )

    def __call__(self, email: str, passphrase: str, slot: int) -> bytearray:
        if not self._places.acquire(blocking=False):
            raise DerivationsBusyError("too many accounts are being derived")
        try:
            return self._pool.submit(derive, email, passphrase, slot).result()
        finally:
            self._places.release()
