"""What the chart is rendered to: by helm itself, and as `make helm` has recorded it.

A recording begins with the digest of what it was rendered from, so that one of another chart is
noticed where there is no helm.
"""

import hashlib
from pathlib import Path

import yaml

from tests.deploy.processes import DEPLOY

CHART = DEPLOY / "helm/tallystick"
HERE = Path(__file__).parent
RENDERED = HERE / "rendered"
#: Values as somebody might write them; each file says for what.
CASES = {path.stem: path for path in sorted((HERE / "values").glob("*.yaml"))}
RELEASE = "tallystick"

#: A change to `least`, and the place that the refusal names.
REFUSED = [
    ({"installation": {"id": "mine"}}, "installation/id"),
    ({"installation": {"id": "", "baseUrl": "https://issue.example.com"}}, "installation/id"),
    ({"installation": {"baseUrl": "http://issue.example.com"}}, "installation/baseUrl"),
    ({"installation": {"trustedProxies": -1}}, "installation/trustedProxies"),
    ({"configuration": ""}, "configuration"),
    ({"configuration": "[audit]\n"}, "configuration"),
    ({"image": {"tag": "latest"}}, "image/tag"),
    ({"image": {"pullPolicy": "Sometimes"}}, "image/pullPolicy"),
    ({"secrets": {"name": ""}}, "secrets/name"),
    # The variable itself would put the secret into the pod's description.
    (
        {"secrets": {"custodian": {"variable": "TALLYSTICK_VAULT_TOKEN"}}},
        "secrets/custodian/variable",
    ),
    ({"serve": {"replicas": 0}}, "serve/replicas"),
    ({"serve": {"port": 80_000}}, "serve/port"),
    ({"work": {"replicas": "two"}}, "work/replicas"),
    ({"seal": {"replicas": 2}}, "seal"),
    ({"schedules": {"archive": "daily"}}, "schedules/archive"),
    ({"networkPolicy": {"outwardPorts": ["https"]}}, "networkPolicy/outwardPorts/0"),
    ({"database": {"url": "postgresql://"}}, ""),
]


def name_of(change: dict) -> str:
    """``serve.replicas=0``, for names of tests."""
    key, value = next(iter(change.items()))
    return f"{key}.{name_of(value)}" if isinstance(value, dict) else f"{key}={value}"[:40].strip()


def recorded(case: str) -> str:
    return (RENDERED / f"{case}.yaml").read_text("utf-8")


def first_line(case: str) -> str:
    """What the recording of this chart, with these values, begins with."""
    files = [path for path in sorted(CHART.rglob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for path in (*files, CASES[case]):
        text = path.read_bytes()
        digest.update(f"{path.name} {len(text)}\n".encode() + text)
    return f"# Rendered by `make helm` of {digest.hexdigest()}"


def documents(text: str) -> list[dict]:
    return [each for each in yaml.safe_load_all(text) if each is not None]


def values_of(case: str) -> dict:
    return yaml.safe_load(CASES[case].read_text("utf-8"))


def merged(values: dict, change: dict) -> dict:
    """As helm lays values over each other."""
    over = {
        key: merged(values[key], value)
        if isinstance(value, dict) and isinstance(values.get(key), dict)
        else value
        for key, value in change.items()
    }
    return values | over
