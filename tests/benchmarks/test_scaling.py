"""The page says what the module reckons, from what was measured, and no number besides."""

import re

import pytest
from attrs import evolve

from benchmarks.scaling import (
    BLOCK,
    BLOCKS_OF_THE_PAGE,
    CONNECTIONS,
    OPEN_SLOTS,
    PAGE,
    Demand,
    Measured,
    filled,
    main,
)
from domain.operation import Signer
from entrypoints.settings import Settings

TEXT = PAGE.read_text("utf-8")
MEASURED = Measured.read()
#: What the page may say in digits outside of its blocks: nothing but names that have some.
NAMES = re.compile(r"`[^`]*`|\([^)]*\)|^\d+\. ", re.MULTILINE)


def test_the_page_is_what_is_reckoned():
    assert filled(TEXT, MEASURED) == TEXT, "run make scaling"


def test_every_block_is_on_the_page_once():
    assert sorted(name for _, name, _, _ in BLOCK.findall(TEXT)) == sorted(BLOCKS_OF_THE_PAGE)


def test_no_number_stands_beside_the_blocks():
    prose = NAMES.sub("", BLOCK.sub("", TEXT))
    assert not re.findall(r".*\d.*", prose)


def test_another_measurement_makes_another_page(tmp_path, monkeypatch, capsys):
    slower = dict(MEASURED.sizes["processor_milliseconds"]) | {"work": 1_000.0}
    other = evolve(MEASURED, sizes={**MEASURED.sizes, "processor_milliseconds": slower})
    assert filled(TEXT, other) != TEXT
    page = tmp_path / "docs/scaling.md"
    page.parent.mkdir()
    page.write_text(TEXT.replace("| 10,000 |", "| 20,000 |"))
    monkeypatch.setattr("benchmarks.scaling.PAGE", page)
    monkeypatch.setattr("benchmarks.scaling.ROOT", tmp_path)
    assert main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().out
    assert main([]) == 0
    assert page.read_text() == TEXT
    assert main(["--check"]) == 0


@pytest.fixture
def demand():
    sizes = {
        "bytes": {"audit_events": 600, "journal": 400, "operations": 1_000},
        "rows": {"audit_events": 8},
        "wal_bytes": 10_000,
        "processor_milliseconds": {"serve": 6.0, "work": 60.0, "postgresql": 30.0},
    }
    return lambda times: Demand(times=times, measured=Measured(figures={}, sizes=sizes, soak={}))


def test_demands_are_reckoned_by_hand(demand):
    # 864 × 10,000 a day are 100 a second, 500 at the peak.
    busy = demand(864)
    assert (busy.mean, busy.peak) == (100, 500)
    # 500 × 6 ms are 3 processors, which are 5 where each is at most 60 % full.
    assert busy.processors("serve") == 5
    assert busy.processors("work") == 50
    assert busy.processors("postgresql") == 25
    assert busy.connections == (5 + 50 + 1) * CONNECTIONS
    assert busy.wal_at_the_peak == 5_000_000
    assert busy.wal_a_day == 86_400_000_000
    assert busy.events_at_the_peak == 4_000
    assert demand(1).processors("serve") == 1
    # 10,000 a day of 2,000 bytes for seven years.
    assert demand(1).stored(demand(1).measured.bytes) == 10_000 * 2_000 * 365.25 * 7
    assert demand(1).measured.leaving_bytes == 1_000


def test_defaults_are_the_products_own():
    # By name: one that is renamed is noticed here, and not on the page.
    assert Settings.__attrs_attrs__.database_connections.default == CONNECTIONS
    assert Signer.__attrs_attrs__.limit.default == OPEN_SLOTS
