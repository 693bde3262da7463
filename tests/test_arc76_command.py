"""``tallystick arc76 address``: the same answer as the vectors, and no word of the passphrase."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from entrypoints.main import main
from tests.domain.test_arc76 import LONG, OFFICIAL, VECTORS


def run(*arguments, passphrase):
    return CliRunner().invoke(main, ["arc76", "address", *arguments], input=passphrase)


@pytest.mark.parametrize("vector", VECTORS[:3], ids=lambda each: f"{each['email']}-{each['slot']}")
def test_addresses_of_both_families_are_told(vector):
    chosen = ["--email", vector["email"], "--slot", str(vector["slot"]), "--json"]
    done = run(*chosen, passphrase=vector["password"] + "\n")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {
        "email": vector["email"],
        "slot": vector["slot"],
        "evm": vector["evm"],
        "algorand": vector["algorand"],
    }
    assert vector["password"] not in done.output


def test_a_passphrase_is_taken_byte_for_byte():
    """But for one newline, which shells put there."""
    told = {
        run("--json", passphrase=passphrase).output
        for passphrase in (LONG, LONG + "\n", LONG + "\n\n", LONG + " ", LONG + "\r\n")
    }
    assert len(told) == 4


@pytest.mark.parametrize("passphrase", ["short", "", b"\xff" * 20])
def test_what_cannot_be_used_is_refused_without_a_word_of_it(passphrase):
    done = run("--json", passphrase=passphrase)
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert told["code"] == "passphrase_unusable"
    assert "short" not in done.output.replace("too short", "")


def test_no_configuration_is_read(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "entrypoints.main"),
            *("--config", str(tmp_path / "nothing.toml"), "arc76", "address"),
            *("--email", OFFICIAL["email"]),
        ],
        input=OFFICIAL["password"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert OFFICIAL["algorand"] in done.stdout
    assert not done.stderr
