"""The restore drill on real servers: of a sealed installation, and of one that was broken."""

import base64
import os
import subprocess
import sys

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.identifiers import Prefix, public_id
from tests.adapters.postgres.test_sealer_process import NETWORK, until
from tests.adapters.postgres.test_sealing import a_site
from tests.architecture.house import ROOT
from tests.contract.subjects.postgres import APPLICATION, INSTALLATION, SEALER
from tests.contract.tenants import a_tenant

pytestmark = pytest.mark.filterwarnings("ignore:keys are held in memory")


@pytest.fixture
def site(tmp_path):
    with a_site(tmp_path) as site:
        yield site


@pytest.fixture
def source(site):
    parts = conninfo_to_dict(site.url)
    return f"{parts['host']}:{parts['port']}/{parts['dbname']}", parts["user"]


@pytest.fixture
def run(site, source):
    (site.folder / "tallystick.toml").write_text(NETWORK)
    at, _ = source
    ours = {key: text for key, text in os.environ.items() if not key.startswith("TALLYSTICK_")}
    environment = ours | {
        "TALLYSTICK_CONFIG": str(site.folder / "tallystick.toml"),
        "TALLYSTICK_INSTALLATION_ID": public_id(Prefix.INSTALLATION, INSTALLATION),
        "TALLYSTICK_INSTALLATION_ENVIRONMENT": "test",
        "TALLYSTICK_DATABASE_URL": f"postgresql://{APPLICATION.name}:{APPLICATION.password}@{at}",
        "TALLYSTICK_SEAL_DATABASE_URL": f"postgresql://{SEALER.name}:{SEALER.password}@{at}",
        "TALLYSTICK_SEAL_STATE_FILE": str(site.folder / "sealer.json"),
        "TALLYSTICK_AUDIT_ORIGIN": "issue.example.com",
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    }

    def running(*command):
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return running


def test_a_backup_is_restored_beside_and_refused_by_the_sealer(site, source, run):
    at, user = source
    drill = ("tools/restore_drill.py", "--source", f"postgresql://{user}@{at}")
    seal = ("-m", "entrypoints.main", "seal")
    assert run(*seal, "open", "--reason", "we begin").returncode == 0
    tenant = a_tenant(site.store)
    site.happen(tenant, 5)
    until(lambda: run(*seal, "--once").returncode == 0 and not site.waiting())
    before, signed = (
        (site.folder / "sealer.json").read_bytes(),
        site.admin("SELECT count(*), max(size) FROM audit_checkpoints"),
    )

    done = run(*drill)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "access end-all",
        "verify ledger",
        "verify audit",
        "another_cluster",
        "can be restored",
    ):
        assert words in done.stdout
    assert (site.folder / "sealer.json").read_bytes() == before
    assert site.admin("SELECT count(*), max(size) FROM audit_checkpoints") == signed
    assert site.admin("SELECT auth_epoch FROM installation") == [(0,)], "in the copy only"

    if os.environ.get("TALLYSTICK_PROVE") != "1":
        return  # a whole drill more takes its time
    with psycopg.connect(site.url, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("DELETE FROM audit_events WHERE sequence = 3")
    broken = run(*drill)
    assert broken.returncode == 1
    assert "FAILED: tallystick verify audit" in broken.stderr
    assert "event" in broken.stderr
