"""What is written about the code is true, as far as a program can tell."""

import importlib.util
import re
from pathlib import Path
from uuid import UUID

import pytest

from domain.identifiers import Prefix, public_id
from entrypoints.main import COMMANDS
from entrypoints.settings import load
from tests.architecture.house import ROOT, text_of, tracked_files

PAGES = [path for path in tracked_files() if path.suffix == ".md"]
ADRS = sorted(path.relative_to(ROOT) for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
README = Path("README.md")
INDEX = Path("docs/adr/README.md")
ARCHITECTURE = Path("docs/ARCHITECTURE.md")

CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: A file or folder of ours in backticks: `domain/ledger.py`, `tests/contract/`.
PATH = re.compile(
    r"`((?:domain|application|adapters|entrypoints|tests|tools|docs|\.ci)/[\w./-]*)`"
)
MAKE = re.compile(r"(?:`|^)make ([a-z]+)\b", re.MULTILINE)
INSTALLATION = UUID(int=1)
NETWORK = """
[networks."eip155:5"]
name = "x"
family = "evm"
class = "development"
nodes = ["https://node.example"]
finality_depth = 1
fee_ceiling = 1
native_currency = "ETH"
"""
VARIABLE = re.compile(r"\bTALLYSTICK_[A-Z0-9_]+\b")


def generator():
    """tools/ is no package: its files are run, each for itself."""
    path = ROOT / "tools/generate_docs.py"
    spec = importlib.util.spec_from_file_location("generate_docs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


@pytest.mark.parametrize("path", GENERATOR.PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_what_the_code_makes_of_it(path):
    assert path.read_text("utf-8") == GENERATOR.PAGES[path](), (
        "run .venv/bin/python tools/generate_docs.py"
    )


def test_the_check_names_a_page_that_is_out_of_date(tmp_path, monkeypatch, capsys):
    page = tmp_path / "docs/page.md"
    monkeypatch.setattr(GENERATOR, "DOCS", page.parent)
    monkeypatch.setattr(GENERATOR, "PAGES", {page: lambda: "text"})
    assert GENERATOR.main(["--check"]) == 1
    assert "docs/page.md" in capsys.readouterr().out
    page.parent.mkdir()
    assert GENERATOR.main([]) == 0
    assert GENERATOR.main(["--check"]) == 0


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    dead = []
    for target in LINK.findall(CODE_BLOCK.sub("", text_of(page))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / page.parent / path) if path else ROOT / page
        if not found.exists() or (anchor and anchor not in anchors_of(found)):
            dead.append(target)
    assert not dead


def anchors_of(path):
    """As GitHub names headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(CODE_BLOCK.sub("", path.read_text("utf-8")))
    }


@pytest.mark.parametrize("page", [README, ARCHITECTURE], ids=str)
def test_files_that_are_named_are_there(page):
    assert not [name for name in PATH.findall(text_of(page)) if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", [README, ARCHITECTURE, Path("CHANGELOG.md")], ids=str)
def test_commands_of_make_that_are_named_are_there(page):
    targets = re.findall(r"^([a-z]+):", text_of(Path("Makefile")), re.MULTILINE)
    assert set(MAKE.findall(text_of(page))) <= set(targets)


class TestDecisions:
    @pytest.mark.parametrize("record", ADRS, ids=lambda record: record.name)
    def test_are_short(self, record):
        assert len(text_of(record).splitlines()) <= 60

    @pytest.mark.parametrize("record", ADRS, ids=lambda record: record.name)
    def test_are_in_the_index_under_their_own_title(self, record):
        number, title = re.match(r"# (\d+)\. (.+)", text_of(record)).groups()
        assert int(number) == int(record.name[:4])
        assert f"[{number}]({record.name}) | {title} |" in text_of(INDEX)

    def test_have_no_gap_in_their_numbers(self):
        assert [int(record.name[:4]) for record in ADRS] == list(range(1, len(ADRS) + 1))


class TestReadme:
    def test_opens_with_the_two_commands(self):
        title, first, *_ = text_of(README).split("\n\n")
        assert title == "# Tallystick"
        fence, demo, test, end = first.splitlines()
        assert (fence, end) == ("```sh", "```")
        assert demo.startswith("make demo ")
        assert test.startswith("make test ")

    def test_has_a_line_for_each_command(self):
        for name in COMMANDS:
            assert re.search(rf"^\| `{name}[ `]", text_of(README), re.MULTILINE), name

    def test_names_every_variable_of_the_configuration(self, tmp_path):
        asked = Asked(tmp_path)
        missing = asked.variables - set(VARIABLE.findall(text_of(README)))
        assert not missing

    def test_names_every_key_of_the_configuration(self, tmp_path):
        for variable in Asked(tmp_path).variables - {"TALLYSTICK_CONFIG"}:
            section, key = next(
                (section, variable.removeprefix(f"TALLYSTICK_{section.upper()}_").lower())
                for section in ("installation", "database", "custodian", "local_keys", "pkcs11",
                                "vault", "http", "metadata", "worker", "catalogue", "credits",
                                "abuse", "stripe", "exports", "egress", "audit", "seal",
                                "retention", "mail", "treasury", "wrapping", "logs", "oidc",
                                "metrics", "traces", "accounts")
                if variable.startswith(f"TALLYSTICK_{section.upper()}_")
            )  # fmt: skip
            assert f"| `[{section}] {key}` | `{variable}` |" in text_of(README)

    def test_names_every_key_of_a_network(self):
        source = text_of(Path("entrypoints/network_settings.py"))
        keys = set(re.findall(r'\bfound\.(?:take|look)\(\s*"(\w+)"', source))
        assert {"name", "nodes", "finality_tag", "min_sources", "genesis"} <= keys
        assert not {key for key in keys if f"`{key}`" not in text_of(README)}


class Asked(dict):
    """An environment that remembers what it was asked for."""

    def __init__(self, folder):
        super().__init__(
            TALLYSTICK_INSTALLATION_ID=public_id(Prefix.INSTALLATION, INSTALLATION),
            TALLYSTICK_INSTALLATION_ENVIRONMENT="development",
            TALLYSTICK_DATABASE_URL="postgresql://",
            TALLYSTICK_LOCAL_KEYS_MASTER_KEY="key",
        )
        self.names = set()
        (folder / "tallystick.toml").write_text(NETWORK)
        self["TALLYSTICK_CONFIG"] = str(folder / "tallystick.toml")
        load(None, self)

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)

    def __contains__(self, name):
        self.names.add(name)
        return super().__contains__(name)

    @property
    def variables(self):
        return {name for name in self.names if not name.endswith("_FILE")}


class TestAlarms:
    def test_every_code_that_is_sounded_has_a_line(self):
        """Codes are literals in the calls; a halted network's is put behind its kind."""
        codes = set()
        for file in (ROOT / "application").rglob("*.py"):
            source = file.read_text("utf-8")
            codes |= set(re.findall(r'alarms\.sound\(\s*"([a-z_]+)"', source))
            halts = re.findall(r'halt\.network\([^"]*?"([a-z_]+)"', source)
            codes |= {f"network_halted.{code}" for code in halts}
        assert {"signer_halted", "network_halted.wrong_chain"} <= codes
        lines = re.findall(r"^\| `([a-z_.]+)` \|", text_of(Path("docs/alarms.md")), re.MULTILINE)
        assert sorted(lines) == sorted(codes)
