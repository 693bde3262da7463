"""The chart names variables, commands, paths and secrets that this product has."""

import json
import re

import pytest
import yaml

from adapters.telemetry import serving
from entrypoints.http import health
from tests.architecture.house import ROOT
from tests.architecture.test_commands_in_documentation import missing
from tests.architecture.test_documentation import Asked
from tests.deploy.processes import DEPLOY, SECRET_VARIABLES, SECRETS

CHART = DEPLOY / "helm/tallystick"
TEMPLATES = "\n".join(
    path.read_text("utf-8") for path in sorted((CHART / "templates").iterdir()) if path.is_file()
)
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))


def test_variables_are_read_and_secrets_come_from_files(tmp_path):
    known = Asked(tmp_path).variables | {"TALLYSTICK_CONFIG", "TALLYSTICK_SEAL_STATE_FILE"}
    named = set(re.findall(r"\bTALLYSTICK_\w+", TEMPLATES))
    named.add(VALUES["secrets"]["custodian"]["variable"])
    assert len(named) >= 12
    for name in named:
        stem = name.removesuffix("_FILE")
        assert name in known or stem in SECRET_VARIABLES, name
        assert name not in SECRET_VARIABLES, f"{name} would stand in the pod"


def test_keys_of_the_secret_are_known():
    keys = set(re.findall(r'"TALLYSTICK_\w+_FILE" "(\w+)"', TEMPLATES))
    assert keys | {VALUES["secrets"]["custodian"]["key"]} <= set(SECRETS)


@pytest.mark.parametrize(
    "command", ["serve", "work", "seal", "migrate", "verify ledger", "verify audit",
                "audit archive --drop --delete"],
)  # fmt: skip
def test_commands_exist_and_are_started(command):
    assert missing(command.split()) is None
    if command not in {"serve", "work"}:
        assert "(list " + " ".join(f'"{word}"' for word in command.split()) + ")" in TEMPLATES


def test_probes_ask_where_it_is_told():
    paths = set(re.findall(r"httpGet: \{path: (/\w+)", TEMPLATES))
    assert paths == {path for each in health.HANDLERS for path in each.paths} | {serving.PATH}


def test_values_and_schema_name_the_same():
    assert set(VALUES) <= set(SCHEMA["properties"])
    for name, value in VALUES.items():
        properties = SCHEMA["properties"][name].get("properties")
        if isinstance(value, dict) and properties:
            assert set(value) == set(properties), name
    assert "(?" not in json.dumps(SCHEMA), "Go's expressions cannot look ahead"


def test_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'\nversion = "{chart["appVersion"]}"\n' in project
    assert VALUES["image"]["tag"] == chart["appVersion"]
