"""The import contracts of pyproject.toml hold, and ours break when they should."""

import subprocess
import sys

import grimp
import pytest

from tests.architecture.contracts import AtHomeIn, KeepsTo
from tests.architecture.house import ROOT


def test_the_walls_stand():
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    told = subprocess.run(
        [*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.fixture
def graph():
    """A house whose demo talks to a chain, and whose domain to a database."""
    graph = grimp.ImportGraph()
    for module in ("domain", "domain.ledger", "adapters", "adapters.evm", "entrypoints.demo"):
        graph.add_module(module)
    for sdk in ("web3", "psycopg", "decimal"):
        graph.add_module(sdk, is_squashed=True)
    graph.add_import(importer="domain.ledger", imported="psycopg")
    graph.add_import(importer="domain.ledger", imported="decimal")
    graph.add_import(importer="adapters.evm", imported="web3")
    graph.add_import(importer="entrypoints.demo", imported="web3")
    return graph


def contract(kind, **options):
    return kind(name="", session_options={}, contract_options={"name": "", **options})


@pytest.mark.parametrize(("may_import", "kept"), [([], False), (["psycopg"], True)])
def test_a_package_keeps_to_what_is_listed(graph, may_import, kept):
    wall = contract(KeepsTo, modules=["domain"], may_import=may_import)
    assert wall.check(graph, verbose=False).kept is kept


@pytest.mark.parametrize(
    ("importers", "kept"),
    [(["adapters.evm"], False), (["adapters.evm", "entrypoints.demo", "not.built.yet"], True)],
)
def test_an_sdk_is_imported_at_home_only(graph, importers, kept):
    wall = contract(AtHomeIn, protected_modules=["web3", "unused"], allowed_importers=importers)
    assert wall.check(graph, verbose=False).kept is kept
