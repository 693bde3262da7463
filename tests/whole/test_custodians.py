"""Processes of their own with keys that are elsewhere: one variable says where."""

import json
import subprocess
import sys

import pytest

from entrypoints.demo.custody import NEW_KEYS, POLICY
from entrypoints.demo.parts import running
from entrypoints.devnet.vault import Vault
from tests.softhsm import softhsm_or_skip


def test_the_demo_keeps_its_word_with_keys_in_a_token(tmp_path, monkeypatch):
    """Treasury, issuing accounts and the log's key: all of them are made there, and sign there."""
    softhsm_or_skip()
    monkeypatch.setenv(NEW_KEYS, "pkcs11")
    pack = tmp_path / "pack.json"
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "demo", "--once", "--evidence", str(pack)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = pack.read_text("utf-8")
    assert '"pkcs11:org_' in written
    assert "local-keys" not in written


@pytest.fixture(scope="module")
def vault():
    with Vault() as server:
        yield server


@pytest.fixture(scope="module")
def parts(vault):
    """A house whose role at Vault may do what the page says, and nothing else."""
    role_id, secret_id = vault.add_role(POLICY)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(NEW_KEYS, f"vault:{vault.url}")
        environment.setenv("TALLYSTICK_VAULT_ROLE_ID", role_id)
        environment.setenv("TALLYSTICK_VAULT_SECRET_ID", secret_id)
        with running() as made:
            yield made


def examined(parts):
    """What `doctor` says of custodians, and whether it is content with everything."""
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.main", "doctor", "--json"],
        env=dict(parts.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "VAULT_SECRET" not in done.stdout
    findings = json.loads(done.stdout)
    return [each for each in findings if each["what"].startswith("custodian")], done.returncode


def test_doctor_is_content_with_the_least_that_the_page_names(parts):
    (found,), status = examined(parts)
    assert (found["what"], found["grade"], status) == ("custodian vault", "ok", 0)


def test_doctor_names_the_permission_that_is_missing(parts, vault):
    (role,), path = vault._roles, "transit/sign/tallystick-*"
    vault._roles[role] = {each: POLICY[each] for each in POLICY if each != path}
    try:
        (found,), status = examined(parts)
    finally:
        vault._roles[role] = POLICY
    assert (found["grade"], status) == ("failed", 1)
    assert f"update on {path}" in found["problem"]
    assert "docs/custody.md" in found["remedy"]


def test_doctor_says_that_a_sealed_vault_is_sealed(parts, vault):
    vault.seal()
    try:
        (found,), status = examined(parts)
    finally:
        vault.unseal()
    assert status == 1
    assert "sealed" in found["problem"]
