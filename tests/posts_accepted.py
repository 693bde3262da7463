"""How many of the posts that were made up for a run were accepted, told at its end."""

import re

#: What a part of tests/openapi/test_fuzzing.py says of its posts.
SAYS = re.compile(r"(\d+) of (\d+)")


def pytest_terminal_summary(terminalreporter):
    said = [
        SAYS.fullmatch(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "posts accepted" and report.when == "call"
    ]
    if said:
        accepted, sent = (sum(int(each[group]) for each in said) for group in (1, 2))
        share = 100 * accepted // max(sent, 1)
        terminalreporter.write_line(f"made up and accepted: {accepted} of {sent} posts, {share} %")
