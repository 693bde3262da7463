"""`tallystick-verify` and `tallystick verify FILE`: what they say, and how they end."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from entrypoints.main import main as tallystick
from tallystick_verifier.command import main as verifier
from tallystick_verifier.report import Report
from tests.architecture.house import ROOT
from tests.verifier.packs import KEY, ORIGIN, b64, canonical, evm_story, public, sha

FINGERPRINT = sha(public(KEY)).hex()
ID = sha(ORIGIN.encode(), b"\n\x01", public(KEY))[:4].hex()
LINE = f"{ORIGIN}+{ID}+{b64(bytes([1]) + public(KEY))}"


@pytest.fixture
def story():
    return evm_story()


@pytest.fixture
def pack(story, tmp_path):
    path = tmp_path / "pack.json"
    path.write_bytes(canonical(story.sealed()))
    return path


@pytest.fixture(params=["tallystick-verify", "tallystick verify"])
def verify(request, capsys):
    """Either command: its status, and what it said to whom."""

    def run_tallystick(*arguments):
        done = CliRunner().invoke(tallystick, ["verify", *map(str, arguments)])
        return done.exit_code, done.stdout, done.stderr

    def run_verifier(*arguments):
        try:
            status = verifier([*map(str, arguments)])
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return run_verifier if request.param == "tallystick-verify" else run_tallystick


def test_a_good_pack_ends_with_0(verify, pack):
    status, told, _ = verify(pack)
    assert status == 0
    assert told.startswith("PROVED\n")
    assert "\nNOT PROVED\n" in told


def test_nothing_of_a_file_moves_the_cursor_of_a_terminal():
    """Free texts are the operator's: a lie about what was proved must not be drawn over it."""
    report = Report()
    report.proves("token", "decimals 2\x1b[2J\x1b[H\N{RIGHT-TO-LEFT OVERRIDE} \N{EM DASH}")
    report.leaves("blocks", "look at 0xff\r\n PROVED")
    for told in (str(report), json.dumps(report.as_json(), ensure_ascii=False)):
        assert all(each.isprintable() or each == "\n" for each in told)
    assert "decimals 2\\x1b[2J\\x1b[H\\u202e \N{EM DASH}" in str(report)
    assert str(report).count("\n") == 3


def test_what_differs_is_refused_with_1(verify, pack):
    pack.write_bytes(pack.read_bytes() + b"\n")
    status, told, _ = verify(pack)
    assert status == 1
    assert told.startswith("REFUSED not_canonical\n")


@pytest.mark.parametrize("is_flipped", [False, True])
def test_a_program_is_told_the_same(verify, pack, is_flipped):
    if is_flipped:
        pack.write_bytes(pack.read_bytes().replace(b'"credits":5', b'"credits":6', 1))
    status, told, _ = verify("--json", pack)
    answer = json.loads(told)
    assert status == int(is_flipped)
    assert answer["verdict"] == ("refused" if is_flipped else "proved")
    assert (answer["refused"] or {}).get("code") == ("core_digest" if is_flipped else None)
    assert bool(answer["proved"]) is not is_flipped


@pytest.mark.parametrize("key", [FINGERPRINT, FINGERPRINT.upper(), LINE])
def test_a_key_is_pinned_by_what_is_given_and_by_a_file_of_it(verify, pack, tmp_path, key):
    file = tmp_path / "key"
    file.write_text(f"{key}\n")
    for given in (key, file):
        status, told, _ = verify(pack, "--key", given)
        assert status == 0
        assert "the key that you named" in told


def test_another_key_is_refused(verify, pack):
    status, told, _ = verify(pack, "--key", "0" * 64)
    assert (status, told.splitlines()[0]) == (1, "REFUSED other_key")


def test_the_key_of_another_log_is_refused_and_the_one_that_it_takes_is_named(verify, pack):
    other = f"{ORIGIN[:-1]}2"
    id = sha(other.encode(), b"\n\x01", public(KEY))[:4].hex()
    named = LINE.replace(ORIGIN, other).replace(ID, id)
    status, told, _ = verify(pack, "--key", named)
    assert (status, told.splitlines()[0]) == (1, "REFUSED other_key")
    assert f"of the log {ORIGIN}" in told
    status, told, _ = verify(pack, "--key", named, "--key", LINE)
    assert status == 0
    assert f"the key that you named for {ORIGIN}" in told


def test_an_older_checkpoint_and_the_proof_are_files(verify, story, pack, tmp_path):
    note, proof = tmp_path / "note", tmp_path / "proof"
    note.write_text(story.log.note(6))
    proof.write_text(json.dumps({"from": 6, "path": story.log.proof(6)}, indent=2))
    status, told, _ = verify(pack, "--checkpoint", note, "--consistency", proof)
    assert status == 0
    assert "of 6 events, is of the same history" in told


def test_anchors_are_given_as_they_were_read(verify, story, pack):
    story.anchored = [(9, "eip155:1")]
    pack.write_bytes(canonical(story.packed([0])))
    note = story.note_on_chain.hex()
    for digits in (note, f"0x{note}"):
        # What is wrong with the pack comes first: here it has no events that are its own.
        assert verify(pack, "--anchor-note", digits)[0] == 1
    assert verify(pack, "--anchor-note", "tlog")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("{folder}/nothing.json",),
        ("{folder}",),
        ("{pack}", "--key", "{folder}/nothing"),
        ("{pack}", "--key", "{pack}"),
        ("{pack}", "--checkpoint", "{folder}/nothing"),
        ("{pack}", "--consistency", "{pack}"),
        ("{pack}", "--checkpoint", "{pack}", "--consistency", "{pack}"),
        ("{pack}", "--unknown"),
        ("{pack}", "--key", "a" * 300),
        ("{pack}", "--key", "a" * 10_000),
        ("{pack}", "--key", LINE.replace(ID, "00000000")),
        ("{pack}", "--key", LINE.replace("/1+", "/2+")),
        ("{pack}", "--key", FINGERPRINT, "--key", "x"),
        (),
    ],
)
def test_what_cannot_be_used_ends_with_2(verify, pack, tmp_path, arguments):
    filled = [each.format(pack=pack, folder=tmp_path) for each in arguments]
    status, told, error = verify(*filled)
    assert (status, told) == (2, "")
    assert error


def test_a_file_that_is_too_large_is_not_read(verify, tmp_path):
    with (tmp_path / "pack.json").open("wb") as file:
        file.truncate(32 * 2**20 + 1)
    assert verify(tmp_path / "pack.json")[0] == 2


def test_it_stands_alone(pack, tmp_path):
    """Installed from its folder, with nothing of ours, and no network."""
    place = tmp_path / "place"
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--disable-pip-version-check", "--target", place,
            str(copy_of(ROOT / "verifier", tmp_path / "source")),
        ],
        check=True,
    )  # fmt: skip
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(place)!r})\n"
        "from tallystick_verifier.command import main\n"
        f"status = main([{str(pack)!r}])\n"
        "houses = {'domain', 'application', 'adapters', 'entrypoints', 'attrs', 'verifier'}\n"
        "sys.exit(status or str(houses & sys.modules.keys() or ''))\n"
    )
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("PROVED\n")
    assert not done.stderr.strip()
    assert (place / "bin/tallystick-verify").exists()


@pytest.mark.parametrize("flipped", [False, True])
def test_who_has_read_enough_does_not_change_the_verdict(pack, flipped):
    if flipped:
        raw = bytearray(pack.read_bytes())
        raw[len(raw) // 2] ^= 1
        pack.write_bytes(raw)
    gone, ours = os.pipe()
    os.close(gone)
    script = f"import sys, tallystick_verifier.command as c; sys.exit(c.main([{str(pack)!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'verifier'}"},
        stdout=ours, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(ours)
    assert (done.returncode, done.stderr) == (int(flipped), "")


def copy_of(folder, place):
    """pip builds where the source is."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and "build" not in path.parts:
            copied = place / path.relative_to(folder)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())
    return place
