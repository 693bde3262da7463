"""Where things are."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "application", "adapters", "entrypoints")


def modules_of(package):
    """The package's modules, named from the root."""
    return sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))


def tracked_files():
    """What a clone would hold, named from the root."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path):
    """A tracked file's text; empty for what is not text."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""
