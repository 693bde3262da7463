"""The environment of the contracts' compiler, which needs Python 3.12."""

import contextlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from entrypoints.devnet.algod import devnet
from tests.devnet.avm.against_source.both import House, Source

ROOT = Path(__file__).parents[4]
ZOO = Path(__file__).with_name("opcode_zoo.py")


@pytest.fixture(scope="session")
def compiler():
    """tools/compile_algorand.py, which makes that environment."""
    file = ROOT / "tools/compile_algorand.py"
    spec = importlib.util.spec_from_file_location("compile_algorand", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def compiler_environment(compiler):
    try:
        return compiler.installed()
    except SystemExit as end:
        if end.code != compiler.NOT_TO_BE_HAD:
            raise
        pytest.skip("no Python 3.12 with algorand-python-testing")


@pytest.fixture(scope="package")
def source(compiler, compiler_environment):
    files = [
        file for folder in compiler.folders(ROOT) for file in compiler.own_sources(ROOT, folder)
    ]
    with contextlib.ExitStack() as ends:
        stage = ends.enter_context(compiler.staged(ROOT, compiler.closure(ROOT, files)))
        shutil.copy(ZOO, stage)
        process = ends.enter_context(
            subprocess.Popen(
                [compiler_environment / "bin/python", Path(__file__).with_name("driver.py")],
                cwd=stage,
                env=compiler.inside(compiler_environment) | {"PYTHONPATH": str(stage)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        ends.callback(process.terminate)
        yield Source(process)


@pytest.fixture(scope="package")
def house():
    clock = [1_800_000_000]
    with devnet(mode="manual", clock=lambda: clock[0], wait_seconds=0.05) as network:
        yield House(network, clock)
