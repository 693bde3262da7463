"""Kubernetes' own schemas, of the oldest version that the chart is for and of the newest."""

import re
import subprocess
from functools import cache

from entrypoints.devnet import own_environment

_NAME = "kubernetes-validate"
VERSIONS = ("1.27", "1.37")
#: Described by whoever brings them, and by no Kubernetes.
FOREIGN = {"ServiceMonitor"}
_UNKNOWN = re.compile(r"WARN - Couldn't find schema for kind (\w+) ")
_FAILED = re.compile(r"(?:ERROR|FATAL) - (.+)")


@cache
def complaints(manifests: str) -> list[str]:
    """What Kubernetes has against these; unknown fields count.  Raises: DevnetError."""
    program = own_environment.installed(_NAME) / "bin" / _NAME
    found = []
    for version in VERSIONS:
        done = subprocess.run(
            [program, "--strict", "--kubernetes-version", version, "-"],
            input=manifests,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        failed = [f"Kubernetes {version}: {each}" for each in _FAILED.findall(said)]
        unknown = set(_UNKNOWN.findall(said)) - FOREIGN
        failed += [f"Kubernetes {version} has no {each}" for each in sorted(unknown)]
        if bool(failed) != bool(done.returncode or unknown):
            failed.append(f"Kubernetes {version}: {said}")
        found += failed
    return found
