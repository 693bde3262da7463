"""docs/licence.md says what the rules do."""

import re

from domain.abuse import DEFAULT_RULES, Rule
from domain.licence import LicenceState
from entrypoints.http.error_codes import ERROR_CODES
from tests.architecture.house import ROOT

PAGE = (ROOT / "docs" / "licence.md").read_text()


def rows(heading):
    """Cells of the table that begins with *heading*."""
    _, _, rest = PAGE.partition(f"| {heading} |")
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_states_is_the_one_of_the_code():
    words = {True: "on", False: "off"}
    assert rows("State") == [
        [state.value, words[state.premium], words[state.core], words[state.reports]]
        for state in LicenceState
    ]


def test_every_state_is_explained():
    for state in LicenceState:
        assert f"- **{state.value}**: " in PAGE


def test_every_rule_has_its_event_and_every_answer_its_status():
    table = rows("Rule")
    events = {event.strip("`").removeprefix("abuse.") for *_, event in table}
    assert {rule.value for rule in Rule} - {Rule.FREEZE.value} <= events
    for *_, answer, _ in table:
        for code, status in re.findall(r"`(\w+)` \((\d+)\)", answer):
            assert ERROR_CODES[code].status == int(status)


def test_the_defaults_are_those_of_the_rules():
    told = [default for _, default, *_ in rows("Rule")]
    assert told[:5] == [
        str(DEFAULT_RULES.requests_per_minute),
        f"{DEFAULT_RULES.premium_gap.total_seconds():g} s",
        str(DEFAULT_RULES.credits_per_request),
        f"{DEFAULT_RULES.output_units:,} units",
        str(DEFAULT_RULES.credits_per_hour),
    ]
