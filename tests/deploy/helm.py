"""``make helm``: the chart as helm sees it.

helm is a Go program: where Go is, it is built once, into .cache/helm, which takes some minutes.
It then lints the chart, refuses values that are not possible, and renders each case, whose
recording is compared (``--check``) or written anew.  `make test` reads the recordings, and renders
again where helm has been built.
"""

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.architecture.house import ROOT
from tests.deploy import kubernetes
from tests.deploy.chart import (
    CASES,
    CHART,
    REFUSED,
    RELEASE,
    RENDERED,
    documents,
    first_line,
    name_of,
    recorded,
)

MODULE, VERSION = "helm.sh/helm/v3", "v3.22.0"
#: As go.sum has it.
SUM = "h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU="
PROGRAM = ROOT / ".cache/helm" / VERSION / "helm"
#: Versions of Kubernetes: the one before the chart's first, and the first.
TOO_OLD, OLDEST = "1.26.0", "1.27.0"


class HelmError(Exception):
    """helm cannot be built, or does not do what it should."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make helm", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare recordings, write none")
    asked = parser.parse_args(arguments)
    try:
        build()
        for problem in (wrong := problems(check=asked.check)):
            print(f"WRONG: {problem}", file=sys.stderr)
    except HelmError as error:
        print(error, file=sys.stderr)
        return 2
    told = "holds" if not wrong else f"is wrong in {len(wrong)} ways"
    print(f"helm {VERSION}: the chart {told}")
    return int(bool(wrong))


def is_built() -> bool:
    return PROGRAM.exists()


def build() -> None:
    """Raises: HelmError."""
    if is_built():
        return
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/local/go/bin")
    if go is None:
        raise HelmError("there is no Go here to build helm with: https://go.dev/dl")
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    with (PROGRAM.parent / "build.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        if is_built():
            return
        print(f"Building helm {VERSION} into {PROGRAM.parent.relative_to(ROOT)}: some minutes")
        told = json.loads(_go(go, "mod", "download", "-json", f"{MODULE}@{VERSION}"))
        if told["Sum"] != SUM:
            raise HelmError(f"{MODULE}@{VERSION} is {told['Sum']}, should be {SUM}")
        with tempfile.TemporaryDirectory(dir=PROGRAM.parent) as folder:
            flags = ("-trimpath", "-ldflags=-s -w")
            _go(go, "install", *flags, f"{MODULE}/cmd/helm@{VERSION}", to=Path(folder))
            (Path(folder) / "helm").replace(PROGRAM)


def _go(program: str, *arguments: str, to: Path | None = None) -> str:
    environment = os.environ | ({"GOBIN": str(to)} if to else {})
    done = subprocess.run(
        [program, *arguments],
        # Outside of any module: what is built is what its own go.mod says.
        cwd=tempfile.gettempdir(),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HelmError(f"go {arguments[0]} ended with status {done.returncode}")
    return done.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """helm, with nothing that somebody has configured on this machine."""
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [PROGRAM, *arguments],
            env={"PATH": os.defpath, "HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )


def template(*values: Path, version: str = OLDEST) -> subprocess.CompletedProcess[str]:
    chosen = [word for path in values for word in ("--values", str(path))]
    return run("template", RELEASE, str(CHART), "--kube-version", version, *chosen)


def problems(*, check: bool) -> list[str]:
    """What is not as it should be, once recordings are written or, to *check*, compared."""
    found: list[str] = []
    for case, path in CASES.items():
        lint = run("lint", "--strict", str(CHART), "--values", str(path))
        if lint.returncode:
            found.append(f"{case}: helm lint: {lint.stdout}{lint.stderr}")
        rendering = template(path)
        if rendering.returncode:
            found.append(f"{case}: helm template: {rendering.stderr}")
            continue
        if not check:
            text = f"{first_line(case)}\n{rendering.stdout}"
            (RENDERED / f"{case}.yaml").write_text(text, "utf-8")
        elif documents(rendering.stdout) != documents(recorded(case)):
            found.append(f"{case}: helm renders something else than tests/deploy/rendered has")
        found += [f"{case}: {each}" for each in kubernetes.complaints(rendering.stdout)]
    return found + list(refused_wrongly())


def refused_wrongly() -> list[str]:
    found = []
    least = CASES["least"]
    if template(version=OLDEST).returncode == 0:
        found.append("helm installs it without any values")
    if "kubeVersion" not in template(least, version=TOO_OLD).stderr:
        found.append(f"helm installs it on Kubernetes {TOO_OLD}")
    with tempfile.TemporaryDirectory() as folder:
        for change, place in REFUSED:
            (values := Path(folder) / "values.yaml").write_text(yaml.safe_dump(change), "utf-8")
            done = template(least, values)
            if done.returncode == 0:
                found.append(f"helm takes {name_of(change)}")
            elif f"at '{f'/{place}' if place else ''}'" not in done.stderr:
                found.append(f"{name_of(change)}: helm names something else: {done.stderr}")
    return found


if __name__ == "__main__":
    sys.exit(main())
