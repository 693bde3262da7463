"""What every place for files promises: what was kept is there, and nothing else ever was."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from application.ports.files import FilesUnavailableError
from domain.errors import MisuseError


def put(file_store, name, content):
    with file_store.draft() as draft:
        draft.write(content)
        draft.keep(name)


def got(file_store, name):
    file = file_store.open(name)
    if file is None:
        return None
    with file:
        return file.read()


def test_what_was_kept_is_there_under_its_name(file_store):
    with file_store.draft() as draft:
        assert draft.write(b"one, ") == 5
        assert draft.write(memoryview(b"two")) == 3
        assert got(file_store, "org_1/exp_1/part-1.jsonl") is None
        draft.keep("org_1/exp_1/part-1.jsonl")
    assert got(file_store, "org_1/exp_1/part-1.jsonl") == b"one, two"


def test_a_draft_that_is_not_kept_never_was(file_store):
    put(file_store, "a/b", b"before")
    with file_store.draft() as draft:
        draft.write(b"after")
    with suppress(ZeroDivisionError), file_store.draft() as draft:
        draft.write(b"after")
        raise ZeroDivisionError
    assert got(file_store, "a/b") == b"before"


def test_a_name_that_is_given_again_is_the_newer_files(file_store):
    put(file_store, "a/b", b"a long one")
    put(file_store, "a/b", b"short")
    assert got(file_store, "a/b") == b"short"


def test_somebody_who_reads_goes_on_reading_what_they_opened(file_store):
    put(file_store, "a/b", b"old")
    with file_store.open("a/b") as file:
        put(file_store, "a/b", b"new")
        assert file.read() == b"old"


def test_files_are_read_from_any_place(file_store):
    put(file_store, "a/b", bytes(range(100)))
    with file_store.open("a/b") as file:
        file.seek(90)
        assert file.read() == bytes(range(90, 100))
        assert file.tell() == 100


def test_a_folder_goes_with_everything_in_it_and_nothing_beside_it(file_store):
    for name in ("a/b/c", "a/b/d/e", "a/bb", "b"):
        put(file_store, name, b"x")
    file_store.remove("a/b")
    file_store.remove("a/b")
    file_store.remove("never")
    found = [name for name in ("a/b/c", "a/b/d/e", "a/bb", "b") if got(file_store, name)]
    assert found == ["a/bb", "b"]


def test_many_may_write_at_once(file_store):
    def write(number):
        put(file_store, f"a/{number % 3}", b"%d" % (number % 3) * 10_000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(24)))
    assert [got(file_store, f"a/{number}") for number in range(3)] == [
        b"%d" % number * 10_000 for number in range(3)
    ]


@pytest.mark.parametrize(
    "name", ["", "/a", "a//b", "../a", "a/../b", ".drafts/x", "a b", "é", "a/"]
)
def test_a_name_leads_nowhere_else(file_store, name):
    with pytest.raises(MisuseError):
        file_store.open(name)
    with pytest.raises(MisuseError), file_store.draft() as draft:
        draft.keep(name)
    with pytest.raises(MisuseError):
        file_store.remove(name)


def test_where_no_place_is_named_there_is_none():
    from adapters.folder import connect

    nowhere = connect(None)
    for ask in (lambda: nowhere.open("a"), nowhere.draft, lambda: nowhere.remove("a")):
        with pytest.raises(FilesUnavailableError, match="names no folder"):
            ask()


def test_what_the_machine_refuses_is_said_in_the_ports_words(tmp_path):
    from adapters.folder import connect

    (tmp_path / "taken").write_text("a file")
    with pytest.raises(FilesUnavailableError), connect(str(tmp_path / "taken")).draft():
        pass


def test_what_a_killed_process_left_behind_is_forgotten_in_time(tmp_path):
    import os
    import time

    from adapters.folder import connect

    file_store = connect(str(tmp_path))
    put(file_store, "a", b"x")
    old, new = tmp_path / ".drafts" / "old", tmp_path / ".drafts" / "new"
    old.write_text("half")
    new.write_text("half")
    os.utime(old, (time.time() - 90_000,) * 2)
    put(file_store, "b", b"x")
    assert [old.exists(), new.exists()] == [False, True]


def test_files_are_for_their_owner_only(tmp_path):
    from adapters.folder import connect

    put(connect(str(tmp_path)), "a/b", b"x")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
