"""`tallystick secrets`: which key wraps, what is left, and wrapping it anew."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from adapters.local_keys import LocalKeyWrapping
from application.ports.storage.work import Scope
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.custody.test_rewrapping import BOTH, SECOND, Cellar


@pytest.fixture
def cellar():
    return Cellar()


@pytest.fixture
def run(cellar, monkeypatch):
    both = LocalKeyWrapping(BOTH)

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            store=lambda: cellar.store,
            wrapping=lambda: both,
            rewrap=lambda: cellar.rewrap(both),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return lambda *words: CliRunner().invoke(main, ["secrets", *words])


def test_what_is_left_is_told_and_done(cellar, run):
    before = json.loads(run("status", "--json").output)
    assert before == {"current": "local-keys:master/2", "wrapped_by_others": 5}
    done = run("rewrap")
    assert done.exit_code == 0, done.output
    assert "5 done, 0 left" in done.stderr
    assert json.loads(run("status", "--json").output)["wrapped_by_others"] == 0
    cellar.is_whole(LocalKeyWrapping({2: SECOND}))


def test_what_cannot_be_unwrapped_is_named_and_is_no_success(cellar, run):
    with cellar.store.begin(Scope.installation()) as work:
        work.secrets.add("foreign", LocalKeyWrapping({9: b"9" * 32}).wrap(b"secret", b""))
    done = run("rewrap", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["done"], told["left"]) == (5, 1)
    assert [each["name"] for each in told["problems"]] == ["foreign"]
    assert "foreign" in run("rewrap").stderr
