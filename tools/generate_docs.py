"""Write the pages of docs/ that are made from the code, or say which are out of date.

python tools/generate_docs.py            write
python tools/generate_docs.py --check    compare; exit 1 naming every page that differs
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path

from adapters.algorand import standards as algorand
from adapters.evm import standards as evm
from adapters.telemetry.definitions import DEFINITIONS, Source
from domain.deployment import ACTIONS, EDGES, Failed, Reason, State
from domain.operation import WaitReason
from entrypoints.http import openapi, problems
from entrypoints.http.app import RESOURCES
from entrypoints.http.timeline import WAITING, Mover

DOCS = Path(__file__).resolve().parents[1] / "docs"

#: What a reason code says; codes never change their meaning.
MEANINGS: Mapping[Reason, str] = {
    Reason.DEPLOYMENT_SUBMITTED: "Signed bytes and transaction id are stored; the outcome may be "
    "unknown from here on.",
    Reason.DEPLOYMENT_VALIDATION_FAILED: "The chain would refuse it, or the licence no longer "
    "lets it begin; nothing was signed.",
    Reason.USER_CANCELLED: "Withdrawn while no slot was reserved.",
    Reason.TRANSACTION_BROADCAST: "A node has the bytes.",
    Reason.TRANSACTION_SUBMISSION_FAILED: "Proven: it can never land. No node took it.",
    Reason.TRANSACTION_CONFIRMED: "Every step is in a block that will not vanish.",
    Reason.TRANSACTION_REVERTED: "Reverted or filled at finality, and no effect is there.",
    Reason.POST_DEPLOYMENT_FAILED: "Something exists that is not what was planned.",
    Reason.TRANSACTION_INDEXED: "What is on chain equals the plan.",
    Reason.DEPLOYMENT_COMPLETED: "The credits are captured.",
    Reason.DEPLOYMENT_RETRY_REQUESTED: "Asked for again after a failure that proved to be without "
    "effect; takes a new hold.",
}

_WHO: Mapping[Mover, str] = {
    Mover.NOBODY: "nobody",
    Mover.YOU: "a member",
    Mover.OPERATOR: "the operator",
}

_STATES = """\
# States of a deployment

This page is made from `domain/deployment.py` and `entrypoints/http/timeline.py` by
`python tools/generate_docs.py`.

{diagram}

Same to same is no transition. Nothing moves back when a block vanishes before it is final: the
deployment stays Pending, and the watch is open again. Completed and Cancelled are final; Failed
is left only by a retry, and only where the failure proved that nothing happened.

## Edges

{edges}

## Reason codes

{reasons}

## Why a deployment waits

A closed list. The answer of `GET /v1/deployments/{{id}}` names the reason, since when, and when it
is looked at next.

{waiting}

## Events

The names in the history, in the event stream and in the audit trail.

{events}
"""


def states_page() -> str:
    return _STATES.format(
        diagram="\n".join(_diagram()),
        edges=_table(
            ("From", "To", "Reason codes"),
            (
                (before.value, after.value, ", ".join(f"`{reason}`" for reason in sorted(reasons)))
                for (before, after), reasons in EDGES.items()
            ),
        ),
        reasons=_table(
            ("Code", "Means"), ((f"`{reason}`", MEANINGS[reason]) for reason in Reason)
        ),
        waiting=_table(
            ("Waits for", "In words", "Who must act"),
            (
                (f"`{reason}`", WAITING[reason].sentence, _WHO[WAITING[reason].mover])
                for reason in WaitReason
            ),
        ),
        events=_table(
            ("Event", "Says"),
            ((f"`{action}`", _first_sentences(event)) for event, action in ACTIONS.items()),
        ),
    )


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.QUEUED.value}"
    for (before, after), reasons in EDGES.items():
        yield f"    {before.value} --> {after.value}: {' or '.join(sorted(reasons))}"
    left = {before for before, _ in EDGES}
    for state in State:
        if state not in left:
            yield f"    {state.value} --> [*]"
    yield "```"


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _first_sentences(event: type) -> str:
    """What the event's own class says of it."""
    if event is Failed:
        return "It ended without the token that was planned; the reason code says how."
    if not event.__doc__:
        raise ValueError(f"{event.__name__} does not say what happened")
    return " ".join(cleandoc(event.__doc__).split("\n\n", maxsplit=1)[0].split())


_METRICS = """\
# Metrics

This page is made from `adapters/telemetry/definitions.py` by `python tools/generate_docs.py`.

Served in the text format of Prometheus (and as OpenMetrics, to whoever asks for it) at `/metrics`
of the place that `[metrics] listen` names: a port of each process's own, without a log-in, so let
nobody but your Prometheus reach it. What labels may be is bounded; none is an id.

## Of the process

What each process counts itself: add them up over processes (`sum`).

{process}

## Of the queues

Read from the database by processes that have `[metrics] database_url`, at most every five
seconds. One process is enough; where several do, they say the same (`max`). Ages are in seconds,
and 0 where there is nothing.

{database}
"""


def metrics_page() -> str:
    return _METRICS.format(
        process=_metrics_of(Source.PROCESS), database=_metrics_of(Source.DATABASE)
    )


def _metrics_of(source: Source) -> str:
    return _table(
        ("Name", "Type", "Labels", "Means"),
        (
            (
                f"`{each.full_name}`",
                each.type.value,
                ", ".join(f"`{label}`" for label in each.labels),
                each.meaning,
            )
            for each in DEFINITIONS
            if each.source is source
        ),
    )


def description() -> str:
    """What /openapi.json says of an installation that offers every kind that there is."""
    handlers = [handler for resource in RESOURCES for handler in resource.HANDLERS]
    kinds = [
        kind.description for each in (evm.kinds(), algorand.kinds()) for kind in each.values()
    ]
    made = openapi.document(openapi.operations_of(handlers), kinds, "")
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


PAGES: Mapping[Path, Callable[[], str]] = {
    DOCS / "metrics.md": metrics_page,
    DOCS / "states.md": states_page,
    DOCS / "errors.md": problems.page,
    DOCS / "openapi.json": description,
}


def is_current(path: Path) -> bool:
    return path.is_file() and path.read_text("utf-8") == PAGES[path]()


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    stale = [path for path in PAGES if not is_current(path)]
    for path in stale:
        name = path.relative_to(DOCS.parent)
        if arguments:
            print(f"{name} is not what the code makes of it: run python tools/generate_docs.py")
        else:
            path.write_text(PAGES[path](), "utf-8")
            print(f"{name} written")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
