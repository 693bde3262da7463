"""The environment of the contracts' compiler, which needs Python 3.12."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


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
