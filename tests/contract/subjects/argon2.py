from collections.abc import Iterator
from contextlib import contextmanager

from adapters.argon2 import Argon2Passwords
from application.ports.passwords import Passwords


@contextmanager
def passwords() -> Iterator[Passwords]:
    yield Argon2Passwords()
