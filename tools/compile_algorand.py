"""Compiles our Algorand contracts and writes one artefact.json beside the sources of each folder.

    compile_algorand.py                compile and rewrite
    compile_algorand.py --check        compile and compare; exit 1 naming every difference
    compile_algorand.py --test [...]   run the contracts' own tests; the rest goes to pytest

An artefact is a function of the sources and the compiler, both pinned and hashed in it: two runs
give the same bytes, on Python 3.12 and 3.13.  The compiler needs at least 3.12, older than which
the service may be, and its licence (AGPL) ends at the artefact: hence an environment of its own
under .cache/puya, installed from the hashes of algorand-contracts.lock.

Exit 3: the compiler is not to be had here (no Python 3.12, or no way to install it).
"""

import argparse
import base64
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

HOUSE = Path(__file__).resolve().parents[1]
LOCK = HOUSE / "tools/algorand-contracts.lock"
CACHE = HOUSE / ".cache"
STANDARDS = Path("adapters/algorand/standards")
TESTS = Path("tests/adapters/algorand/contracts/in_algopy")
#: AVM 10 is what the oldest network we ship runs (Aramid), and the first with box_resize.
AVM_VERSION = 10
OPTIONS = ("-O2", "--target-avm-version", str(AVM_VERSION))
OUTPUTS = ("--output-bytecode", "--output-arc56", "--no-output-teal", "--no-output-source-map")
PAGE_BYTES = 2048
DIFFERENT, NOT_TO_BE_HAD = 1, 3

IMPORT = re.compile(r"^from (adapters\.algorand\.standards\.\S+) import", re.MULTILINE)


def main() -> None:
    command = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    command.add_argument("--check", action="store_true", help="compare, write nothing")
    command.add_argument("--test", action="store_true", help="run the contracts' own tests")
    command.add_argument("--root", type=Path, default=HOUSE, help="whose contracts")
    options, others = command.parse_known_args()
    if others and not options.test:
        command.error(f"unknown: {' '.join(others)}")
    environment = installed()
    if options.test:
        sys.exit(tested(environment, options.root, others))
    differences = []
    for folder in folders(options.root):
        file = options.root / folder / "artefact.json"
        compiled = artefact(environment, options.root, folder)
        if options.check:
            differences += compared(file, compiled, str(folder / "artefact.json"))
        else:
            file.write_text(compiled, encoding="utf-8")
            print(f"wrote {folder / 'artefact.json'}")
    if differences:
        stop(
            "the committed artefacts are not what the sources compile to:\n"
            + "".join(f"  {difference}\n" for difference in differences)
            + "If the change is meant: `make contracts-algorand`, and commit the artefacts.",
            DIFFERENT,
        )


def folders(root: Path) -> Sequence[Path]:
    """The folders that have a contract, relative to the root."""
    found = sorted(
        {file.parent.relative_to(root) for file in (root / STANDARDS).glob("*/contract*.py")}
    )
    if not found:
        stop(f"no contract under {root / STANDARDS}", DIFFERENT)
    return found


def artefact(environment: Path, root: Path, folder: Path) -> str:
    """The text of one folder's artefact."""
    own = own_sources(root, folder)
    sources = closure(root, own)
    with staged(root, sources) as stage:
        compiled = stage / "compiled"
        environment_run(
            environment,
            ["puyapy", *OPTIONS, *OUTPUTS, "--log-level", "error", "--out-dir", str(compiled)]
            + [str(stage / file) for file in own],
            stage,
        )
        contracts = {
            spec.name.removesuffix(".arc56.json"): contract(spec)
            for spec in sorted(compiled.glob("*.arc56.json"))
        }
    content = {
        "compiler": {
            "name": "puyapy",
            "version": environment_run(environment, ["puyapy", "--version"], root).split()[-1],
            "options": OPTIONS,
        },
        "sources": {
            str(file): hashlib.sha256((root / file).read_bytes()).hexdigest() for file in sources
        },
        "contracts": contracts,
    }
    return json.dumps(content, indent=2) + "\n"


def own_sources(root: Path, folder: Path) -> Sequence[Path]:
    """The folder's contracts; what they share is no contract of its own."""
    found = (file.relative_to(root) for file in (root / folder).glob("contract*.py"))
    return sorted(file for file in found if not file.stem.endswith("_base"))


def contract(spec: Path) -> Mapping[str, Any]:
    """What a service must know of one contract, from its ARC-56 description and its programs."""
    described = json.loads(spec.read_text(encoding="utf-8"))
    name = spec.name.removesuffix(".arc56.json")
    programs = {
        kind: spec.with_name(f"{name}.{kind}.bin").read_bytes() for kind in ("approval", "clear")
    }
    schema = described["state"]["schema"]
    return {
        "avmVersion": programs["approval"][0],
        **{
            kind: {
                "program": base64.b64encode(program).decode(),
                "sha256": hashlib.sha256(program).hexdigest(),
                "bytes": len(program),
            }
            for kind, program in programs.items()
        },
        "globalSchema": {
            "uints": schema["global"]["ints"],
            "byteSlices": schema["global"]["bytes"],
        },
        "localSchema": {"uints": schema["local"]["ints"], "byteSlices": schema["local"]["bytes"]},
        "extraPages": (sum(map(len, programs.values())) - 1) // PAGE_BYTES,
        "methods": sorted(signature(method) for method in described["methods"]),
        "readonly": sorted(
            signature(method) for method in described["methods"] if method.get("readonly")
        ),
        "events": sorted(
            {signature(event) for method in described["methods"] for event in method["events"]}
        ),
        # A node names a failed assertion by its place in the program only.
        "errors": {
            str(pc): place["errorMessage"]
            for pc, place in sorted(
                (pc, place)
                for place in described["sourceInfo"]["approval"]["sourceInfo"]
                for pc in place["pc"]
            )
            if "errorMessage" in place
        },
    }


def signature(described: Mapping[str, Any]) -> str:
    """An ARC-4 method's or ARC-28 event's signature, as its selector hashes it."""
    arguments = ",".join(argument["type"] for argument in described["args"])
    returned = described.get("returns", {}).get("type", "")
    return f"{described['name']}({arguments}){returned}"


def closure(root: Path, files: Sequence[Path]) -> Sequence[Path]:
    """The files and all contract sources that they import, sorted."""
    found: set[Path] = set()
    open_ = list(files)
    while open_:
        file = open_.pop()
        if file not in found:
            found.add(file)
            imported = IMPORT.findall((root / file).read_text(encoding="utf-8"))
            open_ += [Path(*module.split(".")).with_suffix(".py") for module in imported]
    return sorted(found)


@contextmanager
def staged(root: Path, sources: Sequence[Path]) -> Iterator[Path]:
    """A copy of the sources in packages that are empty otherwise.

    The compiler compiles what it meets on the way, and our packages hold ordinary Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder).resolve()
        for file in sources:
            (stage / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, stage / file)
            for package in file.parents[:-1]:
                (stage / package / "__init__.py").touch()
        yield stage


def tested(environment: Path, root: Path, arguments: Sequence[str]) -> int:
    """Run the contracts' own tests over the same copy of the sources that is compiled."""
    sources = [file for folder in folders(root) for file in own_sources(root, folder)]
    with staged(root, closure(root, sources)) as stage:
        shutil.copytree(root / TESTS, stage / "tests")
        command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", *arguments]
        return subprocess.run(
            command, cwd=stage, env=inside(environment) | {"PYTHONPATH": str(stage)}, check=False
        ).returncode


def compared(file: Path, compiled: str, name: str) -> Sequence[str]:
    if not file.exists():
        return [f"{name}: missing"]
    committed = file.read_text(encoding="utf-8")
    if committed == compiled:
        print(f"{name} is what its sources compile to")
        return []
    try:
        found = list(differing(json.loads(committed), json.loads(compiled)))
    except ValueError:
        return [f"{name}: no JSON"]
    return [f"{name}: {place}" for place in found] or [f"{name}: formatting"]


def differing(committed: Any, compiled: Any, place: str = "") -> Iterator[str]:
    if isinstance(committed, dict) and isinstance(compiled, dict):
        for key in sorted(committed.keys() | compiled.keys()):
            yield from differing(
                committed.get(key), compiled.get(key), f"{place} > {key}" if place else key
            )
    elif committed != compiled:
        yield f"{place}: committed {brief(committed)}, compiled {brief(compiled)}"


def brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 70 else f"{text[:66]} ..."


def installed() -> Path:
    """The compiler's environment, made or renewed when the lock or the interpreter changed."""
    environment = CACHE / "puya"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "puya.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        stamp = environment / ".ready"
        wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted and runs(environment / "bin/python"):
            return environment
        python = interpreter()
        print(f"Setting up {environment.relative_to(HOUSE)} with {python}", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        install(python, environment)
        stamp.write_text(wanted)
    return environment


def install(python: str, environment: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        stop("no uv beside this Python; run it through `make contracts-algorand`", NOT_TO_BE_HAD)
    for command in (
        [uv, "venv", "--quiet", "--python", python, str(environment)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", str(LOCK)],
    ):
        made = subprocess.run(
            command,
            env=inside(environment) | {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"},
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            shutil.rmtree(environment, ignore_errors=True)
            stop(f"the compiler could not be installed:\n{made.stderr}", NOT_TO_BE_HAD)


def interpreter() -> str:
    """A Python of at least 3.12: the one named, else one on the path, else one of pyenv's."""
    named = os.environ.get("PYTHON312")
    if named:
        if runs(named):
            return named
        stop(f"PYTHON312 names {named}, which is no Python 3.12 or later that runs", NOT_TO_BE_HAD)
    kept = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [
        *filter(None, map(shutil.which, ("python3.13", "python3.12"))),
        *(str(each) for each in sorted(kept.glob("3.1[23]*/bin/python"), reverse=True)),
    ]
    for candidate in candidates:
        if runs(candidate):
            return candidate
    return stop(
        "the Algorand contracts are compiled by Python 3.12 or 3.13, and there is none here: "
        "install one, or name it: make contracts-algorand PYTHON312=/path/to/python3.12",
        NOT_TO_BE_HAD,
    )


def runs(python: str | Path) -> bool:
    """Whether it starts and is new enough; a shim on the path may be neither."""
    question = "import sys; sys.exit(sys.version_info < (3, 12))"
    try:
        return not subprocess.run(
            [python, "-c", question], capture_output=True, check=False
        ).returncode
    except OSError:
        return False


def environment_run(environment: Path, command: Sequence[str], folder: Path) -> str:
    """The program's output; ours ends with its complaints where it fails."""
    program = str(environment / "bin" / command[0])
    ran = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=inside(environment),
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        stop(f"{command[0]} failed:\n{ran.stdout}{ran.stderr}", DIFFERENT)
    return ran.stdout


def inside(environment: Path) -> dict[str, str]:
    """The process's variables with the environment active: the compiler looks there for stubs."""
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return outside | {
        "VIRTUAL_ENV": str(environment),
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def stop(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
