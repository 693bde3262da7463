"""The drill, small; and that it would notice what it is there to notice."""

import json
import shutil

import psycopg
import pytest

from entrypoints.devnet import embedded_postgres
from tests.drill.__main__ import drilled, main
from tests.drill.server import LostError, Server


def test_what_was_lost_is_restored_and_nothing_is_issued_twice():
    told = drilled(2)
    assert told["wrong"] == []
    # Before the backup, since, waiting, forgotten, and new ones after either restore.
    assert told["tokens"] == 2 * 6
    names = [each["name"] for each in told["steps"]]
    assert sum(name.startswith("restored") for name in names) == 2
    assert all(each["seconds"] >= 0 for each in told["steps"])


@pytest.mark.parametrize("wrong", [[], ["dep_1 is Failed"]])
def test_what_is_not_as_promised_is_told_and_is_the_status(wrong, monkeypatch, capsys):
    told = {"tokens": 12, "steps": [], "seconds": 1.5, "wrong": wrong}
    monkeypatch.setattr("tests.drill.__main__.drilled", lambda count, *, is_quiet: told)
    assert main([]) == bool(wrong)
    assert ("WRONG: dep_1 is Failed" in capsys.readouterr().out) == bool(wrong)
    assert main(["--json"]) == bool(wrong)
    assert json.loads(capsys.readouterr().out) == told


@pytest.fixture
def server():
    folder = embedded_postgres.temporary_folder().parent
    server = Server.within(folder)
    server.start()
    yield server
    embedded_postgres.kill(server.cluster)
    shutil.rmtree(folder)


def wrote(server, *numbers):
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS written (number integer)")
        for number in numbers:
            connection.execute("INSERT INTO written VALUES (%s)", [number])


def read(server):
    with psycopg.connect(server.url, autocommit=True) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM written")]


def test_a_server_is_restored_to_a_moment_and_then_as_far_as_its_archive_goes(server):
    wrote(server, 1)
    server.back_up()
    wrote(server, 2)
    moment = server.moment()
    wrote(server, 3)
    server.hand_over()
    server.destroy()
    server.restore(moment)
    assert read(server) == [1, 2]
    wrote(server, 4)
    server.hand_over()
    wrote(server, 5)  # Never handed over: what the archive has not is lost.
    server.destroy()
    server.restore(None)
    assert read(server) == [1, 2, 4]


def test_a_backup_that_has_changed_since_is_noticed(server):
    server.back_up()
    with (server.base / "PG_VERSION").open("a") as file:
        file.write("19")
    with pytest.raises(LostError, match="PG_VERSION"):
        server.check()
