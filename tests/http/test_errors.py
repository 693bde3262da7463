"""Every code is registered, documented, and says what to do."""

import ast
import re
from pathlib import Path

import pytest

from application.access.register import faults_of
from entrypoints.http import problems
from entrypoints.http.error_codes import ERROR_CODES, SECTIONS, Retry

ROOT = Path(__file__).parents[2]

#: Where the code stands in a call of that name.
PLACES = {
    "Refusal": 0, "refused": 0, "refusal": 0,
    "FieldFault": 1, "fault": 1, "_fault": 1,
}  # fmt: skip


#: What only commands ask for, and tell in its own words.
OPERATORS_ONLY = {"treasury_not_offered"}
#: Of a command that has no server, and tells them itself.
COMMANDS_OWN = ROOT / "adapters" / "algorand" / "handing_over.py"


def sources():
    for package in ("domain", "application", "adapters", "entrypoints/http"):
        yield from (set((ROOT / package).rglob("*.py")) - {COMMANDS_OWN})


def codes_in(path):
    """Every literal that a source hands out as a code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or path.name == "error_codes.py":
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in PLACES:
            continue
        named = [each.value for each in node.keywords if each.arg == "code"]
        placed = node.args[PLACES[name] : PLACES[name] + 1]
        for value in named or placed:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def test_every_code_that_the_source_hands_out_is_registered():
    found = {code: path for path in sources() for code in codes_in(path)}
    assert len(found) > 60, "the search itself has gone blind"
    unknown = {code: str(path) for code, path in found.items() if code not in ERROR_CODES}
    assert set(unknown) == OPERATORS_ONLY, unknown


def test_the_codes_of_a_registration_are_registered():
    assert {fault.code for fault in faults_of("x", "short", "")} <= set(ERROR_CODES)


def test_no_code_is_registered_twice():
    registered = [each.code for section in SECTIONS.values() for each in section]
    assert sorted(registered) == sorted(set(registered))


@pytest.mark.parametrize("code", ERROR_CODES.values(), ids=lambda code: code.code)
def test_a_code_says_what_happened_and_what_to_do(code):
    assert re.fullmatch(r"[A-Z].*[^.!]", code.title)
    assert re.fullmatch(r"[A-Z].*\.", code.remediation)
    assert 400 <= code.status < 600
    has_time = code.retry_after_seconds is not None
    assert has_time == (code.retry in {Retry.AFTER_DELAY, Retry.AFTER_COOLDOWN})


def test_the_documentation_page_is_the_one_that_would_be_written_now():
    written = (ROOT / "docs" / "errors.md").read_text()
    assert written == problems.page(), "python -m entrypoints.http.problems > docs/errors.md"


def test_every_problem_leads_to_an_entry_of_the_page(site):
    page = site.client.get("/errors").text
    for code in ERROR_CODES:
        assert f"id={code}>" in page
