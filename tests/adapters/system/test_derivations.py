"""Derivations in threads of their own, few at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from adapters.system import DerivationPool, derivations
from adapters.system.derivations import AT_ONCE, EACH, WAITING
from application.ports.derivation import DerivationsBusyError, TooManyDerivationsError
from domain.identifiers import OrganisationId
from tests.domain.test_arc76 import OFFICIAL

PLACES = AT_ONCE + WAITING
WORDS = ("", "x" * 16, 0)
DONE = bytearray(32)
ADA, GRACE = OrganisationId(uuid4()), OrganisationId(uuid4())


def test_it_derives_what_the_vectors_say():
    seed = DerivationPool()(ADA, OFFICIAL["email"], OFFICIAL["password"], OFFICIAL["slot"])
    assert seed.hex() == OFFICIAL["seed_hex"]


def test_what_derives_nothing_is_said():
    with pytest.raises(ValueError, match="16"):
        DerivationPool()(ADA, "ada@example.com", "short", 0)


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


def once(is_so):
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def when_taken(derive, places):
    """Once so many derivations are under way or wait."""
    once(lambda: derive._taken.total() == places)


def test_nobody_waits_behind_too_many(slow):
    go, threads = slow
    derive = DerivationPool()
    with ThreadPoolExecutor(PLACES) as requests:
        asked = [requests.submit(derive, OrganisationId(uuid4()), *WORDS) for _ in range(PLACES)]
        when_taken(derive, PLACES)
        with pytest.raises(DerivationsBusyError):
            derive(ADA, *WORDS)
        go.set()
        assert [each.result() for each in asked] == [DONE] * PLACES
    assert {thread.name for thread in threads} == {"arc76_0"}
    assert derive(ADA, *WORDS) == DONE


def test_one_organisation_leaves_room_for_others(slow):
    go, _ = slow
    derive = DerivationPool()
    with ThreadPoolExecutor(2 * PLACES) as requests:
        asked = [requests.submit(derive, ADA, *WORDS) for _ in range(PLACES)]
        once(lambda: sum(each.done() for each in asked) == PLACES - EACH)
        with pytest.raises(TooManyDerivationsError):
            derive(ADA, *WORDS)
        others = requests.submit(derive, GRACE, *WORDS)
        when_taken(derive, EACH + 1)
        go.set()
        assert others.result() == DONE
        ended = [each.exception() for each in asked]
    assert ended.count(None) == EACH
    assert {type(each) for each in ended if each} == {TooManyDerivationsError}
    # What is over counts no more.
    assert derive(ADA, *WORDS) == DONE
    assert not derive._taken


def test_what_fails_gives_its_place_back():
    derive = DerivationPool()
    for _ in range(PLACES + 1):
        with pytest.raises(ValueError, match="16"):
            derive(ADA, "", "short", 0)
    assert not derive._taken
