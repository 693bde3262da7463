"""The state file: replaced as a whole, on the disk before it is relied on, and nobody else's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.system import SealStateFile
from application.ports.seal_state import SealState, SealStateError
from application.ports.storage.seals import SealerBusyError
from domain.signing import Curve, PublicKey

KEY = PublicKey(Curve.ED25519, bytes(range(32)))
FIRST = SealState.fresh("example.com/audit/ins_1/1", KEY)
SECOND = SealState.fresh("example.com/audit/ins_1/2", KEY)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sealer.json"


def written(path, state=FIRST):
    with SealStateFile(path).session() as session:
        session.write(state)


def test_nobody_else_may_read_it(path):
    before = os.umask(0)
    try:
        written(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("sealer.json.lock").stat().st_mode & 0o777 == 0o600


def test_it_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_said(
    path, monkeypatch
):
    done = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(handle):
        done.append(("fsync", Path(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def note_replace(self, target):
        done.append(("replace", target))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    written(path)
    assert done == [
        ("fsync", path.with_name("sealer.json.new")),
        ("replace", path),
        ("fsync", path.parent),
    ]


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_what_was_there_stays_until_the_new_one_is_whole(path, monkeypatch, where):
    written(path)

    def dies(*_):
        raise OSError(5, "the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync", dies) if where == "fsync" else (Path, "replace", dies)))
        with SealStateFile(path).session() as session:
            with pytest.raises(SealStateError, match="the disk is gone"):
                session.write(SECOND)
            assert session.read() == FIRST
    # And what was left lying about is in nobody's way.
    written(path, SECOND)
    with SealStateFile(path).session() as session:
        assert session.read() == SECOND


def test_another_process_is_kept_out_until_this_one_is_gone(path):
    waits = (
        "import sys; from pathlib import Path; from adapters.system import SealStateFile\n"
        "with SealStateFile(Path(sys.argv[1])).session():\n"
        "    print('has it', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waits, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"has it\n"
        with pytest.raises(SealerBusyError), SealStateFile(path).session():
            pass
        other.kill()
        other.wait()
        with SealStateFile(path).session() as session:
            assert session.read() is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": "tallystick.seal-state/2"},
        {"size": "3"},
        {"size": 1.0},
        {"size": True},
        {"size": -1},
        {"size": 3},
        {"root": "AAAA"},
        {"root": "?"},
        {"key": "AAAA"},
        {"key": None},
        {"origin": "two words"},
        {"origin": 3},
        {"note": 3},
        {"more": 1},
    ],
)
def test_what_no_sealer_has_written_is_refused(path, change):
    written(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with SealStateFile(path).session() as session, pytest.raises(SealStateError):
        session.read()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"text"', "\0", "\ud800"])
def test_what_is_no_object_is_refused(path, text):
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with SealStateFile(path).session() as session, pytest.raises(SealStateError):
        session.read()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with (
        pytest.raises(SealStateError, match="nowhere"),
        SealStateFile(tmp_path / "nowhere" / "x").session(),
    ):
        pass
