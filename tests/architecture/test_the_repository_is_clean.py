"""What is tracked may be read by anybody, on any machine."""

import re

import pytest

from tests.architecture.house import text_of, tracked_files

THIS = "tests/architecture/test_the_repository_is_clean.py"
FILES = [path for path in tracked_files() if str(path) != THIS]
CODE = [path for path in FILES if path.suffix in {".py", ".mjs", ".js", ".sh", ".toml"}]
LOCKS = [path for path in FILES if path.suffix == ".lock" or path.name == "package-lock.json"]
#: What our commands write: proofs and figures.
DATA = [path for path in FILES if path.suffix in {".json", ".svg"}]
PYTHON = [path for path in FILES if path.suffix == ".py"]

MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|home|Users)/\w")
TEMPORARY_PATH = re.compile(r"""(?<![\w.$}])/tmp(?=[/"'\s])""")
URL_IN_LOCK = re.compile(r"https?://|--(?:extra-)?index-url|--find-links|\"resolved\"")
FUNDING = re.compile(r'^\s*"url": "https://github\.com/sponsors/[\w-]+",?$', re.MULTILINE)
REGISTRY = re.compile(r"registry\.npmjs|pypi\.org/simple|files\.pythonhosted|deb\.debian\.org")
SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\b[rs]k_live_\w{16,}"
    r"|\bghp_\w{30,}|\bhvs\.\w{20,}|\bxox[bp]-[\w-]{20,}"
)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
SUPPRESSION = re.compile(r"#\s*(?:type:\s*ignore|noqa)\b")
#: A code and then a reason, as in `[misc]  # why` or `S310 - why`.
REASONED = re.compile(
    r"#\s*(?:type:\s*ignore\[[\w, -]+\]|noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s*[#:—-]*\s*\w{2}"
)


def lines_with(pattern, paths):
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_there_are_files_to_read():
    assert len(LOCKS) == 6
    assert PYTHON


@pytest.mark.parametrize(
    "pattern", [MACHINE_PATH, REGISTRY, SECRET], ids=["machine", "registry", "secret"]
)
def test_no_file_gives_away_where_it_was_made(pattern):
    assert not lines_with(pattern, [path for path in FILES if path not in LOCKS])


def test_code_names_no_temporary_folder():
    """tempfile knows where they are."""
    assert not lines_with(TEMPORARY_PATH, CODE)


def test_what_was_measured_does_not_say_in_which_folder():
    assert DATA
    assert not lines_with(TEMPORARY_PATH, DATA)


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_a_lock_names_versions_and_hashes_but_no_places(lock):
    assert not URL_IN_LOCK.search(FUNDING.sub("", text_of(lock)))


def test_nothing_is_left_for_later():
    assert not lines_with(UNFINISHED, FILES)


def test_every_suppression_has_a_code_and_a_reason():
    bare = [line for line in lines_with(SUPPRESSION, PYTHON) if not REASONED.search(line)]
    assert not bare
