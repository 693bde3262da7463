"""Chance that is asked for beforehand is told once, whoever asks."""

import os
from concurrent.futures import ThreadPoolExecutor

from adapters.system import SystemClock, SystemIdentifiers


def test_salts_differ_over_more_than_one_block():
    identifiers = SystemIdentifiers(SystemClock())
    with ThreadPoolExecutor(4) as callers:
        batches = callers.map(lambda _: [identifiers.secret(16) for _ in range(500)], range(4))
        salts = [salt for batch in batches for salt in batch]
    assert len(set(salts)) == 2_000
    assert {len(salt) for salt in salts} == {16}


def test_neighbours_have_nothing_in_common():
    identifiers = SystemIdentifiers(SystemClock())
    salts = [identifiers.secret(16) for _ in range(600)]
    halves = [half for salt in salts for half in (salt[:8], salt[8:])]
    assert len(set(halves)) == 1_200


def test_a_forked_process_has_chance_of_its_own():
    identifiers = SystemIdentifiers(SystemClock())
    identifiers.secret(16)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, identifiers.secret(16))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        assert said.read() != identifiers.secret(16)


def test_nothing_of_it_is_shown():
    identifiers = SystemIdentifiers(SystemClock())
    salt = identifiers.secret(16)
    assert repr(salt)[2:-1] not in repr(identifiers)
    assert salt.hex() not in repr(identifiers)
