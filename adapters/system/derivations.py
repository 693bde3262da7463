from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

from attrs import define, field

from application.ports.derivation import (
    Derivation,
    DerivationsBusyError,
    TooManyDerivationsError,
)
from domain.arc76 import derive
from domain.identifiers import OrganisationId

#: A third of a second of one core each, during which Python's lock is not held.
AT_ONCE = 1
#: Who may wait: so few that nobody's request lasts much longer than log-ins may.
WAITING = 8
#: Of one organisation, under way or waiting: a request, and its repetition after a lost answer.
EACH = 2


@define(eq=False)
class DerivationPool(Derivation):
    """In threads of its own, so that a machine's cores are not all busy with passphrases.

    No organisation has more than a few of its places, whatever it asks for.
    """

    _pool: ThreadPoolExecutor = field(
        factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="arc76"), repr=False
    )
    #: Who has how many places; whoever has none is not in it.
    _taken: Counter[OrganisationId] = field(factory=Counter, repr=False)
    _lock: Lock = field(factory=Lock, repr=False)

    def __call__(
        self, organisation: OrganisationId, email: str, passphrase: str, slot: int
    ) -> bytearray:
        with self._place(organisation):
            return self._pool.submit(derive, email, passphrase, slot).result()

    @contextmanager
    def _place(self, organisation: OrganisationId) -> Iterator[None]:
        with self._lock:
            if self._taken[organisation] >= EACH:
                raise TooManyDerivationsError(f"{EACH} are under way for this organisation")
            if self._taken.total() >= AT_ONCE + WAITING:
                raise DerivationsBusyError("too many accounts are being derived")
            self._taken[organisation] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[organisation] -= 1
                # Nobody is remembered for ever.
                self._taken = +self._taken
