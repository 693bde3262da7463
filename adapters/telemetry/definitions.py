"""Every figure that is served: what it is called, what it is told by, and what it says.

docs/metrics.md is made from this table.  What a label may be is bounded: names of routes, states,
networks, nodes, custodians and calls, which the code or the configuration has; never an id, an
address or a text from outside.
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen

PREFIX = "tallystick_"


class Type(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    #: By what the process does itself: add up over processes.
    PROCESS = "process"
    #: By the database, whichever process asks: take any one, `max`.
    DATABASE = "database"


#: Seconds, from a read of the database to a chain that takes its time.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: Commands that share a commit.
COMMANDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


@frozen(kw_only=True)
class Definition:
    name: str
    type: Type
    labels: tuple[str, ...] = ()
    meaning: str
    source: Source = Source.PROCESS
    buckets: tuple[float, ...] = field(default=SECONDS)

    @property
    def full_name(self) -> str:
        """As it is served; of a histogram, what its lines begin with."""
        return f"{PREFIX}{self.name}" + ("_total" if self.type is Type.COUNTER else "")


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        name="http_requests",
        type=Type.COUNTER,
        labels=("method", "route", "status"),
        meaning="Requests answered. `route` is the template; `-` where there is no such route.",
    ),
    Definition(
        name="http_request_seconds",
        type=Type.HISTOGRAM,
        labels=("method", "route"),
        meaning="From the first byte of a request to the last of its answer; event streams last "
        "as long as somebody listens, and are left out.",
    ),
    Definition(
        name="deployment_turns",
        type=Type.COUNTER,
        labels=("state", "failure"),
        meaning="Turns in which a worker carried a deployment or operation on: the `state` it was "
        "in afterwards, or why the turn failed.",
    ),
    Definition(
        name="deployment_turn_seconds",
        type=Type.HISTOGRAM,
        meaning="How long such a turn took, with all that was asked of chain and custodian.",
    ),
    Definition(
        name="node_calls",
        type=Type.COUNTER,
        labels=("network", "node", "call", "failure"),
        meaning="Questions to a chain's node; `failure` is empty, or `unavailable`, `history` (it "
        "has not kept the block), `wrong_chain`, or the name of a mistake.",
    ),
    Definition(
        name="node_call_seconds",
        type=Type.HISTOGRAM,
        labels=("network", "node", "call"),
        meaning="How long a node took to answer, or not to.",
    ),
    Definition(
        name="custodian_calls",
        type=Type.COUNTER,
        labels=("custodian", "call", "failure"),
        meaning="What custodians were asked; `failure` is empty, `unavailable`, or the code of a "
        "refusal.",
    ),
    Definition(
        name="custodian_call_seconds",
        type=Type.HISTOGRAM,
        labels=("custodian", "call"),
        meaning="How long a custodian took.",
    ),
    Definition(
        name="webhook_attempts",
        type=Type.COUNTER,
        labels=("event_type", "outcome"),
        meaning="Messages sent to members' endpoints: `2xx` to `5xx` as they answered, or "
        "`no_answer`.",
    ),
    Definition(
        name="webhook_attempt_seconds",
        type=Type.HISTOGRAM,
        meaning="How long receivers took.",
    ),
    Definition(
        name="ledger_turns",
        type=Type.COUNTER,
        labels=("failure",),
        meaning="Commits that metered calls shared (ADR 23).",
    ),
    Definition(
        name="ledger_turn_seconds",
        type=Type.HISTOGRAM,
        meaning="How long such a commit took.",
    ),
    Definition(
        name="ledger_turn_commands",
        type=Type.HISTOGRAM,
        meaning="How many commands shared a commit.",
        buckets=COMMANDS,
    ),
    Definition(
        name="seal_rounds",
        type=Type.COUNTER,
        labels=("failure",),
        meaning="Rounds of the sealer.",
    ),
    Definition(
        name="sealed_events",
        type=Type.COUNTER,
        meaning="Audit events that this process sealed.",
    ),
    Definition(
        name="periodic_runs",
        type=Type.COUNTER,
        labels=("task", "failure"),
        meaning="What a worker does beside deployments, each by its interval.",
    ),
    Definition(
        name="periodic_run_seconds",
        type=Type.HISTOGRAM,
        labels=("task",),
        meaning="How long it took.",
    ),
    Definition(
        name="tasks",
        type=Type.COUNTER,
        labels=("topic", "failure"),
        meaning="Tasks of the queue that this worker has run: keys made, letters sent, exports "
        "made, gifts delivered.",
    ),
    Definition(
        name="task_seconds",
        type=Type.HISTOGRAM,
        labels=("topic",),
        meaning="How long they took.",
    ),
    Definition(
        name="alarms",
        type=Type.COUNTER,
        labels=("code",),
        meaning="How often something needed a person ([alarms.md](alarms.md)); it is counted as "
        "often as it is found, and logged every ten minutes.",
    ),
    Definition(
        name="database_connections",
        type=Type.GAUGE,
        labels=("state",),
        meaning="Connections of this process's pool that are `used` and `idle`.",
    ),
    Definition(
        name="database_waiting",
        type=Type.GAUGE,
        meaning="Threads of this process that wait for a connection.",
    ),
    Definition(
        name="figures_up",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="1 where the database told the figures below; 0: they are missing, not zero.",
    ),
    Definition(
        name="operations_open",
        type=Type.GAUGE,
        labels=("state",),
        source=Source.DATABASE,
        meaning="Deployments and operations that are not over, by state: the queue.",
    ),
    Definition(
        name="operations_open_age_seconds",
        type=Type.GAUGE,
        labels=("state",),
        source=Source.DATABASE,
        meaning="How long ago the oldest of them was accepted.",
    ),
    Definition(
        name="operations_due",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="Those that a worker should be looking at, and none is.",
    ),
    Definition(
        name="operations_due_age_seconds",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="How long the first of them has been waiting for a worker.",
    ),
    Definition(
        name="outbox",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="Tasks that wait to be handed to the queue.",
    ),
    Definition(
        name="outbox_age_seconds",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="How long the oldest of them has been waiting.",
    ),
    Definition(
        name="webhooks_pending",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="Messages to enabled endpoints that were not delivered yet.",
    ),
    Definition(
        name="webhooks_pending_age_seconds",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="How old the oldest of them is; a receiver that refuses makes it grow for three "
        "days.",
    ),
    Definition(
        name="seal_backlog",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="Audit events that are not sealed yet. Missing where no log is open.",
    ),
    Definition(
        name="seal_backlog_age_seconds",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="How old the first of them is: the sealing lag.",
    ),
    Definition(
        name="checkpoint_age_seconds",
        type=Type.GAUGE,
        source=Source.DATABASE,
        meaning="How long ago the newest checkpoint was signed; it grows where nothing happens.",
    ),
    Definition(
        name="anchor_age_seconds",
        type=Type.GAUGE,
        labels=("network",),
        source=Source.DATABASE,
        meaning="How long ago the newest anchor that is complete was asked for.",
    ),
    Definition(
        name="treasury_balance",
        type=Type.GAUGE,
        labels=("network",),
        source=Source.DATABASE,
        meaning="What treasury accounts held when a worker last looked, together, in base units.",
    ),
    Definition(
        name="halted",
        type=Type.GAUGE,
        labels=("network",),
        source=Source.DATABASE,
        meaning="Signers that are halted, and 1 more where the network is.",
    ),
)

BY_NAME: Mapping[str, Definition] = {each.name: each for each in DEFINITIONS}
#: What `Figures` tells: what it is called there, its gauge of how many and its gauge of how old;
#: and the label that tells them apart.
DEPTHS: Mapping[str, tuple[str | None, str | None]] = {
    "operations_open": ("operations_open", "operations_open_age_seconds"),
    "operations_due": ("operations_due", "operations_due_age_seconds"),
    "outbox": ("outbox", "outbox_age_seconds"),
    "webhooks_pending": ("webhooks_pending", "webhooks_pending_age_seconds"),
    "seal_backlog": ("seal_backlog", "seal_backlog_age_seconds"),
    "checkpoint": (None, "checkpoint_age_seconds"),
    "anchor": (None, "anchor_age_seconds"),
    "treasury_balance": ("treasury_balance", None),
    "halted": ("halted", None),
}
