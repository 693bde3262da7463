"""`tallystick seal` as it is run: processes, signals, and what the operator is told."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.identifiers import Prefix, public_id
from tests.adapters.postgres.test_sealing import a_site
from tests.contract.subjects.postgres import APPLICATION, INSTALLATION, SEALER
from tests.contract.tenants import a_tenant

pytestmark = pytest.mark.filterwarnings("ignore:keys are held in memory")


@pytest.fixture
def site(tmp_path):
    with a_site(tmp_path) as site:
        yield site


#: A configuration names a network; the sealer asks none.
NETWORK = """
[networks."eip155:31337"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["http://127.0.0.1:9"]
finality_tag = "finalized"
fee_ceiling = 1
native_currency = "ETH"
"""


@pytest.fixture
def environment(site):
    (site.folder / "tallystick.toml").write_text(NETWORK)
    parts = conninfo_to_dict(site.url)
    at = f"{parts['host']}:{parts['port']}/{parts['dbname']}"
    ours = {key: text for key, text in os.environ.items() if not key.startswith("TALLYSTICK_")}
    return ours | {
        "TALLYSTICK_CONFIG": str(site.folder / "tallystick.toml"),
        "TALLYSTICK_INSTALLATION_ID": public_id(Prefix.INSTALLATION, INSTALLATION),
        "TALLYSTICK_INSTALLATION_ENVIRONMENT": "test",
        "TALLYSTICK_DATABASE_URL": f"postgresql://{APPLICATION.name}:{APPLICATION.password}@{at}",
        "TALLYSTICK_SEAL_DATABASE_URL": f"postgresql://{SEALER.name}:{SEALER.password}@{at}",
        "TALLYSTICK_SEAL_STATE_FILE": str(site.folder / "sealer.json"),
        "TALLYSTICK_SEAL_EVERY_SECONDS": "1",
        "TALLYSTICK_AUDIT_ORIGIN": "issue.example.com",
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    }


@pytest.fixture
def run(environment):
    def running(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "entrypoints.main", "seal", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return running


@pytest.fixture
def start(environment):
    started = []

    def starting(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "entrypoints.main", "seal", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield starting
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
        process.stdout.close()


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sealed(site):
    return site.admin("SELECT count(*) FROM audit_leaves")[0][0]


def events(site):
    return site.admin("SELECT count(*) FROM audit_events")[0][0]


def test_the_ceremony_then_a_round_then_the_status(site, run):
    refused = run("--once", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == "log_not_open"

    opened = json.loads(run("open", "--reason", "we begin", "--json").stdout)
    assert opened["number"] == 1
    assert opened["origin"].startswith("issue.example.com/audit/ins_")
    assert len(opened["key_fingerprint"]) == 64
    site.happen(a_tenant(site.store), 5)
    until(lambda: run("--once").returncode == 0 and sealed(site) == events(site))
    twice = run("open", "--reason", "twice", "--json")
    assert (twice.returncode, json.loads(twice.stdout)["code"]) == (1, "log_is_open")

    status = json.loads(run("status", "--json").stdout)
    assert (status["waiting"], status["waiting_since"]) == (0, None)
    assert status["size"] == status["signed_size"] == events(site)
    assert status["key_fingerprint"] == opened["key_fingerprint"]
    assert len(site.holds_together()) == status["size"]


def test_a_terminated_sealer_ends_well_and_lets_the_other_one_in(site, run, start):
    assert run("open", "--reason", "we begin").returncode == 0
    first = start()
    until(lambda: sealed(site) == events(site))
    second = start()
    assert any("another sealer" in line for line in second.stdout)
    site.happen(a_tenant(site.store), 3)
    until(lambda: sealed(site) == events(site))
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0
    site.happen(a_tenant(site.store), 3)
    until(lambda: sealed(site) == events(site))
    second.send_signal(signal.SIGINT)
    assert second.wait(timeout=20) == 0
    site.holds_together()


def test_sealers_that_are_killed_again_and_again_leave_no_trace(site, run, start, proving):
    """Two at once, SIGKILL at any instant, and a database that breaks their connections."""
    assert run("open", "--reason", "we begin").returncode == 0
    chance = random.Random(20261121)
    tenants = [a_tenant(site.store) for _ in range(3)]
    processes = [start(), start()]
    for number in range(40 if proving else 8):
        for tenant in tenants:
            site.happen(tenant, chance.randint(1, 200))
        time.sleep(chance.uniform(0.5, 1.5))
        if number % 4 == 3:
            site.admin(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s AND datname = current_database()",
                SEALER.name,
            )
        else:
            victim = processes.pop(chance.randrange(2))
            victim.kill()
            victim.communicate()
            processes.append(start())
    until(lambda: sealed(site) == events(site))
    until(lambda: site.checkpoints() and site.checkpoints()[-1].checkpoint.size == sealed(site))
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert len(site.holds_together()) == events(site)


def test_a_configuration_that_does_not_seal_says_what_is_missing(environment, run):
    del environment["TALLYSTICK_SEAL_DATABASE_URL"], environment["TALLYSTICK_SEAL_STATE_FILE"]
    done = run("--once")
    assert done.returncode == 2
    assert "TALLYSTICK_SEAL_DATABASE_URL" in done.stderr
    assert "TALLYSTICK_SEAL_STATE_FILE" in done.stderr


def test_the_sealers_connection_is_the_sealers(site, run):
    """Nothing of what it does needs another right: as the real role, logged in."""
    assert run("open", "--reason", "we begin").returncode == 0
    with psycopg.connect(site.url) as connection:
        rights = connection.execute(
            "SELECT pg_has_role(%s, 'tallystick_app', 'MEMBER'),"
            "       pg_has_role(%s, 'tallystick_sealer', 'MEMBER')",
            [SEALER.name, SEALER.name],
        ).fetchone()
    assert rights == (False, True)
