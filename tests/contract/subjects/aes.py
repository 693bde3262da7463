from collections.abc import Iterator
from contextlib import contextmanager

from adapters.aes import AesGcm
from application.ports.cipher import Cipher


@contextmanager
def cipher() -> Iterator[Cipher]:
    yield AesGcm()
