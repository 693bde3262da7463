"""What a page tells somebody to type can be typed: commands, their parts and options exist."""

import re
from pathlib import Path

import click
import pytest

from entrypoints.main import main
from tests.architecture.house import text_of, tracked_files

PAGES = [
    path
    for path in tracked_files()
    if path.suffix in {".md", ".sh"} and path.parts[0] in {"docs", "deploy", "README.md"}
    and path.parts[:2] not in {("docs", "adr"), ("docs", "proofs")}
]  # fmt: skip
CODE = re.compile(r"```sh\n(.*?)```|`([^`\n]+)`|^    (tallystick .+)$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
OPTION = re.compile(r"--?[a-z][a-z-]*")


def named_in(text):
    """Each ``tallystick …`` of a page, in words, as far as its line or backticks go."""
    for block, inline, indented in CODE.findall(text):
        for line in (block or inline or indented).splitlines():
            command = re.match(
                r"(?:.*&& )?(?:\$ )?tallystick (.+)", line.partition(" #")[0].strip()
            )
            if command:
                yield command[1].rstrip(" &").split()


def missing(words):
    """What of these words there is not; None: all of it can be typed."""
    command, rest = main, list(words)
    while isinstance(command, click.Group) and rest and WORD.fullmatch(rest[0]):
        with click.Context(command) as context:
            found = command.get_command(context, rest[0])
        if found is None:
            # A group may do something by itself, with an argument.
            return rest[0]
        command, rest = found, rest[1:]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    known |= {"--help", "-h"}
    return next((word for word in rest if OPTION.fullmatch(word) and word not in known), None)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_of_a_page_exist(page):
    unknown = [" ".join(words) for words in named_in(text_of(page)) if missing(words) is not None]
    assert not unknown


def test_pages_that_name_commands_are_read():
    counts = {page: len(list(named_in(text_of(page)))) for page in PAGES}
    assert counts[Path("docs/incidents.md")] >= 40
    assert counts[Path("docs/operations.md")] >= 5
    assert counts[Path("docs/runbooks.md")] >= 8
    assert counts[Path("README.md")] >= 8


@pytest.mark.parametrize(
    "line",
    ["deploy", "seal close", "treasury resume --why x", "keys switch --of", "verify --everything"],
)
def test_the_judge_refuses_what_there_is_not(line):
    assert missing(line.split()) is not None


@pytest.mark.parametrize(
    "line",
    [
        "serve",
        "seal open --close 1 --reason x",
        "verify audit --key X",
        "verify FILE",
        "keys switch --off",
    ],
)
def test_the_judge_knows_what_there_is(line):
    assert missing(line.split()) is None
