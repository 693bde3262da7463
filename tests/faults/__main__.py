"""``make faults``: break one thing after the other under load, and see what comes of it.

One installation lives through fifteen of them, another one through the next: PostgreSQL, an EVM
node in the hard profile (a block each second, five to finality), two Algorand nodes that must
agree, the API and two workers.  For each fault an organisation of its own asks for tokens before
and while it lasts.  When it is over all of them have to be completed, each once by the chains' own
word, paid once, and `verify ledger` and the trail have to be whole.  The outcome is data,
docs/proofs/faults.json, and a table of it, docs/faults.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
from attrs import asdict, define, field

from entrypoints.demo.parts import ALGORAND, EVM
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.house import Wired, wired_house
from tests.faults.table import TABLE, table
from tests.whole.oracles import (
    CREDITS,
    created,
    deployed,
    differences_in_the_books,
    uuid_of,
)
from tests.whole.processes import Client, sign_up

ROOT = Path(__file__).parents[2]
OUTCOME = ROOT / "docs" / "proofs" / "faults.json"
#: How many are asked for before it breaks, and while it is broken; half on each chain.
BEFORE, DURING = 4, 4
#: anvil keeps the state after each block, and writes all of them each second: after half an hour
#: that takes longer than a second, and no moment is left at which it may be killed.
_OF_ONE_HOUSE = 15
#: How long everything may take to end afterwards.
PATIENCE_SECONDS = 180.0


@define
class Outcome:
    part: str
    name: str
    #: Why it was not tried, if it was not.
    skipped: str | None = None
    deployments: int = 0
    #: From the end of the fault to the end of the last deployment.
    seconds_to_the_end: float | None = None
    #: Other than what they had asked for, and how often.
    clients_heard: dict[str, int] = field(factory=dict)
    #: Whatever is not as promised.
    wrong: list[str] = field(factory=list)


def main() -> int:
    asked = _parser().parse_args()
    chosen = [each for each in FAULTS if asked.only in f"{each.part}: {each.name}"]
    if asked.list:
        for each in chosen:
            _say(f"{each.part}: {each.name}")
        return 0
    if not chosen:
        print(f"no fault has {asked.only!r} in its name; --list lists them", file=sys.stderr)  # noqa: T201
        return 2
    outcomes = []
    for before in range(0, len(chosen), _OF_ONE_HOUSE):
        with wired_house() as wired:
            these = chosen[before : before + _OF_ONE_HOUSE]
            for number, fault in enumerate(these, before + 1):
                outcome = try_out(wired, fault)
                outcomes.append(outcome)
                if not asked.json:
                    _say(
                        f"{number:3} of {len(chosen)}  {_verdict(outcome)}  "
                        f"{fault.part}: {fault.name}"
                    )
                    for each in outcome.wrong:
                        _say(f"           {each}")
    told = summed_up(outcomes)
    if not asked.only and not _git(
        "status", "--porcelain", "--", ".", f":!{OUTCOME}", f":!{TABLE}"
    ):
        OUTCOME.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
        TABLE.write_text(table(told))
        print(f"written: {OUTCOME.relative_to(ROOT)}, {TABLE.relative_to(ROOT)}", file=sys.stderr)  # noqa: T201
    if asked.json:
        _say(json.dumps(told))
    return int(any(each.wrong for each in outcomes))


def try_out(wired: Wired, fault: Fault) -> Outcome:
    outcome = Outcome(fault.part, fault.name)
    outcome.skipped = fault.lacks(wired)
    if outcome.skipped:
        return outcome
    house, parts = wired.house, wired.house.parts
    contracts = set(deployed(house.anvil.url))
    organisation, key = sign_up(parts, f"{uuid4().hex}@example.com")
    count = outcome.deployments = BEFORE + DURING
    parts.command("tariff", "set", organisation, "enterprise", "--reason", "faults")
    parts.command("credits", "grant", organisation, str(count * CREDITS), "--reason", "faults")
    client = Client(api=parts.api, key=key)
    ids = [client.deploy(number) for number in range(BEFORE)]
    client.heard.clear()
    with ThreadPoolExecutor(DURING + 1) as people:
        with fault.breaks(wired):
            asking = [people.submit(client.deploy, BEFORE + n) for n in range(DURING)]
            looking, over = people.submit(_look, client, ids[0], ended := threading.Event()), ended
            time.sleep(fault.seconds)
            over.set()
        healed = time.monotonic()
        parts.await_ready()
        for each in asking:
            try:
                ids.append(each.result())
            except AssertionError as error:
                # It was refused, which nobody had asked for; the faults after it are tried.
                outcome.wrong.append(f"refused: {error}")
        looking.result()
    outcome.clients_heard = dict(sorted(client.heard.items()))
    states = client.await_end(ids, PATIENCE_SECONDS)
    outcome.seconds_to_the_end = round(time.monotonic() - healed, 1)
    outcome.wrong += [
        f"{id} is {state}" for id, state in zip(ids, states, strict=True) if state != "Completed"
    ]
    outcome.wrong += _wrong_on_chain(wired, client, ids, contracts)
    outcome.wrong += _wrong_in_the_books(wired, organisation, count)
    return outcome


def _look(client: Client, id: str, over: threading.Event) -> None:
    while not over.wait(0.5):
        client.get(f"/v1/deployments/{id}")


def _wrong_on_chain(
    wired: Wired, client: Client, ids: Sequence[str], before: set[str]
) -> Iterator[str]:
    asked = [client.get(f"/v1/deployments/{id}") for id in ids]
    # What has none yet is not done, which is told already.
    made = [each for each in asked if each["address"] is not None]
    told = sorted(str(each["address"]).lower() for each in made if each["network"] == EVM)
    found = sorted(set(deployed(wired.house.anvil.url)) - before)
    if found != told:
        yield f"the factory has made {found}, told were {told}"
    assets = sorted(int(str(each["address"])) for each in made if each["network"] == ALGORAND)
    for issuer in {str(each["owner"]) for each in made if each["network"] == ALGORAND}:
        for node in wired.house.algod.urls:
            if sorted(created(node, issuer)) != assets:
                yield f"{issuer} has made {sorted(created(node, issuer))}, told were {assets}"


def _wrong_in_the_books(wired: Wired, organisation: str, count: int) -> Iterator[str]:
    parts = wired.house.parts
    with psycopg.connect(parts.database) as connection:
        yield from differences_in_the_books(connection, organisation, count)
        twice = connection.execute(
            b"SELECT count(*) FROM (SELECT 1 FROM audit_events WHERE organisation_id = %s"
            b" AND action = 'deployment.completed' GROUP BY subject HAVING count(*) > 1) AS t",
            [uuid_of(organisation)],
        ).fetchone()
        if twice != (0,):
            yield f"deployments that are completed twice in the trail: {twice}"
    named = {finding["invariant"] for finding in _findings(parts.environment, organisation)}
    yield from (f"verify ledger names {each}" for each in sorted(named))


def _findings(environment: Mapping[str, str], organisation: str) -> list[dict[str, str]]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "entrypoints.main",
            "verify",
            "ledger",
            organisation,
            "--json",
        ],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return list(told["findings"])


def summed_up(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "commit": _git("rev-parse", "HEAD"),
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "faults": [asdict(each) for each in outcomes],
    }


def _verdict(outcome: Outcome) -> str:
    if outcome.skipped:
        return f"not tried ({outcome.skipped})"
    return "WRONG" if outcome.wrong else f"held, ended after {outcome.seconds_to_the_end} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make faults", description="Break one thing after the other, under load."
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="those with TEXT in their name")
    parser.add_argument("--list", action="store_true", help="name them, and try none")
    parser.add_argument("--json", action="store_true", help="answer a program")
    return parser


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command answers


if __name__ == "__main__":
    sys.exit(main())
