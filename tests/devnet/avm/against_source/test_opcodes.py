"""The network's opcodes have the numbers, fields and costs that the contracts' compiler knows."""

import json
import subprocess
from pathlib import Path

import pytest

from entrypoints.devnet.algod.avm.table import TABLE
from entrypoints.devnet.algod.avm.transaction_fields import FIELDS
from tests.devnet.avm import assembly

NETWORK_VERSION = 11


@pytest.fixture(scope="module")
def known(compiler, compiler_environment):
    """What the compiler says: number, fields, cost and version by name."""
    ran = subprocess.run(
        [compiler_environment / "bin/python", Path(__file__).with_name("opcodes.py")],
        env=compiler.inside(compiler_environment),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(ran.stdout)


def test_all_that_the_networks_protocol_has_are_there(known):
    missing = [
        name
        for name, (number, _, _, since) in known.items()
        if number not in TABLE and (since is None or since <= NETWORK_VERSION)
    ]
    assert missing == []


def test_numbers_and_names(known):
    assert {each.name: each.code for each in TABLE.values()} == {
        name: number for name, (number, *_) in known.items() if number in TABLE
    }
    assert assembly.OPCODES.keys() <= known.keys()
    assert {name: code for name, (code, _) in assembly.OPCODES.items()} == {
        name: known[name][0] for name in assembly.OPCODES
    }


def test_costs(known):
    """Where one number says it."""
    fixed = {each.name: each.cost for each in TABLE.values() if isinstance(each.cost, int)}
    told = {name: cost for name, (_, _, cost, _) in known.items() if cost is not None}
    simulated = fixed.keys() & told.keys() - UNSUPPORTED
    assert {name: fixed[name] for name in simulated} == {name: told[name] for name in simulated}


#: Reached, they fail by name, whatever they would cost.
UNSUPPORTED = {"ecdsa_pk_recover", "falcon_verify", "vrf_verify"}


def test_versions(known):
    """`ed25519verify` is older, but only signatures could use it."""
    told = {name: since for name, (_, _, _, since) in known.items() if since is not None}
    ours = {each.name: each.since for each in TABLE.values() if each.name in told}
    ours["ed25519verify"] = 1
    assert ours == {name: told[name] for name in ours}


def test_fields_of_transactions(known):
    (codes,) = known["txn"][1]
    assert {field.name: number for number, field in FIELDS.items()} == {
        name: code for name, code in codes.items() if code in FIELDS
    }
