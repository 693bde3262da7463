"""What became of the faults, as a page: docs/faults.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
_HEAD = """\
# Faults

`make faults` breaks one thing after the other under load, on real parts, and writes this page
and [its data](proofs/faults.json). PostgreSQL, anvil (a block each second, five to finality), two
nodes of the Algorand simulator that must agree, one API process and two workers live through
fifteen of them, others through the next; a proxy stands before each server. For each fault an
organisation of its own asks for four tokens before and four while it lasts, and repeats what got
no answer with the same `Idempotency-Key`.

It **held** if all eight were completed afterwards, each once by the chains' own word (raw JSON-RPC
and algod HTTP) and paid once, nothing is held any more, the trail has no gap, and
`tallystick verify ledger` finds nothing.

"""


def table(told: Mapping[str, Any]) -> str:
    return _HEAD + "\n".join(_lines(told)) + "\n"


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    tried = [each for each in told["faults"] if not each["skipped"]]
    held = [each for each in tried if not each["wrong"]]
    yield f"At {told['commit'][:12]}, on {told['processors']} processors: {len(held)} of"
    yield f"{len(tried)} held, {len(told['faults']) - len(tried)} were not tried."
    yield ""
    yield "| What | is wrong | Outcome | All had ended after | Clients heard meanwhile |"
    yield "|---|---|---|---|---|"
    for each in told["faults"]:
        heard = ", ".join(f"{what} ({times})" for what, times in each["clients_heard"].items())
        ended = each["seconds_to_the_end"]
        after = "" if ended is None else f"{ended} s"
        cells = (each["part"], each["name"], _outcome(each), after, heard or "nothing")
        yield f"| {' | '.join(cells)} |"


def _outcome(each: Mapping[str, Any]) -> str:
    if each["skipped"]:
        return f"not tried: {each['skipped']}"
    if each["wrong"]:
        return "**did not hold**: " + "; ".join(each["wrong"])
    return "held"
