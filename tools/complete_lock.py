"""Add the anvil binaries of the platforms that npm left out of a lockfile.

npm writes down only those optional packages that its registry could show it; `npm ci` then refuses
the lockfile because the others are missing.  A package added here has a version but no hash.
"""

import json
import sys
from pathlib import Path

ANVIL = "node_modules/@foundry-rs/anvil"
#: Foundry's names of processors, in npm's.
PROCESSORS = {"amd64": "x64", "arm64": "arm64"}


def completed(lock: dict) -> dict:
    packages = lock["packages"]
    anvil = packages[ANVIL]
    for name, version in anvil["optionalDependencies"].items():
        system, processor = name.removeprefix("@foundry-rs/anvil-").split("-")
        packages.setdefault(
            f"node_modules/{name}",
            {
                "version": version,
                "cpu": [PROCESSORS[processor]],
                "license": anvil["license"],
                "optional": True,
                "os": [system],
            },
        )
    return {**lock, "packages": dict(sorted(packages.items()))}


if __name__ == "__main__":
    lockfile = Path(sys.argv[1])
    lockfile.write_text(json.dumps(completed(json.loads(lockfile.read_text())), indent=2) + "\n")
