"""What every clock and every source of identity promises."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from uuid import RFC_4122

from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from domain.identifiers import instant_of


def test_an_instant_has_a_zone_and_it_is_utc(clock: Clock):
    assert clock.now().tzinfo is UTC


def test_time_does_not_run_backwards(clock: Clock):
    instants = [clock.now() for _ in range(100)]
    assert instants == sorted(instants)


def test_ids_are_of_version_7_and_grow(identifiers: Identifiers):
    ids = [identifiers.next() for _ in range(2_000)]
    assert ids == sorted(set(ids))
    assert {(id.version, id.variant) for id in ids} == {(7, RFC_4122)}


def test_an_id_carries_the_instant_it_was_made(identifiers: Identifiers):
    first, last = instant_of(identifiers.next()), instant_of(identifiers.next())
    assert first is not None
    assert last is not None
    assert timedelta() <= last - first < timedelta(minutes=1)
    assert first.tzinfo is UTC


def test_threads_never_get_the_same_id(identifiers: Identifiers):
    with ThreadPoolExecutor(8) as callers:
        batches = callers.map(lambda _: [identifiers.next() for _ in range(500)], range(8))
        ids = [id for batch in batches for id in batch]
    assert len(set(ids)) == len(ids) == 4_000


def test_secrets_have_their_length_and_differ(identifiers: Identifiers):
    assert [len(identifiers.secret(length)) for length in (0, 1, 16, 32)] == [0, 1, 16, 32]
    assert len({identifiers.secret(16) for _ in range(100)}) == 100
