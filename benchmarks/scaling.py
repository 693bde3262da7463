"""``make scaling``: the numbers of docs/scaling.md, and how each is reckoned.

What was measured comes from benchmarks/results/latest.json (``make bench``), sizes.json
(``make sizes``) and soak.json (``make soak``).  Each number of the page stands in a block that a
function of this module writes, and nowhere else: ``--check`` compares, and so does a test.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from attrs import frozen

from domain.operation import Signer
from entrypoints.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/scaling.md"
RESULTS = ROOT / "benchmarks/results"
BLOCK = re.compile(r"(<!-- computed: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

#: Deployments in a day, of an installation that is called small here.
ONCE = 10_000
TIMES = (1, 10, 100, 1_000)
#: How much more is asked for in the busiest second than on average.
PEAK = 5
#: How full a processor may be then.
FULL = 0.6
YEARS = 7
_SECONDS, _DAYS = 86_400, 365.25
#: What PostgreSQL has unless it is told otherwise, and keeps for superusers.
MAX_CONNECTIONS, RESERVED = 100, 3
#: Tables whose months may leave for an archive (docs/retention.md).
LEAVING = ("audit_events", "journal")
#: Seconds from one block to the next, of networks as they are.
BLOCKS = {"Base": 2.0, "Ethereum": 12.0}

DEFAULTS = {each.name: each.default for each in Settings.__attrs_attrs__}
CONNECTIONS = int(DEFAULTS["database_connections"])
OPEN_SLOTS = next(each.default for each in Signer.__attrs_attrs__ if each.name == "limit")


@frozen(kw_only=True)
class Measured:
    """Of one deployment, and of one machine."""

    figures: Mapping[str, Any]
    sizes: Mapping[str, Any]
    #: What processes keep of it.
    soak: Mapping[str, Any]

    @classmethod
    def read(cls) -> Measured:
        latest = json.loads((RESULTS / "latest.json").read_text())
        return cls(
            figures=latest["figures"],
            sizes=json.loads((RESULTS / "sizes.json").read_text()),
            soak=json.loads((RESULTS / "soak.json").read_text()),
        )

    @property
    def milliseconds(self) -> Mapping[str, float]:
        found: Mapping[str, float] = self.sizes["processor_milliseconds"]
        return found

    @property
    def bytes(self) -> float:
        return float(sum(self.sizes["bytes"].values()))

    @property
    def leaving_bytes(self) -> float:
        return float(sum(self.sizes["bytes"][name] for name in LEAVING))


@frozen(kw_only=True)
class Demand:
    times: int
    measured: Measured

    @property
    def a_day(self) -> int:
        return ONCE * self.times

    @property
    def mean(self) -> float:
        return self.a_day / _SECONDS

    @property
    def peak(self) -> float:
        return self.mean * PEAK

    def processors(self, part: str) -> int:
        """Of *part*, none fuller than it may be; of serve and work as many processes."""
        busy = self.peak * self.measured.milliseconds[part] / 1_000
        return max(1, ceil(busy / FULL))

    @property
    def connections(self) -> int:
        """Of API and workers at their default, and of the sealer's two processes' worth."""
        return (self.processors("serve") + self.processors("work") + 1) * CONNECTIONS

    @property
    def wal_a_day(self) -> float:
        return self.a_day * float(self.measured.sizes["wal_bytes"])

    @property
    def wal_at_the_peak(self) -> float:
        return self.peak * float(self.measured.sizes["wal_bytes"])

    def stored(self, bytes_each: float, years: float = YEARS) -> float:
        return self.a_day * bytes_each * _DAYS * years

    @property
    def events_at_the_peak(self) -> float:
        return self.peak * float(self.measured.sizes["rows"]["audit_events"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make scaling", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare the page, write nothing")
    asked = parser.parse_args(arguments)
    before = PAGE.read_text("utf-8")
    after = filled(before, Measured.read())
    if asked.check:
        if before != after:
            print(f"{PAGE.relative_to(ROOT)} is out of date: make scaling")
        return int(before != after)
    PAGE.write_text(after, "utf-8")
    return 0


def filled(page: str, measured: Measured) -> str:
    """With every block as it is reckoned now."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}{BLOCKS_OF_THE_PAGE[found[2]](measured)}\n{found[4]}"

    return BLOCK.sub(block, page)


def of_one_postgresql(measured: Measured) -> str:
    """The figures of latest.json that are about the database, as they stand there."""
    return _table(
        ("Measured", "Ours", "Against", "Where"),
        [
            (
                f"`{name}`: {figure['what']}",
                _ours(figure),
                _against(figure),
                f"{figure['processors']} processors, {figure['processor']}",
            )
            for name in OF_POSTGRESQL
            if (figure := measured.figures.get(name))
        ],
    )


OF_POSTGRESQL = (
    "hold_capture_vs_tpcb",
    "hot_hold_vs_tpcb_hot",
    "hold_with_audit_vs_without",
    "seal_events_per_second",
    "deployments_per_second",
    "http_write_vs_bare",
    "webhooks_per_second",
)


def of_one_deployment(measured: Measured) -> str:
    sizes = measured.sizes
    rows = sum(sizes["rows"].values())
    largest = sorted(sizes["bytes"], key=sizes["bytes"].__getitem__, reverse=True)[:6]
    lines = [
        ("rows written and kept", f"{rows:.1f} in {len(sizes['rows'])} tables"),
        ("bytes kept, with indexes", f"{_number(measured.bytes)}"),
        *((f"of these in `{name}`", _number(sizes["bytes"][name])) for name in largest),
        ("bytes of the write-ahead log", _number(sizes["wal_bytes"])),
        *(
            (f"processor of `{part}`", f"{milliseconds} ms")
            for part, milliseconds in measured.milliseconds.items()
        ),
        ("audit events", f"{sizes['rows']['audit_events']:.1f}"),
    ]
    circumstances = (
        f"{_number(sizes['count'])} deployments, {sizes['errors']} errors; {sizes['processors']}"
        f" processors, {sizes['processor']}, with a load of {sizes['load_before']} by others,"
        " which makes everything take longer and the time of processors somewhat more; commit"
        f" {sizes['commit'][:7]}."
    )
    return _table(("Of one deployment", "Measured"), lines) + f"\n\n{circumstances}"


def of_a_steady_pace(measured: Measured) -> str:
    """What our processes had at the beginning and at the end of `make soak`, and at most."""
    soak = measured.soak
    kept = soak["kept"]
    rows = [
        (
            f"`{name}`",
            *(f"{megabytes[when]:.0f}" for when in ("first", "last", "most")),
            f"{kept['threads'][name]['most']}",
            f"{kept['open_files'][name]['most']}",
        )
        for name, megabytes in kept["megabytes"].items()
        if name.startswith(("serve", "work"))
    ]
    heads = ("Process", "MB, first", "MB, last", "MB, at most", "threads", "open files")
    waits = soak["p95_milliseconds"]
    told = (
        f"{_number(soak['count'])} deployments in {soak['seconds'] / 60:.0f} minutes,"
        f" {soak['rate']:g} a second and as many pages of a hundred: {soak['errors']} errors,"
        f" {soak['differences']} differences from what chains and books say. 95 of 100 were"
        f" accepted within {_number(waits['accept']['median'])} ms, and pages were read within"
        f" {_number(waits['page']['median'])} ms, in the middle of its minutes;"
        f" {soak['processors']} processors, {soak['processor']}, commit {soak['commit'][:7]}."
    )
    return _table(heads, rows) + f"\n\n{told}"


def demands(measured: Measured) -> str:
    columns = [Demand(times=times, measured=measured) for times in TIMES]
    rows: list[tuple[str, Callable[[Demand], str]]] = [
        ("deployments a day", lambda each: _number(each.a_day)),
        ("a second, on average", lambda each: _small(each.mean)),
        ("a second, at the peak", lambda each: _small(each.peak)),
        ("`tallystick serve`, processes", lambda each: str(each.processors("serve"))),
        ("`tallystick work`, processes", lambda each: str(each.processors("work"))),
        ("processors of PostgreSQL", lambda each: str(each.processors("postgresql"))),
        ("connections at most", lambda each: str(each.connections)),
        ("write-ahead log a day", lambda each: _size(each.wal_a_day)),
        ("write-ahead log a second, at the peak", lambda each: _size(each.wal_at_the_peak)),
        (
            f"stored in {YEARS} years, nothing archived",
            lambda each: _size(each.stored(each.measured.bytes)),
        ),
        (
            f"stored in {YEARS} years, one of them hot",
            lambda each: _size(
                each.stored(each.measured.bytes - each.measured.leaving_bytes)
                + each.stored(each.measured.leaving_bytes, years=1)
            ),
        ),
        ("audit events a second, at the peak", lambda each: _small(each.events_at_the_peak)),
        ("of what one sealer seals", lambda each: _share(each.events_at_the_peak, _seals(each))),
        ("of the credits' rate of two processes", lambda each: _share(each.peak, _pairs(each))),
    ]
    return _table(
        ("", *(f"{times:,}×" for times in TIMES)),
        [(name, *(tell(each) for each in columns)) for name, tell in rows],
    )


def assumptions(_: Measured) -> str:
    leaving = " and ".join(f"`{name}`" for name in LEAVING)
    return (
        f"- 1× is {_number(ONCE)} deployments a day; the busiest second has {PEAK} times the"
        " average.\n"
        f"- No processor is fuller than {FULL:.0%} then, and one Python process fills one.\n"
        f"- A process has at most {CONNECTIONS} connections (`[database] connections`), and"
        " there is one sealer.\n"
        f"- A year has {_DAYS} days. A month that has left keeps what is not {leaving}."
    )


def connections(measured: Measured) -> str:
    fits = MAX_CONNECTIONS - RESERVED
    processes = fits // CONNECTIONS
    per = {each: Demand(times=each, measured=measured).connections for each in TIMES}
    beyond = [f"{times:,}× ({count})" for times, count in per.items() if count > fits]
    said = (
        f"From {beyond[0]} on it must be raised." if beyond else "It is enough for all of these."
    )
    return (
        f"PostgreSQL's own default, {MAX_CONNECTIONS} of which {RESERVED} are kept for superusers,"
        f" is enough for {processes} processes. {said}"
    )


def slots(measured: Measured) -> str:
    rows = []
    for network, seconds in BLOCKS.items():
        rate = OPEN_SLOTS / seconds
        enough = [times for times in TIMES if Demand(times=times, measured=measured).peak <= rate]
        rows.append(
            (network, f"{seconds:g} s", f"{rate:.1f}/s", f"{max(enough):,}×" if enough else "none")
        )
    return (
        _table(("Network", "A block each", "One treasury at most", "Enough up to"), rows)
        + f"\n\nA treasury has at most {OPEN_SLOTS} transactions that no block has yet, so that is"
        " what it may send in the time of a block, where every block takes all of them."
    )


BLOCKS_OF_THE_PAGE: Mapping[str, Callable[[Measured], str]] = {
    "of_one_postgresql": of_one_postgresql,
    "of_one_deployment": of_one_deployment,
    "of_a_steady_pace": of_a_steady_pace,
    "assumptions": assumptions,
    "demands": demands,
    "connections": connections,
    "slots": slots,
}


def _seals(demand: Demand) -> float:
    return float(demand.measured.figures["seal_events_per_second"]["per_second"])


def _pairs(demand: Demand) -> float:
    figure = demand.measured.figures["hold_capture_vs_tpcb"]
    return float(figure["ours_per_second"]["median"])


def _ours(figure: Mapping[str, Any]) -> str:
    if "per_second" in figure:
        return f"{_number(figure['per_second'])}/s"
    return f"{_number(figure['ours_per_second']['median'])}/s"


def _against(figure: Mapping[str, Any]) -> str:
    if "ratio" not in figure:
        return ""
    limit = _number(figure["limit_per_second"]["median"])
    return f"{figure['ratio']} of {limit}/s: {figure['against']}"


def _share(part: float, whole: float) -> str:
    share = part / whole
    return f"{share:.2%}" if share < 0.1 else f"{share:.0%}"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _small(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _size(bytes_: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_ < 1_000:
            return f"{bytes_:.3g} {unit}"
        bytes_ /= 1_000
    return f"{bytes_:,.1f} TB"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines: Iterator[Sequence[str]] = iter((heads, ["---"] * len(heads), *rows))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
