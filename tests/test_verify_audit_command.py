"""`tallystick verify audit`: what it says, and how it ends."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from adapters.memory.signatures import MemoryVerification
from application.audit.logs import fingerprint
from application.evidence.verify import VerifyAudit
from application.ports.storage.books import Volume
from application.ports.storage.work import StoreUnavailableError
from domain.identifiers import INSTALLATION
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.test_verify_audit import Archive


@pytest.fixture
def archive():
    return Archive()


@pytest.fixture
def verify(monkeypatch, archive):
    volumes = [Volume(organisation=each, lines=0) for each in (INSTALLATION, archive.organisation)]

    def run(*options):
        @contextmanager
        def container(_ctx):
            yield SimpleNamespace(
                books=lambda: SimpleNamespace(volumes=lambda: volumes),
                verify_audit=lambda: VerifyAudit(
                    store=archive.house.store, verifies=MemoryVerification()
                ),
            )

        monkeypatch.setattr(setting_up, "container", container)
        return CliRunner().invoke(main, ["verify", "audit", *options])

    return run


def test_an_intact_trail_ends_with_0(verify, archive):
    done = verify()
    assert done.exit_code == 0
    events = len(archive.events)
    assert f"{events} events, {events} leaves, 2 checkpoints: nothing differs" in done.output


def test_what_differs_is_named_with_what_to_do_and_ends_with_1(verify, archive):
    archive.change(4, subject="dep_1")
    done = verify()
    assert done.exit_code == 1
    for words in ("DIFFERS row_differs", " subject", "found     dep_1", "correct the"):
        assert words in done.output
    assert "1 differences" in done.output


def test_a_program_is_told_the_same(verify, archive):
    sound = json.loads(verify("--json").stdout)
    assert sound["holds"] is True
    assert sound["differences"] == []
    archive.change(4, subject="dep_1")
    done = verify("--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (told["holds"], told["counts"]) == (False, {"row_differs": 1})
    (difference,) = told["differences"]
    assert difference["found"] == "dep_1"
    assert difference["remedy"]


def test_a_key_and_checkpoints_from_elsewhere_are_held_against_it(verify, archive, tmp_path):
    kept = tmp_path / "note"
    kept.write_text(archive.second.note, "utf-8")
    key = fingerprint(archive.seal.key)
    assert verify("--key", key.upper(), "--checkpoint", str(kept)).exit_code == 0
    del archive.checkpoints[1, archive.second.checkpoint.size]
    done = verify("--key", "0" * 64, "--checkpoint", str(kept), "--checkpoint", str(kept))
    assert done.exit_code == 1
    assert "DIFFERS other_key" in done.output
    assert "DIFFERS checkpoint_missing" in done.output
    assert verify("--checkpoint", str(tmp_path / "nothing")).exit_code == 2


def test_beyond_twenty_they_are_counted(verify, archive):
    for of, sequence in list(archive.events):
        if of == archive.organisation:
            archive.change(sequence, live=True)
    done = verify()
    number = sum(of == archive.organisation for of, _ in archive.events)
    assert number > 20
    assert f"DIFFERS row_differs  {number - 20} more" in done.output
    assert f"{number} differences" in done.output


def test_a_database_that_does_not_answer_is_no_verdict(verify, archive, monkeypatch):
    def silent(*_):
        raise StoreUnavailableError("no connection")

    monkeypatch.setattr(archive.house.store, "begin", silent, raising=False)
    done = verify()
    assert done.exit_code == 1
    assert "the database: no connection" in done.output
