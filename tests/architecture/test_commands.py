"""The commands explain themselves, load only what they use, and say all that is wrong at once."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from entrypoints.main import COMMANDS, main
from tests.architecture.house import ROOT

PATIENCE_SECONDS = 20
SDKS = {
    "algosdk", "boto3", "eth_account", "hvac", "opentelemetry", "pkcs11", "prometheus_client",
    "web3",
}  # fmt: skip
WEB = {"litestar", "uvicorn"}
#: What a command must not load before it knows what it is to do, beside the SDKs of chains and
#: custodians, which are loaded when a network or a key is used.
UNUSED = {
    "serve": {"procrastinate", "psycopg"},
    "work": WEB | {"procrastinate", "psycopg"},
    "seal": WEB | {"procrastinate", "psycopg"},
    "migrate": WEB | {"procrastinate", "psycopg"},
    "treasury": WEB | {"procrastinate", "psycopg"},
    "secrets": WEB | {"procrastinate", "psycopg"},
    "credits": WEB | {"procrastinate", "psycopg"},
    "tariff": WEB | {"procrastinate", "psycopg"},
    "users": WEB | {"procrastinate", "psycopg"},
    "access": WEB | {"procrastinate", "psycopg"},
    "abuse": WEB | {"procrastinate", "psycopg"},
    "rates": WEB | {"procrastinate", "psycopg"},
    "verify": WEB | {"procrastinate", "psycopg"},
    "report": WEB | {"procrastinate", "psycopg"},
    "tokens": WEB | {"procrastinate", "psycopg"},
    "audit": WEB | {"procrastinate", "psycopg", "pyarrow"},
    "billing": WEB | {"procrastinate", "psycopg"},
    "operations": WEB | {"procrastinate", "psycopg"},
    "keys": WEB | {"procrastinate", "psycopg"},
    "anchor": WEB | {"procrastinate", "psycopg"},
    "arc76": WEB | {"procrastinate", "psycopg"},
    "listen": WEB | {"adapters", "application", "procrastinate", "psycopg"},
    "doctor": WEB | {"procrastinate", "psycopg"},
    "config": WEB | {"procrastinate", "psycopg"},
    # The demo looks at the node and at the rows with eyes of its own.
    "demo": WEB | {"adapters", "application", "procrastinate"},
    "devnet": WEB | {"adapters", "application", "domain", "procrastinate", "psycopg"},
}
#: Commands of which programs may want an answer.
ANSWERING = (
    "erase",
    "end-all",
    "revoke-key",
    "state",
    "grant",
    "set",
    "create",
    "show",
    "fund",
    "resume",
    "end",
    "anchor",
    "migrate",
    "ledger",
    "margin",
    "mrr",
    "activation",
    "adjust",
    "correct",
    "statement",
    "check",
    "print",
    "doctor",
    "export",
    "months",
    "archive",
    "certificate",
    "place",
    "lift",
    "list",
    "address",
)
NOBODY = "org_00000000000000000000000000"
MISSING = (
    "TALLYSTICK_INSTALLATION_ID",
    "TALLYSTICK_DATABASE_URL",
    "TALLYSTICK_LOCAL_KEYS_MASTER_KEY",
    "network",
)
#: One process for all commands that may load the same: each has what it loads beyond the others.
LOADING = """
import json, sys
from entrypoints.main import main

loaded, known = {}, set()
for name in sys.argv[1:]:
    try:
        main([*name.split(), "--help"])
    except SystemExit as ended:
        assert not ended.code, name
    loaded[name] = sorted({module.partition(".")[0] for module in sys.modules} - known)
    known.update(loaded[name])
print(json.dumps(loaded), file=sys.stderr)
"""


def run(*arguments, patience=PATIENCE_SECONDS, **environment):
    """The command, without anything of this process's configuration."""
    return subprocess.run(
        [sys.executable, "-m", "entrypoints.main", *arguments],
        cwd=ROOT,
        env=surroundings() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience,
    )


def run_here(*arguments):
    """The same in this process, for what ends before it starts anything."""
    unset = {name: None for name in os.environ if name.startswith("TALLYSTICK_")}
    done = CliRunner().invoke(main, arguments, env=unset)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def surroundings():
    return {name: text for name, text in os.environ.items() if not name.startswith("TALLYSTICK_")}


@cache
def loaded_by(*names):
    """The packages loaded by the help of each, which must end well; "" is the help of all."""
    done = subprocess.run(
        [sys.executable, "-c", LOADING, *names],
        cwd=ROOT,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = json.loads(done.stderr.splitlines()[-1])
    assert "click" in loaded[names[0]]
    return {name: set(packages) for name, packages in loaded.items()}


def test_the_help_loads_nothing_of_what_the_commands_use():
    houses = {"adapters", "application", "domain", "dependency_injector", "psycopg"}
    assert not loaded_by("")[""] & (SDKS | WEB | houses)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_nothing_that_it_does_not_use(name):
    alike = [other for other in COMMANDS if UNUSED[other] == UNUSED[name]]
    assert not loaded_by(*alike)[name] & (SDKS | UNUSED[name])


def test_the_help_names_every_command_and_what_it_is_for():
    told = " ".join(run("--help").stdout.split())
    for name, (_, purpose) in COMMANDS.items():
        assert f" {name} " in told
        assert purpose in told


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_all_below_it_explain_themselves(name):
    command = import_module(f"entrypoints.commands.{COMMANDS[name][0]}").command
    assert command.name == name
    for each in family_of(command):
        assert each.help, f"{each.name} has no help"
        for option in each.params:
            if isinstance(option, click.Option):
                assert option.help, f"{each.name} {option.name} has no help"


@pytest.mark.parametrize("name", ANSWERING)
def test_what_answers_a_program_answers_in_json(name):
    commands = [import_module(f"entrypoints.commands.{module}") for module, _ in COMMANDS.values()]
    found = [
        each for module in commands for each in family_of(module.command) if each.name == name
    ]
    assert found
    assert all("as_json" in {option.name for option in each.params} for each in found)


def family_of(command):
    if not isinstance(command, click.Group):
        return [command]
    return [command, *(each for child in command.commands.values() for each in family_of(child))]


def test_doctor_lists_all_that_is_missing():
    done = run("doctor", "--json")
    assert done.returncode == 1
    findings = json.loads(done.stdout)
    assert {finding["what"] for finding in findings} == {"configuration"}
    for word in MISSING:
        assert any(word in finding["problem"] for finding in findings), word


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("work",),
        ("migrate",),
        ("treasury", "show"),
        ("verify", "ledger"),
        ("report", "margin"),
        ("credits", "adjust", NOBODY, "-1", "--reason", "a test"),
        ("credits", "show", NOBODY),
        ("tokens", "check"),
        ("anchor", "--network", "eip155:1"),
        ("credits", "statement", NOBODY),
        ("rates", "set", "eip155:1", "1", "--source", "me"),
        ("config", "check"),
        ("config", "print"),
        ("credits", "grant", NOBODY, "1", "--reason", "a test"),
        ("tariff", "set", NOBODY, "free", "--reason", "a test"),
        ("abuse", "lift", NOBODY, "--reason", "a test"),
        ("operations", "end", NOBODY, "op_00000000000000000000000000", "--reason", "a test"),
        ("operations", "end", NOBODY, "dep_00000000000000000000000000", "--reason", "a test"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_command_without_configuration_lists_all_that_is_missing(arguments):
    done = run_here(*arguments)
    assert done.exit_code == 2
    for word in MISSING:
        assert word in done.stderr


def test_a_process_without_configuration_says_so_without_a_traceback():
    done = run("work")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in MISSING:
        assert word in done.stderr


@pytest.mark.parametrize("ids", [("x", "op_1"), (NOBODY, "acct_1"), (NOBODY, NOBODY)])
def test_what_is_to_be_ended_is_named_by_its_ids(ids):
    done = run_here("operations", "end", *ids, "--reason", "a test")
    assert done.exit_code == 2
    assert "is no o" in done.stderr


def test_nothing_is_ended_without_a_reason():
    done = run_here("operations", "end", NOBODY, "op_00000000000000000000000000")
    assert done.exit_code == 2
    assert "--reason" in done.stderr


def test_an_unknown_command_is_refused():
    done = run("deploy")
    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_a_configuration_that_is_not_there_is_named(tmp_path):
    done = run("--config", str(tmp_path / "nothing.toml"), "work")
    assert done.returncode == 2
    assert "nothing.toml cannot be read" in done.stderr


CONFIGURATION = """
[installation]
id = "ins_01k9zvkx9te1mt5qg4s7z9ht6e"
environment = "development"

[database]
url = "postgresql://nobody@127.0.0.1:9/nothing"

[local_keys]
master_key = "{master_key}"

[networks."{network}"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["http://127.0.0.1:9"]
finality_tag = "finalized"
fee_ceiling = 1
native_currency = "ETH"
"""
GOOD = {"master_key": "A" * 43 + "=", "network": "eip155:31337"}


def test_a_worker_with_a_malformed_master_key_says_so(tmp_path):
    (tmp_path / "tallystick.toml").write_text(
        CONFIGURATION.format(**GOOD | {"master_key": "secret"})
    )
    done = run("--config", str(tmp_path / "tallystick.toml"), "work", patience=30)
    assert done.returncode == 2
    assert "TALLYSTICK_LOCAL_KEYS_MASTER_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_says_that_a_network_has_no_name_of_a_chain(tmp_path):
    (tmp_path / "tallystick.toml").write_text(CONFIGURATION.format(**GOOD | {"network": "base"}))
    done = run("--config", str(tmp_path / "tallystick.toml"), "doctor", "--json")
    assert done.returncode == 1
    assert any("base" in (finding["problem"] or "") for finding in json.loads(done.stdout))


def test_doctor_says_that_there_is_no_such_custodian(tmp_path):
    (tmp_path / "tallystick.toml").write_text(CONFIGURATION.format(**GOOD))
    done = run(
        "--config", str(tmp_path / "tallystick.toml"), "doctor", "--json",
        TALLYSTICK_CUSTODIAN_NEW_KEYS="nowhere",
    )  # fmt: skip
    assert done.returncode == 1
    assert any("nowhere" in (finding["problem"] or "") for finding in json.loads(done.stdout))


KMS, VAULT = "aws-kms:eu-central-1", "vault:https://vault.example:8200"
ALGORAND = """
[networks."algorand:SGO1GKSzyE7IEPItTxCByw9x8FmnrCDe"]
nodes = ["http://127.0.0.1:9"]
min_sources = 1
"""


@pytest.fixture
def runs_with(tmp_path):
    """Commands where accounts are of passphrases, and one of two custodians holds new keys."""

    def running(*arguments, new_keys, others="local-keys", networks="", origin="arc76"):
        file = tmp_path / "tallystick.toml"
        file.write_text(CONFIGURATION.format(**GOOD) + networks)
        return run(
            "--config", str(file), *arguments, patience=30,
            TALLYSTICK_ACCOUNTS_ORIGIN=origin, TALLYSTICK_CUSTODIAN_NEW_KEYS=new_keys,
            TALLYSTICK_CUSTODIAN_OTHERS=others,
        )  # fmt: skip

    return running


@pytest.mark.parametrize("start", ["config check", "serve", "work"])
def test_a_passphrase_needs_a_custodian_that_takes_keys_in(runs_with, start):
    done = runs_with(*start.split(), new_keys=KMS)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in ("TALLYSTICK_ACCOUNTS_ORIGIN", "secp256k1", "import_not_offered", "local-keys"):
        assert word in done.stderr


def test_doctor_names_the_custodian_that_takes_no_keys_in(runs_with):
    done = runs_with("doctor", "--json", new_keys=KMS)
    (found,) = json.loads(done.stdout)
    assert (done.returncode, found["grade"]) == (1, "failed")
    assert "aws-kms" in found["problem"]
    assert "import_not_offered" in found["problem"]


def test_a_custodian_takes_in_what_every_network_needs(runs_with):
    done = runs_with("config", "check", new_keys=VAULT, networks=ALGORAND)
    assert done.returncode == 2
    assert "takes in no ed25519 keys" in done.stderr


@pytest.mark.parametrize(
    "fitting",
    [
        {"new_keys": VAULT},
        {"new_keys": KMS, "origin": "custodian"},
        {"new_keys": "local-keys", "others": KMS, "networks": ALGORAND},
    ],
    ids=["takes in what is needed", "no passphrases", "keys of before"],
)
def test_what_takes_in_enough_will_do(runs_with, fitting):
    done = runs_with("config", "check", **fitting)
    assert done.returncode == 0, done.stderr


def test_a_worker_that_waits_for_its_database_can_be_stopped(tmp_path):
    (tmp_path / "tallystick.toml").write_text(CONFIGURATION.format(**GOOD))
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "entrypoints.main",
            "--config",
            tmp_path / "tallystick.toml",
            "work",
        ],
        cwd=ROOT,
        env=surroundings(),
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert any("does not answer" in line for line in worker.stderr)
            worker.terminate()
            assert worker.wait(timeout=8) == 0
        finally:
            worker.kill()
