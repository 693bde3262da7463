"""One group on its way through the machine, and what all its programs share.

An inner group is a run of its own, with the allowance of the one that made it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from entrypoints.devnet.algod.applied import NOTHING, Applied, Value
from entrypoints.devnet.algod.avm.resources import Resources
from entrypoints.devnet.algod.limits import BUDGET, MIN_FEE, MOST_INNER, MOST_LOG_BYTES, MOST_LOGS
from entrypoints.devnet.algod.state import Draft
from entrypoints.devnet.algod.transactions import Group, SignedTransaction

#: What a simulation with `allow-more-logging` may log.
_MANY_LOGS, _MANY_LOG_BYTES = 2048, 65_536

Perform = Callable[[Draft, SignedTransaction, "Run", int], Applied]


@dataclass(frozen=True)
class Leniency:
    """What a simulation may ask for beyond the rules."""

    more_logging: bool = False
    unnamed_resources: bool = False
    extra_budget: int = 0

    @property
    def logs(self) -> int:
        return _MANY_LOGS if self.more_logging else MOST_LOGS

    @property
    def log_bytes(self) -> int:
        return _MANY_LOG_BYTES if self.more_logging else MOST_LOG_BYTES


STRICT = Leniency()


@dataclass
class Allowance:
    """Of a whole group, its inner transactions included."""

    resources: Resources
    leniency: Leniency
    genesis_hash: bytes
    fee_sink: bytes
    #: Applies one transaction: an inner one goes the way of the others.
    perform: Perform
    #: Steps that are left, and all that were given.
    budget: int
    added: int
    #: What was paid beyond the fees: inner transactions may spend it.
    fee_credit: int
    inner_left: int = MOST_INNER
    #: What was used without having been named, where that is allowed, in order.
    unnamed: dict[tuple[str, object], None] = field(default_factory=dict)


class Caller(Protocol):
    """The program that makes an inner group, as those inside it see it."""

    application_id: int
    position: int

    @property
    def address(self) -> bytes: ...

    @property
    def run_of(self) -> "Run": ...


@dataclass
class Run:
    group: Group
    allowance: Allowance
    #: The program that made this group; None: a person did.
    caller: Caller | None = None
    #: The ids of the transactions; an inner one's depends on where it was made.
    txids: tuple[bytes, ...] = ()
    applied: list[Applied] = field(default_factory=list)
    #: What each program left in its scratch space.
    scratch: dict[int, list[Value]] = field(default_factory=dict)
    #: The steps that each transaction took, those of its inner ones included.
    consumed: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of_group(
        cls,
        group: Group,
        *,
        genesis_hash: bytes,
        fee_sink: bytes,
        perform: Perform,
        leniency: Leniency = STRICT,
    ) -> "Run":
        calls = sum(transaction.type == "appl" for transaction in group)
        budget = BUDGET * calls + (leniency.extra_budget if calls else 0)
        paid = sum(transaction.fee for transaction in group)
        allowance = Allowance(
            resources=Resources.of_group(group),
            leniency=leniency,
            genesis_hash=genesis_hash,
            fee_sink=fee_sink,
            perform=perform,
            budget=budget,
            added=budget,
            fee_credit=max(0, paid - MIN_FEE * len(group)),
        )
        return cls(group, allowance, txids=tuple(each.txid_bytes for each in group))

    def charge(self, position: int, cost: int) -> None:
        """To the whole group's budget, and to the transaction that a person sent."""
        if self.caller is not None:
            self.caller.run_of.charge(self.caller.position, cost)
            return
        self.allowance.budget -= cost
        self.consumed[position] = self.consumed.get(position, 0) + cost

    def record(self, applied: Applied) -> None:
        """The next transaction was applied: what it created may be used from now on."""
        self.applied.append(applied)
        resources = self.allowance.resources
        resources.created_assets |= {applied.created_asset} - {0}
        resources.created_applications |= {applied.created_application} - {0}

    def applied_of(self, position: int) -> Applied:
        return self.applied[position] if position < len(self.applied) else NOTHING
