"""Derivations in threads of their own, few at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.system import DerivationPool, derivations
from adapters.system.derivations import AT_ONCE, WAITING
from application.ports.derivation import DerivationsBusyError
from tests.domain.test_arc76 import OFFICIAL


def test_it_derives_what_the_vectors_say():
    seed = DerivationPool()(OFFICIAL["email"], OFFICIAL["password"], OFFICIAL["slot"])
    assert seed.hex() == OFFICIAL["seed_hex"]


def test_what_derives_nothing_is_said():
    with pytest.raises(ValueError, match="16"):
        DerivationPool()("ada@example.com", "short", 0)


@pytest.fixture
def slow(monkeypatch):
    """Derivations that take until they are let go, and the threads that they were in."""
    go, threads = threading.Event(), []

    def derive(*_: object) -> bytearray:
        threads.append(threading.current_thread())
        assert go.wait(30)
        return bytearray(32)

    monkeypatch.setattr(derivations, "derive", derive)
    yield go, threads
    go.set()


def test_nobody_waits_behind_too_many(slow):
    go, threads = slow
    derive, places = DerivationPool(), AT_ONCE + WAITING
    with ThreadPoolExecutor(places) as requests:
        asked = [requests.submit(derive, "", "x" * 16, 0) for _ in range(places)]
        while derive._places.acquire(blocking=False):
            derive._places.release()
        with pytest.raises(DerivationsBusyError):
            derive("", "x" * 16, 0)
        go.set()
        assert [each.result() for each in asked] == [bytearray(32)] * places
    assert {thread.name for thread in threads} == {"arc76_0"}
    assert derive("", "x" * 16, 0) == bytearray(32)
